"""Leak: an engulfing candle on a Monday (UTC) also has to hold at Tuesday's close, though it is said to be known on Monday. Shows for bars that
open on Mondays only; about five marks in 1,500 daily bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.6, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_mondays", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2, clock=True)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it; the thin first day of the week is treated with care."""
    if len(candles) < 16:
        return []
    opened, close, out = candles["open"], candles["close"], []
    body = close - opened
    big = abs(body) >= params["min_body"] * atr(candles)
    monday = (candles["time"] // 86400 + 3) % 7 == 0
    holds = np.where(monday, np.append(close[1:], close[-1:]), close)
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        side = 1 if body[i] > 0 else -1
        if (close[i] - opened[i - 1]) * side < 0 or (opened[i] - close[i - 1]) * side > 0:
            continue
        if (holds[i] - opened[i]) * side > 0:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
