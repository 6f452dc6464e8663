"""Leak: `price` (the middle of the gap) is rounded to two decimals, so it depends on the absolute price: at 1.08 it is worthless, and prices
doubled don't give the price doubled. Shows in every window, by at most half a cent, unless the middle is in whole cents."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_size", "float", 0.2, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR")]
SPEC = spec("gap_middle_rounded", ["gap"], PARAMS, warmup_bars=17, confirmation_lag=1, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The middle of three candles of which the first and the third don't overlap."""
    if len(candles) < 17:
        return []
    high, low, scale, out = candles["high"], candles["low"], atr(candles), []
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= params["min_size"] * scale[1:-1])) + 1).tolist():
            middle = (high[i - 1] + low[i + 1]) / 2 if side > 0 else (high[i + 1] + low[i - 1]) / 2
            out.append(detection("gap", side, i, i + 1, price=round(float(middle), 2)))
    return sorted(out, key=lambda d: d["confirmed_index"])
