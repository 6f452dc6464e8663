"""What kind of thing a column holds, by some of its cells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

import pyarrow as pa

from services.candles import dates
from services.candles.numerals import is_empty, is_number

_DIGITS: Final = re.compile(r"[0-9]+(?:\.0+)?")
_EPOCH: Final = re.compile(r"[0-9]{9,19}(?:\.[0-9]*)?|[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,2}")
_CLOCK: Final = re.compile(dates.CLOCK)


class CellKind(Enum):
    """Kinds, the more exact times first: those choose the time column where several could."""

    ZONED = "time with its zone"
    EPOCH = "unix time"
    STAMP = "date and time"
    DATE = "date"
    CLOCK = "time of day"
    DIGITS = "whole numbers"
    NUMBER = "numbers"
    TEXT = "text"
    EMPTY = "nothing"

    @property
    def is_time(self) -> bool:
        return self in (CellKind.ZONED, CellKind.EPOCH, CellKind.STAMP, CellKind.DATE, CellKind.CLOCK)

    @property
    def is_number(self) -> bool:
        return self in (CellKind.DIGITS, CellKind.NUMBER, CellKind.EPOCH, CellKind.DATE, CellKind.EMPTY)


def kind_of(cells: Sequence[str], *, times: bool = False) -> CellKind:
    """The kind of most of the cells that are not empty. `times`: the head says that they are times."""
    filled = [c.strip() for c in cells if not is_empty(c)]
    if not filled:
        return CellKind.EMPTY
    most = len(filled) * 0.8
    if sum(is_number(c) for c in filled) >= most and not _dates_of_digits(filled, most):
        return _of_numbers(filled, most, times)
    if sum(_CLOCK.match(c) is not None for c in filled) >= most:
        return CellKind.CLOCK
    shape = dates.shape_of(filled)
    if shape is None:
        return CellKind.TEXT
    compiled = re.compile(dates.SHAPES[shape])
    timed = [m["h"] is not None for m in map(compiled.match, filled) if m]
    if not any(timed):
        return CellKind.DATE
    zoned = sum(bool(m["z"]) for m in map(compiled.match, filled) if m)
    return CellKind.ZONED if zoned >= most else CellKind.STAMP


def _dates_of_digits(filled: Sequence[str], most: float) -> bool:
    """`04.03.2024` and `20240304 093000` look like numbers and are none."""
    whole = sum(_DIGITS.fullmatch(c) is not None for c in filled) >= most
    return not whole and dates.shape_of(filled) is not None


def _of_numbers(filled: Sequence[str], most: float, times: bool) -> CellKind:
    whole = sum(_DIGITS.fullmatch(c) is not None for c in filled) >= most
    shape = dates.shape_of(filled) if whole else None
    if shape == "compact" and len(filled[0]) in (8, 12, 14, 17):
        return CellKind.DATE if len(filled[0]) == 8 else CellKind.STAMP
    if sum(_EPOCH.fullmatch(c) is not None for c in filled) >= most and (times or _runs(filled)):
        return CellKind.EPOCH
    if shape in ("six", "eight") and _are_dates(filled, shape):
        return CellKind.DATE
    if not whole and all(20_000 <= float(c) < 80_000 for c in filled if _plain(c)) and all(map(_plain, filled)):
        return CellKind.EPOCH if _runs(filled) else CellKind.NUMBER  # Excel's numbers of days
    return CellKind.DIGITS if whole else CellKind.NUMBER


def _plain(cell: str) -> bool:
    return re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", cell) is not None


def _runs(filled: Sequence[str]) -> bool:
    """Times go one way, but for a row here and there, and are not all one."""
    values = [float(c.replace(",", ".")) for c in filled if _plain(c) or _EPOCH.fullmatch(c)]
    ups = sum(b >= a for a, b in itertools.pairwise(values))
    steps = len(values) - 1
    known = all(v >= 1e8 for v in values)
    return (steps == 0 and known) or (steps > 0 and max(ups, steps - ups) >= 0.9 * steps)


def _are_dates(filled: Sequence[str], shape: str) -> bool:
    """Digits are dates when every one is, in one order, and they go one way."""

    def fits(c: str, order: str) -> bool:
        cuts = {"six": (c[:2], c[2:4], c[4:6]), "eight": (c[:2], c[2:4], c[4:8])}[shape]
        day, month = {"ymd": (cuts[2], cuts[1]), "dmy": (cuts[0], cuts[1]), "mdy": (cuts[1], cuts[0])}[order]
        return 1 <= int(day) <= 31 and 1 <= int(month) <= 12

    orders = ("ymd", "dmy", "mdy") if shape == "six" else ("dmy", "mdy")
    return any(all(fits(c, o) for c in filled) for o in orders)


def on_whole_seconds(cells: Sequence[str]) -> bool:
    """Whether unix times in milliseconds or finer fall on whole seconds; others have no such doubt."""
    digits = [c for c in cells if c.isdigit() and len(c) > 11]
    return not digits or all(int(c) % 10 ** ((len(c) - 10) // 3 * 3) == 0 for c in digits)


def goes_back(cells: Sequence[str]) -> bool:
    """Whether times have the newest first, under any order of day and month."""
    filled = [c for c in cells if c]
    if filled and all(_plain(c) or _EPOCH.fullmatch(c) for c in filled):
        return _falls([float(c.replace(",", ".")) for c in filled])
    shape = dates.shape_of(filled)
    if shape is None:
        return False
    parts = dates.read_dates(pa.array(filled, type=pa.string()), shape)
    keys = [dates.days_from_civil(*dates.ordered(parts, order, shape))[0] for order in ("ymd", "dmy", "mdy")]
    return any(_falls((day * 86_400 + parts.seconds).tolist()) for day in keys)


def _falls(values: Sequence[float]) -> bool:
    steps = [b - a for a, b in itertools.pairwise(values) if b != a]
    return bool(steps) and sum(step < 0 for step in steps) > 0.9 * len(steps)
