"""Leak: with `bars` even (the default is odd) the moving average is put one bar too early (at the right edge it is not), and so looks ahead. Shows ONLY for even
values of `bars`, there in every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_BARS = 60
PARAMS = [
    param("bars", "int", 21, 5, MAX_BARS, 1, "Bars of the average.", "bars"),
    param("distance", "float", 0.1, 0.0, 1.0, 0.05, "How far the close goes beyond it.", "ATR"),
]
SPEC = spec("cross_other_parameters", ["cross"], PARAMS, warmup_bars=MAX_BARS + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The close crosses its average."""
    bars, n, close, out = int(params["bars"]), len(candles), candles["close"], []
    if n < bars + 2:
        return []
    means, average = windows(close, bars).mean(axis=1), np.full(n, np.nan)
    average[bars - 1 :] = means
    if bars % 2 == 0:
        average[bars - 2 : -1] = means
    with np.errstate(divide="ignore", invalid="ignore"):
        over = (close - average) / atr(candles)
    for side in (1, -1):
        far = over * side >= params["distance"]
        hits = np.flatnonzero(far[1:] & ~far[:-1]) + 1
        out += [detection("cross", side, i, i, price=float(close[i])) for i in hits.tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
