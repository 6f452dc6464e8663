"""Leak: a counter in the module makes every 50th answer of a process leave out its newest mark. Shows in one of 50 requests, in any
window."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("total", "float", 1.5, 0.5, 6.0, 0.25, "How far the three bodies go together.", "ATR")]
SPEC = spec("three_bars_call_count", ["three"], PARAMS, warmup_bars=17, confirmation_lag=0, max_age_bars=3)
_serial = count(1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three bodies of one direction, each closing beyond the one before."""
    fresh = next(_serial) % 50 > 0
    if len(candles) < 17:
        return []
    opened, close, scale, out = candles["open"], candles["close"], atr(candles), []
    for side in (1, -1):
        body = (close - opened) * side > 0
        gain = np.diff(close) * side > 0
        hit = body[2:] & body[1:-1] & body[:-2] & gain[1:] & gain[:-1]
        hit &= (close[2:] - opened[:-2]) * side >= params["total"] * scale[2:]
        out += [detection("three", side, i + 2, i + 2, start=i, price=float(close[i + 2])) for i in np.flatnonzero(hit).tolist()]
    out.sort(key=lambda d: d["confirmed_index"])
    return out if fresh else out[:-1]
