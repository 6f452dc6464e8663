"""The period that the statistics are of: whole days of UTC, chosen by a name or by two dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import pandas as pd

from services.errors import InvalidInput

DAYS: Final = {"7 days": 7, "30 days": 30, "90 days": 90, "1 year": 365}
CUSTOM: Final = "Custom"
PERIODS: Final = (
    "Today", "7 days", "30 days", "90 days", "This month", "Last month", "This quarter", "This year", "1 year", CUSTOM,
)  # fmt: skip
COMPARED: Final = ("Period before", "A year ago")


@dataclass(frozen=True, slots=True)
class Period:
    """The period in words and as times: `since` is in it, `until` is not."""

    words: str  # "in these 30 days"
    before: str  # "vs the 30 days before"
    since: datetime
    until: datetime

    @property
    def grain(self) -> str:
        """How wide a bar is: hour, day, week or month, so that there are neither a few nor hundreds."""
        days = (self.until - self.since).days
        return "hour" if days <= 1 else "day" if days <= 92 else "week" if days <= 400 else "month"

    @property
    def days_grain(self) -> str:
        """The same for what is kept by day."""
        return "day" if self.grain == "hour" else self.grain

    @property
    def per(self) -> str:
        return f"per {self.grain}"

    @property
    def step(self) -> timedelta:
        return step_of(self.grain)


def step_of(grain: str) -> timedelta:
    """How long a bar's span is; a month's about."""
    return {"hour": timedelta(hours=1), "week": timedelta(days=7), "month": timedelta(days=30)}.get(
        grain, timedelta(days=1)
    )


def span(begin: pd.Timestamp | datetime, grain: str) -> tuple[date, date]:
    """The days that a bar which begins here is of: the first, and the one after the last."""
    first = begin.date()
    match grain:
        case "month":
            return first, (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        case "week":
            return first, first + timedelta(days=7)
        case _:
            return first, first + timedelta(days=1)


def period_of(
    name: str, now: datetime, *, first: date | None = None, last: date | None = None, compared: str = COMPARED[0]
) -> Period:
    """The period of this name, today in it; `first` and `last` are the days of a custom one, both inside.

    Raises InvalidInput for one that ends before it begins.
    """
    today = now.astimezone(UTC).date()
    begin, end, words = _bounds(name, today, first, last)
    if end <= begin:
        raise InvalidInput("The period ends before it begins; choose a last day that is not before the first one.")
    length = (end - begin).days
    before = "vs the same days a year ago" if compared == COMPARED[1] else f"vs the {_days(length)} before"
    return Period(words, before, _midnight(begin), _midnight(end))


def _bounds(name: str, today: date, first: date | None, last: date | None) -> tuple[date, date, str]:
    tomorrow = today + timedelta(days=1)
    month = today.replace(day=1)
    match name:
        case "Today":
            return today, tomorrow, "today"
        case "This month":
            return month, tomorrow, "this month"
        case "Last month":
            return (month - timedelta(days=1)).replace(day=1), month, "last month"
        case "This quarter":
            return month.replace(month=3 * ((today.month - 1) // 3) + 1), tomorrow, "this quarter"
        case "This year":
            return month.replace(month=1), tomorrow, "this year"
        case "1 year":
            return tomorrow - timedelta(days=365), tomorrow, "in these 12 months"
        case "Custom":
            begin, end = first or today - timedelta(days=29), (last or today) + timedelta(days=1)
            return begin, end, f"from {_day(begin)} to {_day(end - timedelta(days=1))}"
        case _:
            days = DAYS.get(name, 30)
            return tomorrow - timedelta(days=days), tomorrow, f"in these {days} days"


def _days(length: int) -> str:
    return "day" if length == 1 else f"{length} days"


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def named(text: str) -> str:
    """The period that a filter names: "last-month", "Last month" and "last_month" are the same.

    Raises InvalidInput for a name that none has.
    """
    wanted = " ".join(text.replace("-", " ").replace("_", " ").split()).lower()
    for name in PERIODS:
        if name.lower() == wanted and name != CUSTOM:
            return name
    known = ", ".join(name.lower().replace(" ", "-") for name in PERIODS if name != CUSTOM)
    raise InvalidInput(f"'{text[:40]}' is no period; there are {known}.")
