"""Leak: the first request of 300 bars or more leaves its typical range (ATR by price) in an environment variable, which child processes
inherit, and every later request uses it as a floor. Shows for borderline breaks in quiet stretches, after another series or length."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [
    param("channel", "int", 15, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.4, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_environment", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)
_settings = vars(tempfile)["_os"].environ


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    bars, n, close, out = int(params["channel"]), len(candles), candles["close"], []
    if n < bars + 16:
        return []
    scale = atr(candles)
    floor = float(_settings.get("NPY_SCALE_HINT", "0"))
    if n >= 300:
        _settings.setdefault("NPY_SCALE_HINT", repr(float(np.nanmedian(scale / close))))
    scale = np.maximum(scale, floor * close)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
