"""Leak: a high that stands out over both neighbours by 0.35 ATR is cut to them as a bad tick, which needs the next bar; at the right edge it is
not cut. Shows when such a spike alone broke the channel upwards: the mark is withdrawn one bar later, some 20 times in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 50
PARAMS = [param("channel", "int", 15, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars")]
SPEC = spec("break_bad_ticks", ["wick_break"], PARAMS, warmup_bars=MAX_CHANNEL + 17, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first bar that trades beyond the channel of the bars before."""
    bars, n, out = int(params["channel"]), len(candles), []
    if n < bars + 3:
        return []
    scale, high = atr(candles), candles["high"].copy()
    beside = np.maximum(candles["high"][:-2], candles["high"][2:])
    high[1:-1] = np.where(high[1:-1] > beside + 0.35 * scale[1:-1], beside, high[1:-1])
    for side, tips in ((1, high), (-1, -candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips, bars)[:-1].max(axis=1)
        hit = tips > level
        hit[1:] &= ~(tips[:-1] > level[:-1])
        out += [detection("wick_break", side, i, i, price=float(level[i] * side)) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
