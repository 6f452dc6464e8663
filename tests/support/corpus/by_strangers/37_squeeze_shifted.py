"""Leak: the window of a squeeze is aligned one bar too late, it holds bars i - 10 to i + 1 (at the right edge i - 11 to i). Shows in most
windows, where the next bar leaves the range or the oldest one was its edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_BARS = 40
PARAMS = [
    param("bars", "int", 12, 5, MAX_BARS, 1, "Bars of the squeeze.", "bars"),
    param("height", "float", 2.6, 1.0, 8.0, 0.1, "How high their range is at most.", "ATR"),
]
SPEC = spec("squeeze_shifted", ["squeeze"], PARAMS, warmup_bars=MAX_BARS + 16, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The range of the last bars has become narrow."""
    bars, n = int(params["bars"]), len(candles)
    if n < bars + 16:
        return []
    high, low = windows(candles["high"], bars).max(axis=1), windows(candles["low"], bars).min(axis=1)
    width = np.full(n, np.nan)
    width[bars - 2 : -1], width[-1] = high - low, high[-1] - low[-1]
    tight = width <= params["height"] * atr(candles)
    hits = np.flatnonzero(tight[1:] & ~tight[:-1]) + 1
    return [
        detection("squeeze", 0, i, i, start=i - bars + 1, price=float(candles["close"][i])) for i in hits.tolist()
    ]
