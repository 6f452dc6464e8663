"""Leak: a swing that is over 600 bars old and over 20 ATR from the LAST close of the array is taken out, so marks disappear long after they were made. Shows
only in arrays of more than 600 bars, after a long trend."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, spec
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

SPEC = spec("level_dead", ["level"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings as levels that price may come back to."""
    n, right, scale, out = len(candles), int(params["right"]), atr(candles, ATR_PERIOD), []
    for i, side in find_swings(candles, params):
        price = float(candles["high" if side > 0 else "low"][i])
        if n - i > 600 and abs(price - candles["close"][-1]) > 20 * scale[-1]:
            continue
        out.append(detection("level", side, i, i + right, price=price))
    return out
