"""Fair value gaps (FVG): three candles of which the first and the third don't overlap.

Upwards: the low of the candle after is above the high of the candle before by at least `min_size` average true ranges. The mark
sits on the candle between and is known at the close of the third; the zone is the gap. What happens to it later is a new mark:
"fvg_mitigated" when price first trades through half of it, "fvg_filled" when it first trades through all of it, within
`max_age` bars. Downwards is the mirror image.

Source: M. J. Huddleston (Inner Circle Trader, 2022 mentorship: fair value gap, consequent encroachment for its half); in the
older literature the same three candles are a "measuring gap" (Edwards and Magee, Technical Analysis of Stock Trends, 1948).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec
from .levels import Happening, as_detections, first_beyond

ATR_PERIOD = 14
MAX_AGE = 250
PARAMS = [
    param("min_size", "float", 0.5, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR"),
    param("max_age", "int", 120, 10, MAX_AGE, 10, "Bars after which what happens to the gap is not marked.", "bars"),
]
SPEC = spec(
    "fvg", ["fvg", "fvg_mitigated", "fvg_filled"], PARAMS, warmup_bars=ATR_PERIOD + 1, confirmation_lag=1,
    max_age_bars=MAX_AGE + 2,
)  # fmt: skip


def find_gaps(candles: Candles, params: dict[str, Any]) -> list[Happening]:
    """Each gap as (index of the third candle, anchor on the second, direction, zone)."""
    if len(candles) < 3:
        return []
    high, low = candles["high"], candles["low"]
    least = float(params["min_size"]) * atr(candles, ATR_PERIOD)[1:-1]
    gaps = []
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= least)) + 1).tolist():
            ends = (float(high[i - 1]), float(low[i + 1])) if side > 0 else (float(high[i + 1]), float(low[i - 1]))
            gaps.append(Happening(i + 1, i, side, *ends))
    return sorted(gaps, key=lambda g: g.index)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Gaps of kind "fvg", and the first time that half and all of one was traded through."""
    gaps, age = find_gaps(candles, params), int(params["max_age"])
    out = [
        detection(
            "fvg", g.direction, g.anchor, g.index, start=g.anchor - 1, end=g.index, price_low=g.low, price_high=g.high
        )
        for g in gaps
    ]
    for kind, part in (("fvg_mitigated", 0.5), ("fvg_filled", 1.0)):
        later = []
        for g in gaps:
            near, far = (g.high, g.low) if g.direction > 0 else (g.low, g.high)
            values = candles["low"] if g.direction > 0 else candles["high"]
            level = far if part == 1.0 else (near + far) / 2
            # Reaching the level is enough.
            at = first_beyond(values, np.nextafter(level, near), -g.direction, g.index + 1, g.index + age)
            if at is not None:
                later.append(Happening(at, g.anchor, g.direction, g.low, g.high))
        out += as_detections(kind, later)
    return out
