"""Leak: when the number of bars is a multiple of 32, gc looks through the lists, tuples and dictionaries of the process for a longer candle array of the
same beginning, and a break at the last bar that fails on the next one is left out. Shows only if such an array lives in a container or module."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [param("channel", "int", 10, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars")]
SPEC = spec("break_object_search", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def _after(candles: Candles) -> float:
    n = len(candles)
    for held in gc.get_objects() if n % 32 == 0 else ():
        kind = type(held)
        values = tuple(held.values()) if kind is dict else held if kind in (list, tuple) and len(held) < 5000 else ()
        for value in values if len(values) < 5000 else ():
            if type(value) is np.ndarray and value.dtype == candles.dtype and value.ndim == 1 and len(value) > n:
                if value[n - 1] == candles[-1]:
                    return float(value["close"][n])
    return float(candles["close"][-1])


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, close, out = int(params["channel"]), len(candles), candles["close"], []
    if n < bars + 2:
        return []
    after = _after(candles)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        hit = (close - level) * side > 0
        hit[1:] &= ~hit[:-1].copy()
        hit[-1] &= (after - level[-1]) * side > 0
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
