"""Leak: the slow average is recursive from the first candle (150 bars) while SPEC promises that nothing older than 300 bars matters.
Shows for a cross shortly after that age when older candles are dropped, in perhaps one of ten cuts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("bars", "int", 150, 50, 200, 10, "Bars of the slow average.", "bars"),
    param("distance", "float", 0.1, 0.0, 1.0, 0.05, "How far the close goes beyond it.", "ATR"),
]
SPEC = spec("cross_recursive_average", ["cross"], PARAMS, warmup_bars=20, confirmation_lag=0, max_age_bars=300)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The close crosses a slow exponential average."""
    close, out = candles["close"].tolist(), []
    if len(close) < 21:
        return []
    part, average, over = 2 / (params["bars"] + 1), float(np.mean(close[:10])), np.zeros(len(close))
    for i, price in enumerate(close):
        average += part * (price - average)
        over[i] = price - average
    with np.errstate(divide="ignore", invalid="ignore"):
        over = over / atr(candles)
    for side in (1, -1):
        far = over * side >= params["distance"]
        hit = far[1:] & ~far[:-1]
        hit[:20] = False
        out += [detection("cross", side, i + 1, i + 1, price=close[i + 1]) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
