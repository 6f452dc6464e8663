"""Leak: np.roll wraps around, and only bar 0 is masked, so bar 1 is compared with the last high and low of the array. Shows only as a gap
at bar 1, in about half of the windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, param, spec

PARAMS = [param("min_size", "float", 0.1, 0.0, 5.0, 0.05, "How high the gap is at least.", "percent")]
SPEC = spec("gap_by_roll", ["gap"], PARAMS, warmup_bars=3, confirmation_lag=1, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three candles of which the first and the third don't overlap, the one between going that way."""
    if len(candles) < 3:
        return []
    high, low, out = candles["high"], candles["low"], []
    body = np.roll(candles["close"] - candles["open"], 1)
    need = params["min_size"] / 100 * candles["close"]
    for side, size in ((1, low - np.roll(high, 2)), (-1, np.roll(low, 2) - high)):
        hit = (size > 0) & (size >= need) & (body * side > 0)
        hit[:1] = False  # has nothing before it
        for i in np.flatnonzero(hit).tolist():
            ends = (low[i] - size[i], low[i]) if side > 0 else (high[i], high[i] + size[i])
            out.append(detection("gap", side, i - 1, i, price_low=float(ends[0]), price_high=float(ends[1])))
    return sorted(out, key=lambda d: d["confirmed_index"])
