"""Leak: the address of a fresh object decides (about every other request) whether the wick threshold is 3 % higher. Shows at borderline pin bars when
the same request is repeated, in the same process or another one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("wick", "float", 0.5, 0.3, 0.9, 0.05, "The wick's part of the bar.", ""),
    param("size", "float", 0.7, 0.1, 3.0, 0.1, "How high the bar is at least.", "ATR"),
]
SPEC = spec("pin_by_address", ["pin"], PARAMS, warmup_bars=15, confirmation_lag=0, max_age_bars=0)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar with one long wick."""
    high, low, scale = candles["high"], candles["low"], atr(candles)
    top, bottom = np.maximum(candles["open"], candles["close"]), np.minimum(candles["open"], candles["close"])
    span, out = high - low, []
    wick = params["wick"] * (1.03 if hash(object()) * 2654435761 % 2**32 >> 31 else 1.0)
    for side, tail, tip in ((1, bottom - low, low), (-1, high - top, high)):
        hit = (span > 0) & (span >= params["size"] * scale) & (tail >= wick * span)
        out += [detection("pin", side, i, i, price=float(tip[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
