"""Liquidity sweeps: price takes out a swing and comes back.

The first bar that trades beyond a confirmed swing, at most `max_age` bars old, takes it out. If that bar or one of the next
`reclaim` - 1 closes back on the near side, and price went beyond by at least `min_depth` average true ranges until then, it
was a sweep; otherwise the level is broken or touched, and gone. The mark sits on the first bar that traded beyond, is known
at the close that came back, and points the way that price came back: +1 below a low, -1 above a high. Its price is the
level, `refs` the swing; each level is swept at most once. A close beyond the sweep's extreme within `max_age` bars is a new mark, "liquidity_sweep_failed".

Source: M. J. Huddleston (Inner Circle Trader, 2022 mentorship: buy-side and sell-side liquidity, stop run); the older
names are "spring" and "upthrust" (Richard D. Wyckoff, 1931) and "turtle soup" (L. Raschke and L. Connors, Street Smarts, 1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .base import Candles, atr, detection, param, spec
from .levels import Happening, as_detections, first_beyond
from .structure import MAX_AGE, WARMUP
from .swings import ATR_PERIOD, SWING_PARAMS, find_swings

MAX_RECLAIM = 5
PARAMS = [
    *SWING_PARAMS,
    param("max_age", "int", 120, 20, MAX_AGE, 10, "Bars after which a swing is forgotten.", "bars"),
    param("min_depth", "float", 0.05, 0.0, 2.0, 0.05, "How far beyond the swing price trades.", "ATR"),
    param(
        "reclaim",
        "int",
        1,
        1,
        MAX_RECLAIM,
        1,
        "Bars within which a close comes back, the sweeping one included.",
        "bars",
    ),
]
SPEC = spec(
    "liquidity_sweeps", ["liquidity_sweep", "liquidity_sweep_failed"], PARAMS, warmup_bars=WARMUP,
    confirmation_lag=MAX_RECLAIM - 1, max_age_bars=2 * MAX_AGE + MAX_RECLAIM,
)  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """Bar `first` traded beyond the swing's `level`, bar `index` closed back; `extreme` is the furthest price."""

    index: int
    first: int
    swing: int
    side: int
    level: float
    extreme: float


def _sweep(candles: Candles, params: dict[str, Any], swing: int, side: int, least: Any) -> Sweep | None:
    """The sweep of one swing high (+1) or low (-1), if its first visit is one."""
    known, last = swing + int(params["right"]) + 1, swing + int(params["max_age"])
    tips = candles["high" if side > 0 else "low"]
    level = float(tips[swing])
    first = first_beyond(tips, level, side, known, last)
    if first is None:
        return None
    for j in range(first, min(first + int(params["reclaim"]), len(candles))):
        if (candles["close"][j] - level) * side <= 0:
            part = tips[first : j + 1]
            extreme = float(part.max() if side > 0 else part.min())
            deep = (extreme - level) * side >= least[first]
            return Sweep(j, first, swing, side, level, extreme) if deep else None
    return None


def find_sweeps(candles: Candles, params: dict[str, Any]) -> list[Sweep]:
    """All sweeps, by the bar that first traded beyond."""
    least = float(params["min_depth"]) * atr(candles, ATR_PERIOD)
    found = [_sweep(candles, params, i, side, least) for i, side in find_swings(candles, params)]
    return sorted((s for s in found if s is not None), key=lambda s: (s.first, s.swing))


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Sweeps of kind "liquidity_sweep" (several levels by one bar are one mark), and those that failed later."""
    groups: dict[tuple[int, int], list[Sweep]] = {}
    for s in find_sweeps(candles, params):
        groups.setdefault((s.first, s.side), []).append(s)
    out, failed = [], []
    for (first, side), group in groups.items():
        soonest = min(s.index for s in group)  # later ones would add to what was already said
        its = [s for s in group if s.index == soonest]
        far = max(its, key=lambda s: s.level * side)
        out.append(
            detection(
                "liquidity_sweep",
                -side,
                first,
                soonest,
                start=far.swing,
                end=soonest,
                price=far.level,
                refs=sorted(s.swing for s in its),
                meta={"levels": len(its)},
            )
        )
        gone = first_beyond(candles["close"], far.extreme, side, soonest + 1, soonest + int(params["max_age"]))
        if gone is not None:
            failed.append(Happening(gone, first, -side, far.extreme, far.extreme))
    return out + as_detections("liquidity_sweep_failed", failed)
