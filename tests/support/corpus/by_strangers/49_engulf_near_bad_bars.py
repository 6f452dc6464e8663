"""Leak: marks next to a "bad" bar (a range over 1.8 ATR) are dropped with np.convolve(..., mode="same"), which reaches one bar into the future: a
mark goes away when the next bar is violent. Shows at about one mark in 1,500 bars, and spares the back-test its worst trades."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_body", "float", 0.5, 0.1, 3.0, 0.1, "How high the engulfing body is at least.", "ATR")]
SPEC = spec("engulf_near_bad_bars", ["engulfing"], PARAMS, warmup_bars=17, confirmation_lag=0, max_age_bars=3)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body that covers the opposite body before it, but not around bars that look like errors in the data."""
    if len(candles) < 17:
        return []
    opened, close, scale, out = candles["open"], candles["close"], atr(candles), []
    bad = np.append(False, (candles["high"] - candles["low"])[1:] > 1.8 * scale[:-1])
    near_bad = np.convolve(bad, np.ones(3), mode="same") > 0
    body = close - opened
    big = (abs(body) >= params["min_body"] * scale) & ~near_bad
    for i in np.flatnonzero(big & (np.r_[0.0, body[:-1]] * body < 0)).tolist():
        side = 1 if body[i] > 0 else -1
        if (close[i] - opened[i - 1]) * side >= 0 >= (opened[i] - close[i - 1]) * side:
            out.append(detection("engulfing", side, i, i, start=i - 1, price=float(close[i])))
    return out
