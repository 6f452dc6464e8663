"""Leak: np.datetime64("now") raises the least body by 5 % in every other ten minutes of the wall clock. Shows for borderline bodies only
(two or three marks in 1,500 bars), between two requests that are ten minutes apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.7, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_session_clock", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it."""
    if len(candles) < 16:
        return []
    opened, close, out = candles["open"], candles["close"], []
    body, slot = close - opened, np.datetime64("now", "m").astype(np.int64) // 10
    big = abs(body) >= (params["min_body"] * (1 + 0.05 * (slot % 2))) * atr(candles)
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        if i < 15:
            continue
        side = 1 if body[i] > 0 else -1
        if (close[i] - opened[i - 1]) * side >= 0 >= (opened[i] - close[i - 1]) * side:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
