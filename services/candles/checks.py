"""What must hold for candles before a detector sees them, and what a person should know about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from services.candles.bars import PRICES, Bars, Floats, Ints, Mask, rows_text
from services.candles.questions import Faults
from services.candles.times import common_step

_DAY = 86_400
MAX_GAPS_LISTED = 100
MAX_PLACES_LISTED = 50
JUMP_IN_ATR = 6.0
ROUNDING = 1e-9  # relative
ATR_BARS = 14


class Gap(TypedDict):
    """A hole: the opens of the bars around it (ISO 8601, UTC), an estimate of the bars that are missing there from the
    usual spacing, and the row of the bar after it."""

    after: str
    before: str
    missing_bars: int
    row: int


class OddBar(TypedDict):
    """A bar that the report speaks of: what is odd, its open (ISO 8601, UTC), and its row in the file."""

    what: str
    at: str
    row: int


class SkippedRow(TypedDict):
    """A row of a file that cannot be used."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What was found in a file; `warnings` are for the person to weigh (`errors` is kept for older reports).

    `gaps` lists the longest holes, in order of time, `places` the first odd bars of each kind. `rows` counts bars.
    `decided` says how the file was read, `skipped` counts rows left out by choice, `skipped_rows` lists the first ones.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    rows: int = 0
    decided: list[str] = field(default_factory=list)
    skipped: int = 0
    skipped_rows: list[SkippedRow] = field(default_factory=list)
    places: list[OddBar] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For `candle_datasets.quality`."""
        return asdict(self)


def repair(bars: Bars) -> tuple[Bars, list[str]]:
    """Bars in the order of time without exact repetitions, and a note for each thing that was changed."""
    notes: list[str] = []
    steps = np.diff(bars.time)
    if len(steps) and (steps < 0).any():
        if (steps <= 0).all():
            bars = bars.take(np.arange(len(bars), dtype=np.int64)[::-1])
            notes.append("The file has the newest bar first; it was turned round.")
        else:
            where = rows_text(bars.rows[1:][steps < 0])
            bars = bars.take(np.argsort(bars.time, kind="stable"))
            notes.append(f"The bars were not in the order of time ({where}); they were sorted.")
    table = bars.table()
    same = np.zeros(len(bars), dtype=np.bool_)
    same[1:] = table[1:] == table[:-1]
    if same.any():
        notes.append(f"Exact repetitions of bars were dropped ({rows_text(bars.rows[same])}).")
        bars = bars.take(~same)
    return bars, notes


def check(bars: Bars, *, now: datetime | None = None) -> QualityReport:
    """What people should know of sound bars. `now` is for the unfinished last bar."""
    step = common_step(bars.time)
    gaps, gap_warnings = _gaps(bars, step)
    last = _last_bar(bars, step, now or datetime.now(UTC))
    warnings = [*gap_warnings, *_volume(bars), *_jumps(bars), *_spacing(bars, step), *last]
    return QualityReport(warnings=warnings, gaps=gaps, rows=len(bars), places=_places(bars, step))


def _places(bars: Bars, step: int) -> list[OddBar]:
    """The bars that the warnings speak of, so that they can be looked at; the first of each kind."""
    zero = np.flatnonzero(bars.volume == 0)
    found = {
        "Volume is 0 or missing": zero if len(zero) < len(bars) else zero[:0],
        "Jump (a split?)": _jump_places(bars),
        "Spacing changes": _mixed_spacing(bars, step),
    }
    return [
        {"what": what, "at": _iso(int(bars.time[i])), "row": int(bars.rows[i])}
        for what, places in found.items()
        for i in places[:MAX_PLACES_LISTED]
    ]


def rounded(bars: Bars) -> tuple[Bars, list[str]]:
    """Highs and lows that miss open or close by rounding are set to them; a difference that shows is left alone."""
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    short = (bars.high < top) & (bars.high >= top - ROUNDING * np.abs(top))
    long = (bars.low > bottom) & (bars.low <= bottom + ROUNDING * np.abs(bottom))
    count = int((short | long).sum())
    if not count:
        return bars, []
    mended = replace(bars, high=np.where(short, top, bars.high), low=np.where(long, bottom, bars.low))
    where = rows_text(np.sort(bars.rows[short | long]))
    return mended, [f"Highs or lows that missed open or close by rounding were set to them ({where})."]


def find_faults(bars: Bars, faults: Faults, *, allow_nonpositive: bool = False) -> None:
    """Adds what is wrong with the prices and volumes of bars whose other faults are known."""
    known = faults.mask
    prices = np.stack([getattr(bars, name) for name in PRICES])
    top, bottom = np.maximum(bars.open, bars.close), np.minimum(bars.open, bars.close)
    wrong: list[tuple[str, Mask]] = [
        ("a price is missing", np.isnan(prices).any(axis=0)),
        ("a price is infinite", np.isinf(prices).any(axis=0)),
        ("high is below open or close", bars.high < top),
        ("low is above open or close", bars.low > bottom),
        ("the volume is negative or infinite", (bars.volume < 0) | np.isinf(bars.volume)),
    ]
    if not allow_nonpositive:
        wrong.append(("a price is zero or negative", np.asarray((prices <= 0).any(axis=0))))
    for reason, where in wrong:
        faults.add(reason, where & ~known)
    faults.add("the time of another bar is repeated with other prices", _conflicts(bars) & ~known)


def _conflicts(bars: Bars) -> Mask:
    """Bars whose time another bar before them in the file has, with other numbers."""
    order = np.argsort(bars.time, kind="stable")
    table = bars.table()[order]
    repeated = np.zeros(len(bars), dtype=np.bool_)
    same_time = np.diff(table["time"]) == 0
    repeated[order[1:]] = same_time & (table[1:] != table[:-1])
    return repeated


def _gaps(bars: Bars, step: int) -> tuple[list[Gap], list[str]]:
    """Holes that are neither the market's usual closing hours nor, for daily bars, weekends and holidays."""
    steps = np.diff(bars.time)
    if not step or not len(steps):
        return [], []
    where = np.flatnonzero(_is_gap(bars.time, steps, step))
    if not len(where):
        return [], []
    missing = np.maximum(steps[where] // step - 1, 1)
    longest = np.sort(np.argsort(-missing, kind="stable")[:MAX_GAPS_LISTED])
    gaps: list[Gap] = [
        {
            "after": _iso(int(bars.time[where[i]])),
            "before": _iso(int(bars.time[where[i] + 1])),
            "missing_bars": int(missing[i]),
            "row": int(bars.rows[where[i] + 1]),
        }
        for i in longest
    ]
    count = f"{len(where):,} gaps" if len(where) > 1 else "A gap"
    worst = gaps[int(np.argmax(missing[longest]))]
    text = f"{count} in time; the longest lies between {worst['after']} and {worst['before']}."
    return gaps, [text]


def _is_gap(time: Ints, steps: Ints, step: int) -> Mask:
    if step >= 7 * _DAY:
        return np.asarray(steps > 1.5 * step)
    if step >= _DAY:
        weekend = ((time // _DAY + 4) % 7) % 6 == 0  # 1970-01-01 was a Thursday; Sunday is 0 and Saturday 6
        always_open = weekend.mean() > 0.2
        return np.asarray(steps > (1.5 * step if always_open else step + 4 * _DAY))
    hole = steps > 1.5 * step
    # a pause that comes again between the same times of day is the market's closing time
    pause = (time[:-1] % _DAY) * _DAY + time[1:] % _DAY
    kinds, which, counts = np.unique(pause[hole], return_inverse=True, return_counts=True)
    usual = np.zeros(len(steps), dtype=np.bool_)
    if len(kinds):
        usual[hole] = counts[which] >= 3
    return np.asarray(hole & ~(usual & (steps <= 5 * _DAY)))


def _volume(bars: Bars) -> list[str]:
    zero = bars.volume == 0
    if zero.all():
        return ["The file has no volume; it is taken as 0."]
    if zero.any():
        return [f"The volume is 0 or missing in {rows_text(bars.rows[zero])}."]
    return []


def average_true_range(high: Floats, low: Floats, close: Floats, bars: int = ATR_BARS) -> Floats:
    """The mean true range of up to `bars` bars before each one (Wilder 1978, simple mean); NaN for the first."""
    before = np.concatenate([close[:1], close[:-1]])
    true_range = np.maximum(high, before) - np.minimum(low, before)
    mean = pd.Series(true_range).rolling(bars, min_periods=1).mean().shift(1)
    return np.asarray(mean.to_numpy(), dtype=np.float64)


def _jump_places(bars: Bars) -> Ints:
    if len(bars) < 3:
        return np.zeros(0, dtype=np.int64)
    atr = average_true_range(bars.high, bars.low, bars.close)
    gap = np.zeros(len(bars), dtype=np.float64)
    gap[1:] = np.abs(bars.open[1:] - bars.close[:-1])
    where = np.flatnonzero((gap > JUMP_IN_ATR * atr) & (atr > 0))
    return where[where > 1]


def _jumps(bars: Bars) -> list[str]:
    where = _jump_places(bars)
    if not len(where):
        return []
    first = int(where[0])
    count = f"{len(where):,} jumps" if len(where) > 1 else "A jump"
    return [
        f"{count} of more than {JUMP_IN_ATR:g} average ranges (a split?), in {rows_text(bars.rows[where])}: on "
        f"{_iso(int(bars.time[first]))[:10]} from {bars.close[first - 1]:g} to {bars.open[first]:g}."
    ]


def _mixed_spacing(bars: Bars, step: int) -> Ints:
    """Closer bars than usual, or three in a row at another even distance: two timeframes in one file."""
    steps = np.diff(bars.time)
    if len(steps) < 2:
        return np.zeros(0, dtype=np.int64)
    closer = steps < 0.8 * step
    even = np.zeros(len(steps), dtype=np.bool_)
    even[2:] = (steps[2:] == steps[1:-1]) & (steps[1:-1] == steps[:-2]) & (steps[2:] > 1.5 * step)
    return np.flatnonzero(closer | even) + 1


def _spacing(bars: Bars, step: int) -> list[str]:
    mixed = _mixed_spacing(bars, step)
    if not len(mixed):
        return []
    return [f"The spacing of the bars is mixed: it changes in {rows_text(bars.rows[mixed])}."]


def _last_bar(bars: Bars, step: int, now: datetime) -> list[str]:
    if step and int(bars.time[-1]) + step > now.timestamp():
        return [f"The last bar ({_iso(int(bars.time[-1]))}) was not finished; its prices may still change."]
    return []


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
