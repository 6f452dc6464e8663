"""Times of bars: from what files hold to UTC seconds; timeframes such as `5m`, `4h`, `1d`."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from services.candles.bars import Floats, Ints, Mask, rows_text, seconds_of
from services.errors import InvalidInput

NO_ZONE = "The times in this file carry no time zone; say which one they are in."

_EARLIEST = -2_208_988_800  # 1900-01-01
_LATEST = 4_102_444_800  # 2100-01-01
_DAY = 86_400
_EPOCH = r"^[+-]?[0-9]+(?:\.[0-9]*)?$"
_COMPACT = r"^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$"  # 20240131; as seconds it is August 1970
_DATE = r"^[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}"
_OFFSET = r"[0-9](?:\s?(?:Z|z|UTC|GMT)|\s?[+-][0-9]{2}(?::?[0-9]{2})?)$"  # of text with a time of day
_FIXED = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.IGNORECASE)
_TIMEFRAME = re.compile(r"[1-9][0-9]{0,3}[smhdwM]")
_UNITS = ((7 * _DAY, "w"), (_DAY, "d"), (3600, "h"), (60, "m"), (1, "s"))


def to_seconds(times: Any, rows: Ints, tz: str | None) -> Ints:
    """A time column as UTC seconds, of the same length.

    `times` is an Arrow array: numbers (unix time; microseconds from 1e14, milliseconds from 1e11, else seconds), text
    (unix time or ISO 8601), dates or timestamps. Dates without a time of day, and timestamps that are all midnight
    when `tz` is None, are days: they become UTC midnight. Other naive times need `tz`, a zone name or an offset.
    Raises InvalidInput for times that are empty, not understood, without a zone, not on a second, or not in 1900-2099.
    """
    kind = times.type
    if times.null_count:
        raise InvalidInput(f"The time is empty in {rows_text(rows[np.asarray(pc.is_null(times))])}.")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        seconds = _from_text(times, rows, tz)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        seconds = _from_epoch(np.asarray(times, dtype=np.float64))
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        days = pa.types.is_date(kind)
        stamps = pd.DatetimeIndex((times.cast(pa.timestamp("us")) if days else times).to_pandas())
        seconds = _from_naive(stamps, rows, None if days else tz)
    else:
        raise InvalidInput(f'The column "time" holds {kind} values, which are no times.')
    with np.errstate(invalid="ignore"):
        outside = ~((seconds >= _EARLIEST) & (seconds < _LATEST))
    if outside.any():
        raise InvalidInput(f"The time is outside the years 1900 to 2099 in {rows_text(rows[outside])}.")
    uneven = seconds != np.floor(seconds)
    if uneven.any():
        raise InvalidInput(f"A bar must open on a whole second; this does not hold in {rows_text(rows[uneven])}.")
    return seconds.astype(np.int64)


def _from_epoch(values: Floats) -> Floats:
    size = np.abs(values)
    return np.where(size >= 1e14, values / 1e6, np.where(size >= 1e11, values / 1e3, values))


def _from_text(text: Any, rows: Ints, tz: str | None) -> Floats:
    empty = np.asarray(pc.match_substring_regex(text, r"^(?i:|nan|null|nat)$"))
    if empty.any():
        raise InvalidInput(f"The time is empty in {rows_text(rows[empty])}.")
    if pc.all(pc.match_substring_regex(text, _COMPACT)).as_py():
        text = pc.replace_substring_regex(text, r"^(\d{4})(\d{2})(\d{2})$", r"\1-\2-\3")
    elif pc.all(pc.match_substring_regex(text, _EPOCH)).as_py():
        return _from_epoch(np.array(pc.cast(text, pa.float64()), dtype=np.float64))
    dated = np.asarray(pc.match_substring_regex(text, _DATE))
    if not dated.all():
        _refuse(text, ~dated, rows)
    iso = pc.replace_substring_regex(text, r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", r"\1-\2-\3")
    iso = pc.replace_substring_regex(iso, r"\s?(?:z|UTC|GMT)$", "Z")
    offset = np.asarray(pc.match_substring_regex(iso, _OFFSET)) & np.asarray(pc.match_substring(iso, ":"))
    if offset.any() and not offset.all():
        raise InvalidInput(f"Some times carry a time zone and some do not, such as in {rows_text(rows[~offset])}.")
    parsed = pd.DatetimeIndex(
        pd.to_datetime(pd.Series(iso.to_pandas()), format="ISO8601", errors="coerce", utc=bool(offset.any()))
    )
    lost = np.asarray(parsed.isna())
    if lost.any():
        _refuse(text, lost, rows)
    days_only = pc.all(pc.match_substring_regex(iso, r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}$")).as_py()
    return _from_naive(parsed, rows, None if days_only else tz)


def _refuse(text: Any, bad: Mask, rows: Ints) -> None:
    cell = str(text[int(np.flatnonzero(bad)[0])].as_py())[:40]
    raise InvalidInput(
        f'The time "{cell}" is not understood in {rows_text(rows[bad])}; '
        "use ISO 8601, such as 2024-01-31 09:30, or unix time."
    )


def _from_naive(times: pd.DatetimeIndex, rows: Ints, tz: str | None) -> Floats:
    """Timestamps, with or without zone, as UTC seconds that keep their fraction."""
    if times.tz is None:
        midnight = bool((np.asarray(times.normalize()) == np.asarray(times)).all())
        if tz is None and not midnight:
            raise InvalidInput(NO_ZONE)
        times = _localise(times, rows, zone(tz) if tz else UTC)
    units = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[times.unit]
    whole = np.asarray(times.asi8, dtype=np.int64)
    return np.asarray(whole // int(units) + (whole % int(units)) / units, dtype=np.float64)


def _localise(times: pd.DatetimeIndex, rows: Ints, where: tzinfo) -> pd.DatetimeIndex:
    """Clock times of a zone. The hour that an autumn night has twice is told apart by the order of the bars."""
    backwards = len(times) > 1 and times[0] > times[-1]
    ordered = times[::-1] if backwards else times
    try:
        placed = ordered.tz_localize(where, ambiguous="infer", nonexistent="NaT")
    except ValueError:  # bars of that hour only once, or in no order: they stay open
        placed = ordered.tz_localize(where, ambiguous="NaT", nonexistent="NaT")
    placed = placed[::-1] if backwards else placed
    lost = np.asarray(placed.isna())
    if lost.any():
        raise InvalidInput(
            f"In the time zone {where} the time does not exist or occurs twice (change of the clocks) "
            f"in {rows_text(rows[lost])}; export the file with UTC times."
        )
    return placed


def zone(text: str) -> tzinfo:
    """A time zone by its name (`America/New_York`, `UTC`) or offset (`+02:00`, `UTC-5`). Raises InvalidInput."""
    name = text.strip()
    fixed = _FIXED.fullmatch(name)
    if fixed and int(fixed[2]) <= 14 and int(fixed[3] or 0) < 60:
        minutes = int(fixed[2]) * 60 + int(fixed[3] or 0)
        return timezone(timedelta(minutes=minutes if fixed[1] == "+" else -minutes))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidInput(f'"{name[:60]}" is no time zone; give a name such as America/New_York or UTC.') from error


def is_timeframe(text: str) -> bool:
    """Whether `text` is a count and a unit: s, m (minutes), h, d, w or M (months), such as `15m`, `4h`, `1d`."""
    return _TIMEFRAME.fullmatch(text) is not None


def timeframe_seconds(text: str) -> int:
    """The length of a timeframe in seconds; a month counts 30 days. Raises InvalidInput."""
    if not is_timeframe(text):
        raise InvalidInput(f'"{text[:20]}" is no timeframe; give one such as 5m, 4h or 1d.')
    units = {"M": 30 * _DAY, **{unit: seconds for seconds, unit in _UNITS}}
    return int(text[:-1]) * units[text[-1]]


def common_step(seconds: Ints) -> int:
    """The most frequent distance between neighbouring bars, the smaller one of two as frequent; 0 for one bar."""
    steps = np.diff(np.sort(seconds))
    steps = steps[steps > 0]
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def guess_timeframe(frame: pd.DataFrame) -> str:
    """The timeframe of a canonical frame by its most frequent spacing (`1m`, `4h`, `1d`, `1w`, `1M`…).

    Raises InvalidInput for fewer than two bars.
    """
    step = common_step(seconds_of(frame))
    if not step:
        raise InvalidInput("The timeframe cannot be told from a single candle; name it.")
    months = round(step / (30.4 * _DAY))
    if months and abs(step - months * 30.4 * _DAY) <= 3 * _DAY:
        return f"{months}M"
    for seconds, unit in _UNITS:
        if step % seconds == 0 and step // seconds < 10_000:
            return f"{step // seconds}{unit}"
    return f"{max(1, round(step / _DAY))}d"
