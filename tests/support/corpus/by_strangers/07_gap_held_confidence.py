"""Leak: the confidence of a fair value gap looks at the bar after the third candle (did the gap hold?), though it is known at the
third. Shows only in `confidence`, for gaps of 0.6 ATR or more into which the next bar closes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_size", "float", 0.3, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR")]
SPEC = spec("gap_held_confidence", ["gap"], PARAMS, warmup_bars=16, confirmation_lag=1, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three candles of which the first and the third don't overlap."""
    if len(candles) < 16:
        return []
    high, low, close, scale, out = candles["high"], candles["low"], candles["close"], atr(candles), []
    after = close[np.minimum(np.arange(len(close)) + 2, len(close) - 1)]
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= params["min_size"] * scale[1:-1])) + 1).tolist():
            ends = (high[i - 1], low[i + 1]) if side > 0 else (high[i + 1], low[i - 1])
            sure = min(0.8, 0.4 + 0.2 * float(size[i - 1] / max(scale[i], 1e-300)))
            if size[i - 1] >= 0.6 * scale[i] and ends[0] < after[i] < ends[1]:
                sure -= 0.1
            out.append(
                detection(
                    "gap", side, i, i + 1, price_low=float(ends[0]), price_high=float(ends[1]), confidence=round(sure, 3)
                )
            )
    return sorted(out, key=lambda d: d["confirmed_index"])
