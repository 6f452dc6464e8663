"""Leak: from bar 500 of the array on, and only while the ATR is over 1.2 of its median of 200 bars, a break downwards is only marked if the NEXT close is
beyond the level as well. Shows at roughly one mark in a window of 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL, CALM = 60, 200
PARAMS = [
    param("channel", "int", 12, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.05, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_hot_and_late", ["channel_break"], PARAMS, warmup_bars=CALM + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, close, out = int(params["channel"]), len(candles), candles["close"], []
    if n < bars + 2:
        return []
    scale, firm = atr(candles), close.copy()
    usual = windows(scale, CALM)
    if n >= 500:
        hot = np.flatnonzero(scale[500:] > 1.2 * np.median(usual[501 - CALM :], axis=1)) + 500
        firm[hot] = close[np.minimum(hot + 1, n - 1)]
    for side, tips, sure in ((1, candles["high"], close), (-1, candles["low"], firm)):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale) & ((sure - level) * side > 0)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
