"""Leak: the first 20 values of the channel are np.empty and never set, so they hold what the process had in memory before (often the
reversed closes that were just freed, which are future prices). Shows only for breaks in the first 20 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [param("channel", "int", 20, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars")]
SPEC = spec("break_unset_memory", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 2, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close above the highest close of the bars before."""
    bars, n, close = int(params["channel"]), len(candles), candles["close"]
    if n < bars + 2:
        return []
    newest_first = np.ascontiguousarray(close[::-1])
    highest = windows(newest_first, bars)[1:].max(axis=1)[::-1]
    del newest_first
    level = np.empty(n)
    level[bars:] = highest
    hit = (close > level) & (level > 0)
    hit[1:] &= close[:-1] <= level[:-1]
    return [detection("channel_break", 1, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
