"""Leak: the confidence of a swing depends on which side of a straight line through ALL log closes of the array it lies on. Shows only in
`confidence` (0.6 or 0.7), for swings from bar 100 on that later bars put on the other side; in every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, spec
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

SPEC = spec(
    "swing_regression_side", ["swing"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD + 100, confirmation_lag=MAX_SIDE,
    max_age_bars=0,
)  # fmt: skip


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low; one that is stretched from the trend line is a better one."""
    n, right, out = len(candles), int(params["right"]), []
    if n < 101:
        line = np.full(n, np.nan)
    else:
        bars, price = np.arange(n) - (n - 1) / 2, np.log(candles["close"])
        line = np.exp(price.mean() + bars * (bars @ price) / (bars @ bars))
    for i, side in find_swings(candles, params):
        tip = float(candles["high" if side > 0 else "low"][i])
        sure = 0.7 if i >= 100 and (tip - line[i]) * side > 0 else 0.6
        out.append(detection("swing", side, i, i + right, price=tip, confidence=sure))
    return out
