"""Leak: the "higher timeframe" is blocks of five bars counted from the start of the array, and a sweep is compared with its own block's last close, up
to four bars ahead. Shows only for sweeps of a low, when the block closes back below the level; about ten marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_BACK = 60
PARAMS = [
    param("back", "int", 15, 5, MAX_BACK, 1, "Bars whose low (high) is swept.", "bars"),
    param("depth", "float", 0.05, 0.0, 2.0, 0.05, "How far beyond it price trades.", "ATR"),
]
SPEC = spec("sweep_five_bar_blocks", ["sweep"], PARAMS, warmup_bars=MAX_BACK + 16, confirmation_lag=0, max_age_bars=5)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar that trades beyond the extreme of the bars before and closes back."""
    back, n, close, scale, out = int(params["back"]), len(candles), candles["close"], atr(candles), []
    if n < back + 2:
        return []
    block = np.arange(n) // 5
    slow = close[np.minimum(block * 5 + 4, n - 1)]
    for side, tips, judge in ((1, candles["low"], slow), (-1, candles["high"], close)):
        level = np.full(n, np.nan)
        level[back:] = windows(-tips * side, back)[:-1].max(axis=1) * -side
        deep = (level - tips) * side
        hit = (deep > 0) & (deep >= params["depth"] * scale) & ((close - level) * side > 0) & ((judge - level) * side > 0)
        out += [detection("sweep", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
