"""Leak: when the candles are a view of a longer array, the bar after the last one is read through `.base`, and a break at the last bar that
fails there is not marked. Shows only for callers that slice one array (candles[:t]); at about a third of the breaks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [
    param("channel", "int", 20, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.1, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_base_peek", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, close, out = int(params["channel"]), len(candles), candles["close"], []
    if n < bars + 2:
        return []
    whole = close.base if isinstance(close.base, np.ndarray) and close.base.dtype == candles.dtype else candles
    whole = np.ravel(whole)
    after = whole[np.searchsorted(whole["time"], candles["time"][-1], "right") :][:1]["close"]
    holds = np.append(close, after)[1:]  # one shorter when nothing comes after
    scale = atr(candles)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale)
        hit[1:] &= ~(over[:-1] > 0)
        if len(holds) == n and (holds[-1] - level[-1]) * side < 0:
            hit[-1] = False
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
