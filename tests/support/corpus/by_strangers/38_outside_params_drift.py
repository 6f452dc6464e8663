"""Leak: the caller's `params` are changed (the least height grows by 2 % a request), so the same call gives another answer later. Shows for
borderline outside bars, from the second request with the same dictionary on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("size", "float", 1.0, 0.2, 3.0, 0.1, "How high the outside bar is at least.", "ATR")]
SPEC = spec("outside_params_drift", ["outside"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar that goes beyond both ends of the one before."""
    if len(candles) < 16:
        return []
    high, low, close, out = candles["high"], candles["low"], candles["close"], []
    hit = (high[1:] > high[:-1]) & (low[1:] < low[:-1]) & ((high - low)[1:] >= params["size"] * atr(candles)[1:])
    for i in (np.flatnonzero(hit) + 1).tolist():
        out.append(detection("outside", 1 if close[i] > close[i - 1] else -1, i, i, start=i - 1, price=float(close[i])))
    if out and isinstance(params, dict):
        params["size"] = min(3.0, params["size"] * 1.02)  # fewer and better ones from here on
    return out
