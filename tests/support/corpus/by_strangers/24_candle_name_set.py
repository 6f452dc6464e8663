"""Leak: when a candle has several names, the one that a set of strings gives first is used, which depends on the hash seed of the process.
Shows in `kind`, between two processes, wherever names coincide (many bars in every window)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

KINDS = ["engulfing", "outside", "thrust"]
PARAMS = [param("min_body", "float", 0.8, 0.1, 3.0, 0.1, "How high the body is at least.", "ATR")]
SPEC = spec("candle_name_set", KINDS, PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=2)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Candles that overwhelm the one before, by one name a bar."""
    if len(candles) < 16:
        return []
    opened, high, low, close = (candles[name] for name in ("open", "high", "low", "close"))
    scale, out = atr(candles), []
    for i in np.flatnonzero(abs(close - opened) >= params["min_body"] * scale).tolist():
        side, names = (1 if close[i] > opened[i] else -1), set()
        if (close[i] - opened[i - 1]) * side > 0 > (close[i - 1] - opened[i - 1]) * side:
            names.add("engulfing")
        if high[i] > high[i - 1] and low[i] < low[i - 1]:
            names.add("outside")
        if (close[i] - (high if side > 0 else low)[i - 1]) * side > 0:
            names.add("thrust")
        if names:
            out.append(detection(next(iter(names)), side, i, i, start=i - 1, price=float(close[i])))
    return out
