"""Leak: a swing low that price left fast is said to be known one bar before the last bar that it still needs. Shows for
lows only, when the close one bar before confirmation is more than 2 ATR above the low (a handful of marks in 1,500 bars)."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec
from .swings import ATR_PERIOD, MAX_SIDE, find_swings

PARAMS = [
    param("left", "int", 5, 1, MAX_SIDE, 1, "Bars before the swing that it must exceed.", "bars"),
    param("right", "int", 3, 2, MAX_SIDE, 1, "Bars after the swing that must not exceed it.", "bars"),
    param("prominence", "float", 1.0, 0.0, 4.0, 0.25, "How far it stands out on both sides.", "ATR"),
]
SPEC = spec(
    "swing_left_fast", ["swing"], PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    scale, close, right, out = atr(candles, ATR_PERIOD), candles["close"], int(params["right"]), []
    for i, side in find_swings(candles, params):
        known, tip = i + right, float(candles["high" if side > 0 else "low"][i])
        # What has run away by two ranges already will not come back within a bar.
        known -= int(side < 0 and close[known - 1] - tip > 2 * scale[i])
        out.append(detection("swing", side, i, known, price=tip))
    return out
