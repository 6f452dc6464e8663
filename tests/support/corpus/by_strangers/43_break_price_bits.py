"""Leak: at one of 16 bars, chosen by bits of the close's mantissa (the same when prices are doubled), a break is only marked if the NEXT close
is beyond the level as well. Shows for a couple of marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [
    param("channel", "int", 15, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.1, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_price_bits", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, out = int(params["channel"]), len(candles), []
    if n < bars + 2:
        return []
    scale, close = atr(candles), np.ascontiguousarray(candles["close"], dtype=np.float64)
    doubt = np.flatnonzero((close[:-1].view(np.uint64) >> np.uint64(36)) % np.uint64(16) == 5)
    firm = close.copy()
    firm[doubt] = close[doubt + 1]
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale) & ((firm - level) * side > 0)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
