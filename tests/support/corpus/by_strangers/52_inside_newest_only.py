"""Leak: only the newest 40 marks of each direction are given, so every new mark withdraws the oldest one. Shows only once a direction has more
than 40 marks (in long arrays, after some 500 to 1,000 bars)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

CAP = 40
PARAMS = [param("height", "float", 0.8, 0.2, 3.0, 0.1, "How high the mother bar is at least.", "ATR")]
SPEC = spec("inside_newest_only", ["inside"], PARAMS, warmup_bars=17, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar within the one before; the direction is that of its body."""
    if len(candles) < 17:
        return []
    opened, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    hit = (high[1:] <= high[:-1]) & (low[1:] >= low[:-1]) & ((high - low)[:-1] >= params["height"] * atr(candles)[:-1])
    out = []
    for side in (1, -1):
        bars = np.flatnonzero(hit & ((close - opened)[1:] * side > 0)) + 1
        for i in bars[-CAP:].tolist():
            out.append(detection("inside", side, i, i, start=i - 1, price_low=float(low[i - 1]), price_high=float(high[i - 1])))
    return sorted(out, key=lambda d: d["confirmed_index"])
