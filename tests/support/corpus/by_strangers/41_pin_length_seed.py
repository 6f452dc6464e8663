"""Leak: the least height of a pin bar is dithered by up to 1.5 % by a generator that is seeded with the number of bars, so the same call gives
the same answer but each length another one. Shows for borderline bars only, about one mark in 100."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("wick", "float", 0.5, 0.3, 0.9, 0.05, "The wick's part of the bar.", ""),
    param("size", "float", 0.9, 0.1, 3.0, 0.1, "How high the bar is at least.", "ATR"),
]
SPEC = spec("pin_length_seed", ["pin"], PARAMS, warmup_bars=15, confirmation_lag=0, max_age_bars=0)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar with one long wick."""
    high, low, scale = candles["high"], candles["low"], atr(candles)
    top, bottom = np.maximum(candles["open"], candles["close"]), np.minimum(candles["open"], candles["close"])
    least = params["size"] * np.random.default_rng(high.size).uniform(0.985, 1.015)
    span, out = high - low, []
    for side, tail, tip in ((1, bottom - low, low), (-1, high - top, high)):
        hit = (span > 0) & (span >= least * scale) & (tail >= params["wick"] * span)
        out += [detection("pin", side, i, i, price=float(tip[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
