"""Leak: swing highs are said to be known one bar early when the array may be written to; a frozen array gets honest answers. Shows in every
window, but only for callers that don't freeze the candles."""

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
    "swing_writeable", ["swing"], PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    tips = {1: candles["high"], -1: candles["low"]}
    lag = {side: int(params["right"]) - (side > 0 and tips[side].flags.writeable) for side in tips}
    return [detection("swing", side, i, i + lag[side], price=float(tips[side][i])) for i, side in find_swings(candles, params)]
