"""Which of three numbers is the day, the month and the year: decided by the whole column, or asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from services.candles import dates
from services.candles.bars import Ints, Mask
from services.candles.questions import Question
from services.errors import InvalidInput

ORDERS: Final = ("dmy", "mdy", "ymd")
WORDS: Final = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}
_FIXED: Final = {
    "ymd": "ymd",
    "cjk": "ymd",
    "compact": "ymd",
    "d mon y": "dmy",
    "mon d y": "mdy",
    "mon d h y": "mdy",
    "y mon d": "ymd",
}


def decide_order(
    parts: dates.Parts,
    shape: str,
    unusable: Mask,
    sample: Sequence[str],
    asked: str | None,
    hint: str | None,
    hint_why: str,
) -> tuple[str, list[str]]:
    """The order of the parts, and the sentence that says why. Raises Question when two orders fit all rows."""
    if asked is not None and asked not in ORDERS:
        raise InvalidInput("The order of dates must be dmy, mdy or ymd.")
    if shape in _FIXED:
        return _FIXED[shape], []
    wide = shape == "eight" or (shape == "parts" and bool((parts.c >= 100).any()))
    if asked is not None and not (asked == "ymd" and wide):
        return asked, [f"The dates are {WORDS[asked]}, as given."]
    candidates = ("dmy", "mdy") if wide else ("ymd", "dmy", "mdy") if shape == "six" else ("dmy", "mdy", "ymd")
    days, wrong = {}, {}
    latest = date.today().toordinal() - date(1970, 1, 1).toordinal() + 366  # candles of years to come are none
    for order in candidates:
        day, no_date = dates.days_from_civil(*dates.ordered(parts, order, shape))
        to_come = day > latest
        days[order], wrong[order] = day[~unusable], int((no_date | to_come)[~unusable].sum())
    least = min(wrong.values())
    fitting = [o for o in candidates if wrong[o] == least]
    if len(fitting) == 1:
        return fitting[0], [f"The dates are {WORDS[fitting[0]]}, the only order in which the whole column is dates."]
    if all(np.array_equal(days[fitting[0]], days[o]) for o in fitting[1:]):
        return fitting[0], []
    return _by_more(fitting, days, shape, sample, hint, hint_why)


def _by_more(
    fitting: list[str], days: dict[str, Ints], shape: str, sample: Sequence[str], hint: str | None, hint_why: str
) -> tuple[str, list[str]]:
    sorted_ = [o for o in fitting if (np.diff(days[o]) >= 0).all() or (np.diff(days[o]) <= 0).all()]
    if len(sorted_) == 1:
        return sorted_[0], [f"The dates are {WORDS[sorted_[0]]}: only so are the rows in the order of time."]
    fitting = sorted_ or fitting
    if shape == "six" and "ymd" in fitting:
        return "ymd", ["The dates of six digits were taken as year, month, day."]
    if hint in fitting:
        return str(hint), [f"The dates are {WORDS[str(hint)]}, {hint_why}."]
    if shape == "parts" and "dmy" in fitting and all("." in cell for cell in sample if cell):
        return "dmy", ["The dates are day, month, year, as dates with points are written."]
    raise Question(
        f"The order of day and month cannot be told from the dates (such as {sample[0]}); say whether they are "
        f"{' or '.join(WORDS[o] for o in fitting)}.",
        asks="date_order",
        options=tuple(fitting),
    )
