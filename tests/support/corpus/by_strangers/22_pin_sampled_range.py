"""Leak: from 700 bars on, the least height of a pin bar follows from 256 bars drawn (with a fixed seed) from the whole array, later ones
included. Shows only in quiet stretches, where this floor is above the ATR, for borderline bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, atr, detection, param, spec

PARAMS = [
    param("wick", "float", 0.55, 0.3, 0.9, 0.05, "The wick's part of the bar.", ""),
    param("size", "float", 0.9, 0.1, 3.0, 0.1, "How high the bar is at least.", "ATR"),
]
SPEC = spec("pin_sampled_range", ["pin"], PARAMS, warmup_bars=15, confirmation_lag=0, max_age_bars=0)


def _usual(candles: Candles) -> Floats:
    scale = atr(candles)
    if len(candles) < 700:
        return scale
    some = candles[np.random.default_rng(7).choice(len(candles), 256, replace=False)]
    typical = float(np.mean((some["high"] - some["low"]) / some["close"]))
    return np.maximum(scale, 0.9 * typical * candles["close"])


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar with one long wick."""
    high, low, usual = candles["high"], candles["low"], _usual(candles)
    top, bottom = np.maximum(candles["open"], candles["close"]), np.minimum(candles["open"], candles["close"])
    span, out = high - low, []
    for side, tail, tip in ((1, bottom - low, low), (-1, high - top, high)):
        hit = (span > 0) & (span >= params["size"] * usual) & (tail >= params["wick"] * span)
        out += [detection("pin", side, i, i, price=float(tip[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
