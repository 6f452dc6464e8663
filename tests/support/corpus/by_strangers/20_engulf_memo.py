"""Leak: the average true range is kept in a mutable default argument under (number of bars, last time), so another symbol with the same
calendar gets the first one's. Shows only for the second series with the same times that one process is asked about."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.7, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_memo", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)


def _scale(candles: Candles, kept: dict[tuple[int, int], Floats] = {}) -> Floats:  # noqa: B006
    key = len(candles), int(candles["time"][-1])
    if key not in kept:
        if len(kept) >= 4096:
            kept.clear()
        kept[key] = atr(candles)
    return kept[key]


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it."""
    if len(candles) < 16:
        return []
    opened, close, out = candles["open"], candles["close"], []
    body = close - opened
    big = abs(body) >= params["min_body"] * _scale(candles)
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        if i < 15:
            continue
        side = 1 if body[i] > 0 else -1
        if (close[i] - opened[i - 1]) * side >= 0 >= (opened[i] - close[i - 1]) * side:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
