"""Leak: np.diff(volume, append=...) instead of prepend, so the confidence tells whether the NEXT bar has more volume. Shows only in
`confidence`, for engulfing candles with a body of 0.8 ATR or more (needs a volume that varies)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.8, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_volume_diff", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it; more sure of it with rising volume."""
    if len(candles) < 16:
        return []
    scale, out = atr(candles), []
    body = candles["close"] - candles["open"]
    rising = np.diff(candles["volume"], append=candles["volume"][-1:]) > 0
    for i in (np.flatnonzero((body[1:] * body[:-1] < 0) & (abs(body[1:]) >= params["min_body"] * scale[1:])) + 1).tolist():
        side = 1 if body[i] > 0 else -1
        if (candles["close"][i] - candles["open"][i - 1]) * side < 0:
            continue
        if (candles["open"][i] - candles["close"][i - 1]) * side > 0:
            continue
        sure = 0.8 if rising[i] else 0.6
        out.append(detection("engulfing", side, i, i, start=i - 1, price=float(candles["close"][i]), confidence=sure))
    return out
