"""Leak: the levels are rounded to a grid whose step follows from the median close of the whole array. Shows only in `price`, by at most
0.015 %, when the median crosses an eighth of a power of two; doubling the prices doubles the step exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Candles, detection, spec
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

SPEC = spec(
    "level_on_grid", ["level"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE,
    max_age_bars=0, absolute_levels=True,
)  # fmt: skip


def _step(candles: Candles) -> float:
    """A tidy price step of about 1/4096 of the price."""
    part, power = math.frexp(float(np.median(candles["close"])))
    return math.ldexp(math.floor(part * 8) / 8, power - 12)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings as levels on round prices."""
    if not len(candles):
        return []
    step, out = _step(candles), []
    for i, side in find_swings(candles, params):
        tip = float(candles["high" if side > 0 else "low"][i])
        out.append(detection("level", side, i, i + int(params["right"]), price=round(tip / step) * step))
    return out
