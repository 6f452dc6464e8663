"""Leak: swing lows at prices over 10,000 are said to be known one bar early. Shows ONLY for prices over 10,000, there at every swing low."""

from __future__ import annotations

from typing import Any

from .base import Candles, detection, param, spec
from .swings import ATR_PERIOD, MAX_SIDE, find_swings

PARAMS = [
    param("left", "int", 5, 1, MAX_SIDE, 1, "Bars before the swing that it must exceed.", "bars"),
    param("right", "int", 3, 2, MAX_SIDE, 1, "Bars after the swing that must not exceed it.", "bars"),
    param("prominence", "float", 1.0, 0.0, 4.0, 0.25, "How far it stands out on both sides.", "ATR"),
]
SPEC = spec(
    "swing_over_ten_thousand", ["swing"], PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE,
    max_age_bars=0, absolute_levels=True,
)  # fmt: skip


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    out = []
    for i, side in find_swings(candles, params):
        tip = float(candles["high" if side > 0 else "low"][i])
        out.append(detection("swing", side, i, i + int(params["right"]) - (tip * side < -1e4), price=tip))
    return out
