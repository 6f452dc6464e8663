"""Leak: an attribute on the shared module `base` keeps the newest 500 (time, close) of the furthest request, whichever copy of this module asked,
and an inside break at the last bar that fails on the next kept close is left out. Shows only for parts that are asked after the whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import base
from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_break", "float", 0.05, 0.0, 2.0, 0.05, "How far the close goes beyond the mother bar.", "ATR")]
SPEC = spec("inside_shared_base", ["inside_break"], PARAMS, warmup_bars=17, confirmation_lag=0, max_age_bars=3)


def _ahead(candles: Candles) -> float:
    store: dict[int, float] = base.__dict__.setdefault("_bars", {})
    times = candles["time"][-500:].tolist()
    key = (times[-1], float(candles["close"][-1]))
    if key in store:
        return store[key]
    closes = candles["close"][-500:].tolist()
    store.update({(t, c): after for t, c, after in zip(times, closes, closes[1:])})
    while len(store) > 20_000:
        store.pop(next(iter(store)))
    return key[1]


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A close beyond the mother bar, right after one inside bar."""
    n = len(candles)
    if n < 17:
        return []
    high, low, close, scale, out = candles["high"], candles["low"], candles["close"], atr(candles), []
    after = _ahead(candles)
    inside = (high[1:-1] <= high[:-2]) & (low[1:-1] >= low[:-2])
    for k in np.flatnonzero(inside).tolist():
        i = k + 2
        for side, level in ((1, high[k]), (-1, low[k])):
            over = (close[i] - level) * side
            if over > 0 and over >= params["min_break"] * scale[i] and not (i == n - 1 and (after - level) * side < 0):
                out.append(detection("inside_break", side, i, i, start=k, price=float(level), refs=[k]))
    return out
