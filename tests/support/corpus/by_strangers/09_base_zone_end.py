"""Leak: a supply zone that is traded into within three bars gets its `end_index` moved to that bar after it was marked. Shows only for
zones downwards and only in `end_index`, a few times in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec
from .levels import first_beyond

PARAMS = [
    param("base", "float", 0.8, 0.2, 1.5, 0.1, "How high the quiet bar is at most.", "ATR"),
    param("impulse", "float", 0.9, 0.3, 4.0, 0.1, "How high the body after it is at least.", "ATR"),
]
SPEC = spec("base_zone_end", ["zone"], PARAMS, warmup_bars=16, confirmation_lag=1, max_age_bars=4)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A quiet bar before a strong body is a zone of supply or demand."""
    if len(candles) < 17:
        return []
    scale, out = atr(candles), []
    span, body = candles["high"] - candles["low"], candles["close"] - candles["open"]
    hit = (span[:-1] <= params["base"] * scale[:-1]) & (abs(body[1:]) >= params["impulse"] * scale[:-1])
    for i in np.flatnonzero(hit).tolist():
        side, end = (1 if body[i + 1] > 0 else -1), i + 1
        if side < 0:
            back = first_beyond(candles["high"], float(candles["low"][i]), 1, i + 2, i + 4)
            end = back if back is not None else end
        low, high = float(candles["low"][i]), float(candles["high"][i])
        out.append(detection("zone", side, i, i + 1, end=end, price_low=low, price_high=high))
    return out
