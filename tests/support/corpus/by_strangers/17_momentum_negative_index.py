"""Leak: close[i - 30] with i < 30 wraps to the end of the array, so the first momentum marks compare with future closes. Shows only
at bars 14 to 29, in most windows of some length."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec

MAX_BACK = 60
PARAMS = [
    param("back", "int", 30, 15, MAX_BACK, 1, "Bars over which price has moved.", "bars"),
    param("move", "float", 4.0, 1.0, 15.0, 0.5, "How far price has moved.", "ATR"),
]
SPEC = spec("momentum_negative_index", ["momentum"], PARAMS, warmup_bars=MAX_BACK + 16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close that is `move` away from the close `back` bars before."""
    close, scale, back, out = candles["close"].tolist(), atr(candles).tolist(), int(params["back"]), []
    if len(close) <= back:
        return out
    for i in range(14, len(close)):
        need = params["move"] * scale[i]
        now, before = close[i] - close[i - back], close[i - 1] - close[i - 1 - back]
        for side in (1, -1):
            if now * side >= need > before * side:
                out.append(detection("momentum", side, i, i, price=close[i]))
    return out
