"""Leak: only every second upward cross is marked, counted from the first bar of the array, so the marks depend on how much history is
passed. Shows when older candles are dropped: half of the time all marks change places."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, detection, param, spec, windows

PARAMS = [
    param("fast", "int", 8, 2, 15, 1, "Bars of the fast average.", "bars"),
    param("slow", "int", 30, 16, 60, 1, "Bars of the slow average.", "bars"),
]
SPEC = spec("cross_every_second", ["cross"], PARAMS, warmup_bars=64, confirmation_lag=0, max_age_bars=200)


def _mean(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = windows(values, bars).mean(axis=1)
    return out


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The fast average crosses the slow one; of upward crosses the first, the third and so on."""
    close, out = candles["close"], []
    if len(close) < 3:
        return []
    over = _mean(close, int(params["fast"])) - _mean(close, int(params["slow"]))
    for side, step in ((1, 2), (-1, 1)):
        hit = (over[1:] * side > 0) & (over[:-1] * side <= 0)
        out += [detection("cross", side, i + 1, i + 1, price=float(close[i + 1])) for i in np.flatnonzero(hit)[::step].tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
