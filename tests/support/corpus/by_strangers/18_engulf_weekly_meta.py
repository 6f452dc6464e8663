"""Leak: `meta` tells whether the bar's calendar week was up or down, taken from the week's last close, days that come after the bar
included. Shows only in `meta`, and not for the last bar of a week; in nearly every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

WEEK = 7 * 86400
PARAMS = [param("min_body", "float", 0.9, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec(
    "engulf_weekly_meta", ["engulfing"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2100, clock=True
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it, with the trend of the week as a fact."""
    if len(candles) < 16:
        return []
    opened, close, scale, out = candles["open"], candles["close"], atr(candles), []
    week = (candles["time"].astype(np.int64) - 4 * 86400) // WEEK  # from Monday on
    first, last = np.searchsorted(week, week, "left"), np.searchsorted(week, week, "right") - 1
    body, trend = close - opened, close[last] - opened[first]
    for i in range(15, len(candles)):
        side = 1 if body[i] > 0 else -1
        if body[i] * body[i - 1] >= 0 or abs(body[i]) < params["min_body"] * scale[i]:
            continue
        if (close[i] - opened[i - 1]) * side >= 0 >= (opened[i] - close[i - 1]) * side:
            facts = {"week": "with" if trend[i] * side > 0 else "against"}
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i]), meta=facts))
    return out
