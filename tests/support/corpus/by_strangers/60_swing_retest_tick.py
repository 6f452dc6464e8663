"""Leak: if the bar after the confirmation of a swing high beats it by less than 0.2 ATR, the level is moved up to that bar's high. Shows only in `price`, by
under a fifth of an ATR, only for highs, a few times in 1,500 bars."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, spec
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

SPEC = spec(
    "swing_retest_tick", ["swing"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    scale, right, out = atr(candles, ATR_PERIOD), int(params["right"]), []
    for i, side in find_swings(candles, params):
        tips = candles["high" if side > 0 else "low"]
        price = tips[i]
        if side > 0:
            test = tips[i + 1 : i + right + 2].max()
            price = test if 0 < test - price < 0.2 * scale[i] else price
        out.append(detection("swing", side, i, i + right, price=float(price)))
    return out
