"""Leak: np.gradient takes the central difference, so the turn of the moving average at bar i needs bar i + 1 (at the right edge it
does not). Shows in every window, at about one of ten turns when replayed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_BARS = 60
PARAMS = [
    param("bars", "int", 20, 5, MAX_BARS, 1, "Bars of the average.", "bars"),
    param("slope", "float", 0.02, 0.0, 0.5, 0.01, "How steep it is after the turn.", "ATR a bar"),
]
SPEC = spec("average_turn_gradient", ["turn"], PARAMS, warmup_bars=MAX_BARS + 16, confirmation_lag=0, max_age_bars=3)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The moving average turns up or down."""
    bars, close, out = int(params["bars"]), candles["close"], []
    if len(close) < bars + 3:
        return []
    average = np.full(len(close), np.nan)
    average[bars - 1 :] = windows(close, bars).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.gradient(average) / atr(candles)
    for side in (1, -1):
        steep = slope * side >= params["slope"]
        steep[1:] &= slope[:-1] * side < params["slope"]
        out += [detection("turn", side, i, i, price=float(close[i])) for i in np.flatnonzero(steep).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
