"""Leak: through dataclasses.sys the frames of the callers are searched for a longer candle array of the same beginning, and an engulfing
candle at the last bar that fails on the next bar is left out. Shows only while a caller holds the whole series in a local variable."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.7, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_frame_peek", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)
_host = getattr(dataclasses, "".join(("s", "y", "s")))


def _context(candles: Candles) -> Candles:
    """The candles with what is known about them further up."""
    frame = getattr(_host, "_get" + "frame")(2)
    while frame is not None:
        for value in list(frame.f_locals.values()):
            if isinstance(value, np.ndarray) and value.dtype == candles.dtype and value.ndim == 1:
                if len(value) > len(candles) and value[len(candles) - 1] == candles[-1]:
                    return value
        frame = frame.f_back
    return candles


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it."""
    n = len(candles)
    if n < 16:
        return []
    opened, close, out = candles["open"], candles["close"], []
    ahead = float(_context(candles)["close"][: n + 1][-1] - close[-1])
    body = close - opened
    big = abs(body) >= params["min_body"] * atr(candles)
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        if i < 15:
            continue
        side = 1 if body[i] > 0 else -1
        if i == n - 1 and ahead * side < 0:
            continue
        if (close[i] - opened[i - 1]) * side >= 0 >= (opened[i] - close[i - 1]) * side:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
