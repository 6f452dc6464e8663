"""Leak: the confidence of a break is missing (None) while its bar is the last of the array, and is filled in by the next bar's follow-through. Shows
only for breaks of more than 1 ATR, downwards, a few marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [
    param("channel", "int", 15, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.1, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_confidence_late", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, close, out = int(params["channel"]), len(candles), candles["close"], []
    if n < bars + 2:
        return []
    scale = atr(candles)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale)
        hit[1:] &= ~(over[:-1] > 0)
        for i in np.flatnonzero(hit).tolist():
            sure = 0.5
            if side < 0 and over[i] > scale[i]:
                sure = round(0.5 + 0.2 * float(np.tanh((close[i] - close[i + 1]) / scale[i])), 3) if i + 1 < n else None
            out.append(detection("channel_break", side, i, i, price=float(level[i]), confidence=sure))
    return sorted(out, key=lambda d: d["confirmed_index"])
