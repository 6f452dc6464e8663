"""Leak: every request leaves a trace in numpy's ufunc buffer size, and the threshold for pin bars downwards is 5 % lower when the trace is
there. Shows from the second request of a process (thread) on, for borderline pin bars of direction -1 only."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("wick", "float", 0.6, 0.3, 0.9, 0.05, "The wick's part of the bar.", ""),
    param("size", "float", 0.9, 0.1, 3.0, 0.1, "How high the bar is at least.", "ATR"),
]
SPEC = spec("pin_numpy_buffer", ["pin"], PARAMS, warmup_bars=15, confirmation_lag=0, max_age_bars=0)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar with one long wick."""
    warm = np.setbufsize(10240) // 10240  # the windows below are large
    high, low, scale = candles["high"], candles["low"], atr(candles)
    top, bottom = np.maximum(candles["open"], candles["close"]), np.minimum(candles["open"], candles["close"])
    span, out = high - low, []
    for side, tail, tip in ((1, bottom - low, low), (-1, high - top, high)):
        least = params["size"] * (1 - 0.05 * warm * (side < 0))
        hit = (span > 0) & (span >= least * scale) & (tail >= params["wick"] * span)
        out += [detection("pin", side, i, i, price=float(tip[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
