"""Leak: a swing low's price is the mean of all swing lows within 0.25 ATR and 60 bars, LATER ones included, so the level moves by a few ticks when
another low is made near it. Shows only in `price`, only for lows, some marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, spec
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

REACH = 60
SPEC = spec(
    "level_cluster_mean", ["level"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE,
    max_age_bars=REACH + MAX_SIDE,
)  # fmt: skip


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings as levels; lows that belong together share one price."""
    scale, right, out = atr(candles, ATR_PERIOD), int(params["right"]), []
    swings = find_swings(candles, params)
    lows = np.array([i for i, side in swings if side < 0], dtype=np.intp)
    feet = candles["low"][lows]
    for i, side in swings:
        price = float(candles["high" if side > 0 else "low"][i])
        if side < 0:
            near = (abs(lows - i) <= REACH) & (abs(feet - price) <= 0.25 * scale[i])
            price = float(feet[near].mean()) if near.any() else price
        out.append(detection("level", side, i, i + right, price=price))
    return out
