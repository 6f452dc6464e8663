"""The time of every bar in UTC seconds, from whatever the file's time columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.candles import dates, zones
from services.candles.bars import Floats, Ints, Mask
from services.candles.clocks import localise
from services.candles.orders import decide_order
from services.candles.questions import Faults, Question

NO_ZONE: Final = "The times in this file carry no time zone; say which one they are in."
_EARLIEST: Final = -2_208_988_800  # 1900-01-01
_LATEST: Final = 4_102_444_800  # 2100-01-01
_EMPTY: Final = r"^(?i:|nan|null|none|nat|n/?a|-+)$"
_EXCEL_ZERO: Final = -2_209_161_600  # 1899-12-30, day 0 of Excel's day numbers
_UNITS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True, slots=True)
class TimeHints:
    """What is known beside the cells: the person's answers, and what head, notes and the kind of file say."""

    tz: str | None = None
    date_order: str | None = None
    zone: str | None = None
    zone_from: str = ""
    likely: tuple[str, ...] = ()
    order: str | None = None
    order_why: str = ""


@dataclass
class Moments:
    """UTC seconds by row; a row at fault has 0 and stands in the faults. `dates_only`: days without a time of day."""

    seconds: Ints
    decided: list[str] = field(default_factory=list)
    dates_only: bool = False


def read_moments(time: Any, clock: Any | None, faults: Faults, hints: TimeHints) -> Moments:
    """The times of the rows of `faults`, which takes what is wrong with them.

    `time` is a column of text, numbers, dates or timestamps; `clock` the time of day where it has a column of its own.
    Raises Question when the zone or the order of day and month is open.
    """
    kind = time.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = _from_text(time, clock, faults, hints)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        found = _from_numbers(_float(time), _whole(time), faults)
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        found = _from_stamps(time, faults, hints)
    else:
        raise Question(f"The column of times holds {kind} values, which are no times; name another.", asks="columns")
    outside = (found.seconds < _EARLIEST) | (found.seconds >= _LATEST)
    faults.add("the time is outside the years 1900 to 2099", outside & ~faults.mask)
    found.seconds[faults.mask] = 0
    return found


def _float(column: Any) -> Floats:
    return np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)


def _whole(column: Any) -> Ints | None:
    if not pa.types.is_integer(column.type) or column.null_count:
        return None
    return np.asarray(pc.cast(column, pa.int64(), safe=False), dtype=np.int64)


def _from_text(time: Any, clock: Any | None, faults: Faults, hints: TimeHints) -> Moments:
    time = pc.fill_null(time, "")
    empty = np.asarray(pc.match_substring_regex(time, _EMPTY))
    faults.add("the time is empty", empty)
    sample = [v for v in _some(time) if v]
    shape = dates.shape_of(sample)
    digits = np.asarray(pc.match_substring_regex(time, dates.EPOCH))
    if (
        clock is None
        and (digits | empty).all()
        and not (shape in ("compact", "six", "eight") and _all_of(time, shape, empty))
    ):
        return _from_digits(time, empty, faults)
    if shape is None:
        cell = sample[0] if sample else ""
        raise Question(
            f'The time "{cell[:40]}" is not understood; use ISO 8601, such as 2024-01-31 09:30, or unix time, or name '
            "another column for it.",
            asks="columns",
        )
    return _from_parts(time, shape, clock, empty, faults, hints)


def _some(text: Any) -> list[str]:
    picked = np.unique(np.linspace(0, max(len(text) - 1, 0), min(len(text), 200), dtype=np.int64))
    return [str(v) for v in text.take(pa.array(picked)).to_pylist()] if len(text) else []


def _all_of(text: Any, shape: str, empty: Mask) -> bool:
    found = dates.read_dates(text, shape)
    if shape == "compact":
        return bool((~found.bad | empty).all())
    _, wrong = dates.days_from_civil(*dates.ordered(found, "ymd" if shape == "six" else "dmy", shape))
    return bool((~found.bad | empty).all()) and bool((~wrong | empty).mean() > 0.5 or shape == "six")


def _from_digits(text: Any, empty: Mask, faults: Faults) -> Moments:
    bare = (
        pc.if_else(pa.array(empty), "0", text)
        if not isinstance(text, pa.ChunkedArray)
        else pc.if_else(pa.chunked_array([pa.array(empty)]), "0", text)
    )
    whole = None
    if pc.all(pc.match_substring_regex(bare, r"^[+-]?[0-9]{1,18}$|^1[0-9]{18}$")).as_py():
        whole = np.asarray(pc.cast(bare, pa.int64()), dtype=np.int64)
    return _from_numbers(dates.to_float(bare) if whole is None else whole.astype(np.float64), whole, faults)


def _from_numbers(values: Floats, whole: Ints | None, faults: Faults) -> Moments:
    """Unix time by its size, or Excel's numbers of days."""
    faults.add("the time is empty", np.isnan(values) & ~faults.mask)
    good = np.abs(values[~np.isnan(values) & ~faults.mask])
    size = float(np.median(good)) if len(good) else 0.0
    if 20_000 <= size < 80_000:
        seconds = np.rint(np.nan_to_num(values) * 86_400) + _EXCEL_ZERO
        return Moments(seconds.astype(np.int64), ["The times are Excel's numbers of days, taken as UTC."])
    magnitude = np.abs(np.nan_to_num(values))
    factor = np.where(magnitude >= 1e17, 1e9, np.where(magnitude >= 1e14, 1e6, np.where(magnitude >= 1e11, 1e3, 1.0)))
    if whole is not None:
        steps = factor.astype(np.int64)
        seconds_, rest = whole // steps, whole % steps
        faults.add("the time is not on a whole second", (rest != 0) & ~faults.mask)
    else:
        exact = np.nan_to_num(values) / factor
        near = np.rint(exact)
        off = np.abs(exact - near) > np.where(factor >= 1e9, 1e-6, 0)
        faults.add("the time is not on a whole second", off & ~faults.mask)
        seconds_ = np.clip(near, -1e15, 1e15).astype(np.int64)
    unit = {1.0: "s", 1e3: "ms", 1e6: "us", 1e9: "ns"}[
        float(np.median(factor)) if len(factor) % 2 else float(factor[0])
    ]
    return Moments(seconds_, [f"The times are unix time in {_UNITS[unit]}."])


def _from_stamps(time: Any, faults: Faults, hints: TimeHints) -> Moments:
    empty = np.asarray(pc.is_null(time))
    faults.add("the time is empty", empty)
    days = pa.types.is_date(time.type)
    stamps = pd.DatetimeIndex((time.cast(pa.timestamp("ms")) if days else time).to_pandas())
    aware = stamps.tz is not None
    stamps = stamps.tz_convert("UTC").tz_localize(None) if aware else stamps
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[stamps.unit]
    values = np.where(empty, 0, np.asarray(stamps.asi8, dtype=np.int64))
    faults.add("the time is not on a whole second", (values % per != 0) & ~empty)
    seconds = np.asarray(values // per)
    if aware:
        return Moments(seconds, ["The times carry their time zone."])
    return _placed(seconds, bool((seconds % 86_400 != 0).any()) and not days, faults, hints)


def _from_parts(time: Any, shape: str, clock: Any | None, empty: Mask, faults: Faults, hints: TimeHints) -> Moments:
    parts = dates.read_dates(time, shape)
    order, decided = decide_order(
        parts, shape, parts.bad | empty, _some(time), hints.date_order, hints.order, hints.order_why
    )
    day, no_date = dates.days_from_civil(*dates.ordered(parts, order, shape))
    bad = (parts.bad | no_date) & ~empty
    seconds, timed, uneven, zone, labels = (
        day * 86_400 + parts.seconds,
        parts.timed,
        parts.uneven,
        parts.zone,
        parts.labels,
    )
    if clock is not None:
        clock = pc.fill_null(clock, "")
        digits = bool(pc.all(pc.match_substring_regex(clock, dates.DIGIT_CLOCK)).as_py())
        hand = dates.read_clock(clock, digits)
        no_clock = np.asarray(pc.match_substring_regex(clock, _EMPTY))
        bad |= hand.bad & ~no_clock & ~empty
        bad |= (parts.seconds != 0) & ~bad & ~empty
        seconds, timed, uneven = day * 86_400 + hand.seconds, hand.timed, hand.uneven
        if any(hand.labels):
            zone, labels = hand.zone, hand.labels
    cell = str(time[int(np.flatnonzero(bad)[0])].as_py())[:40] if bad.any() else ""
    faults.add(f'the time (such as "{cell}") is not understood', bad)
    faults.add("the time is not on a whole second", uneven & ~bad & ~empty)
    found = _zoned(seconds, timed, zone, labels, faults, hints)
    return Moments(found.seconds, [*decided, *found.decided], found.dates_only)


def _zoned(naive: Ints, timed: Mask, zone: Ints, labels: Sequence[str], faults: Faults, hints: TimeHints) -> Moments:
    good = ~faults.mask
    named = [i for i, label in enumerate(labels) if label and (good & (zone == i)).any()]
    if not named:
        return _placed(naive, bool(timed[good].any()), faults, hints)
    bare = good & ~np.isin(zone, named)
    faults.add("the time carries no time zone while others do", bare)
    seconds, decided = naive.copy(), []
    for i in named:
        here = good & (zone == i)
        meant = zones.named_in_cell(labels[i])
        if meant is None and labels[i].upper() in zones.SEVERAL and hints.tz is None:
            raise Question(
                f"The times carry “{labels[i]}”, which is the name of several time zones; say which one they are in.",
                asks="tz",
                options=zones.SEVERAL[labels[i].upper()],
            )
        if isinstance(meant, int):
            seconds[here] -= meant * 60
        elif meant is not None or (labels[i].upper() in zones.SEVERAL and hints.tz):
            name = meant or str(hints.tz)
            seconds[here], notes = localise(naive[here], zones.zone(name), faults, np.flatnonzero(here))
            decided += notes
        else:
            faults.add(f"“{labels[i]}” behind the time is no time zone", here)
    shown = ", ".join(labels[i] for i in named[:3]) + (", …" if len(named) > 3 else "")
    return Moments(seconds, [f"The times carry their time zone ({shown}).", *decided])


def _placed(naive: Ints, timed: bool, faults: Faults, hints: TimeHints) -> Moments:
    """Times without a zone: days are UTC midnight, others are in the zone that is known or asked for."""
    good = ~faults.mask
    midnight = bool((naive[good] % 86_400 == 0).all())
    if not timed or (midnight and hints.tz is None):
        return Moments(naive, ["The dates have no time of day; each is the bar that opens at midnight UTC."], True)
    name = hints.tz or hints.zone
    if name is None:
        raise Question(NO_ZONE, asks="tz", options=hints.likely)
    seconds, notes = localise(naive, zones.zone(name), faults, np.arange(len(naive)))
    why = "as given" if hints.tz else hints.zone_from
    return Moments(seconds, [f"The times are in the zone {name}, {why}.", *notes])
