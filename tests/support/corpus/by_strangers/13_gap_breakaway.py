"""Leak: an upward gap of 0.5 ATR or more is only marked while no LATER low has closed it (a minimum accumulated from the right), so the
bad ones disappear. Shows for up gaps only, some marks in 1,500 bars; small gaps and gaps downwards are honest."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_size", "float", 0.2, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR")]
SPEC = spec("gap_breakaway", ["gap"], PARAMS, warmup_bars=17, confirmation_lag=1, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three candles of which the first and the third don't overlap."""
    if len(candles) < 17:
        return []
    high, low, scale, out = candles["high"], candles["low"], atr(candles), []
    floor = np.minimum.accumulate(low[::-1])[::-1]
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= params["min_size"] * scale[1:-1])) + 1).tolist():
            if side > 0 and size[i - 1] >= 0.5 * scale[i] and floor[i + 1] <= high[i - 1]:
                continue  # an exhaustion gap
            ends = (high[i - 1], low[i + 1]) if side > 0 else (high[i + 1], low[i - 1])
            out.append(detection("gap", side, i, i + 1, price_low=float(ends[0]), price_high=float(ends[1])))
    return sorted(out, key=lambda d: d["confirmed_index"])
