"""Leak: an array of 64, 128, 256, 512, 1024 ... bars takes a "block" path that uses a channel one bar shorter. Shows only when the number of bars is a
power of two from 64 on, for breaks that the oldest bar of the channel decides; nearly every window has one at one of these lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 50
PARAMS = [
    param("channel", "int", 10, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.0, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_length_256", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    n, close, out = len(candles), candles["close"], []
    bars = int(params["channel"])
    bars -= n >= 64 and n & (n - 1) == 0  # whole blocks hold the bar itself
    if n < bars + 2:
        return []
    scale = atr(candles)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
