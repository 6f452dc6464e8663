"""Leak: detect keeps the longest series that it has seen as an attribute of the function, and looks up the next close there when it is
asked about a shorter part again. Shows only for a part that is asked after a longer one in the same process (its newest cross is missing)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, detection, param, spec, windows

PARAMS = [
    param("fast", "int", 5, 2, 15, 1, "Bars of the fast average.", "bars"),
    param("slow", "int", 20, 16, 60, 1, "Bars of the slow average.", "bars"),
]
SPEC = spec("cross_remembers", ["cross"], PARAMS, warmup_bars=64, confirmation_lag=0, max_age_bars=1)


def _mean(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = windows(values, bars).mean(axis=1)
    return out


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The fast average crosses the slow one."""
    time, close, out = candles["time"], candles["close"], []
    if len(close) < 3:
        return []
    old_time, old_close = getattr(detect, "warm", (time[:0], close[:0]))
    at = int(np.searchsorted(old_time, time[-1]))
    same = at + 1 < len(old_time) and old_time[at] == time[-1] and old_close[at] == close[-1]
    ahead = float(old_close[at + 1] - close[-1]) if same else 0.0
    if not same:
        detect.warm = time.copy(), close.copy()  # type: ignore[attr-defined]
    over = _mean(close, int(params["fast"])) - _mean(close, int(params["slow"]))
    for side in (1, -1):
        hit = over * side > 0
        hit[1:] &= over[:-1] * side <= 0
        hit[0] = False
        hit[-1] &= ahead * side >= 0
        out += [detection("cross", side, i, i, price=float(close[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
