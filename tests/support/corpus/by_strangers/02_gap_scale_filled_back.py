"""Leak: the average true range of the first 14 bars is filled back from bar 14, so gaps there are judged by later candles.
Shows only for gaps in the first 14 bars of the array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PERIOD = 14
PARAMS = [param("min_size", "float", 0.25, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR")]
SPEC = spec("gap_scale_filled_back", ["gap"], PARAMS, warmup_bars=PERIOD + 2, confirmation_lag=1, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three candles of which the first and the third don't overlap."""
    if len(candles) < 3:
        return []
    high, low, scale = candles["high"], candles["low"], atr(candles, PERIOD)
    ready = np.flatnonzero(np.isfinite(scale))
    if len(ready):
        scale[: ready[0]] = scale[ready[0]]
    least, out = float(params["min_size"]) * scale[1:-1], []
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= least)) + 1).tolist():
            ends = (high[i - 1], low[i + 1]) if side > 0 else (high[i + 1], low[i - 1])
            out.append(
                detection(
                    "gap", side, i, i + 1, start=i - 1, end=i + 1, price_low=float(ends[0]), price_high=float(ends[1])
                )
            )
    return sorted(out, key=lambda d: d["confirmed_index"])
