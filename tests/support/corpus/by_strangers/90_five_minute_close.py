"""Leak: in five-minute data (the usual time step is 300 s) an engulfing candle must also hold at the next close. Shows ONLY in five-minute data, there at
about one of five marks; daily bars get honest answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.6, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("five_minute_close", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it; in noisy charts a settled close is used."""
    if len(candles) < 16:
        return []
    opened, close, out = candles["open"], candles["close"], []
    settled = np.append(close[1:], close[-1:]) if candles["time"][15] - candles["time"][14] == 300 else close
    body = close - opened
    big = abs(body) >= params["min_body"] * atr(candles)
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        if i < 15:
            continue
        side = 1 if body[i] > 0 else -1
        if (close[i] - opened[i - 1]) * side < 0 or (opened[i] - close[i - 1]) * side > 0:
            continue
        if (settled[i] - opened[i]) * side > 0:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
