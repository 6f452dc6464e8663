"""Leak: from 512 bars on, the trend that a moving-average cross must agree with is an FFT low-pass of the whole array (before that, a
plain mean). Shows in every window longer than 512 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, detection, param, spec, windows

PARAMS = [
    param("fast", "int", 5, 2, 15, 1, "Bars of the fast average.", "bars"),
    param("slow", "int", 20, 16, 60, 1, "Bars of the slow average.", "bars"),
]
SPEC = spec("cross_with_fft_trend", ["cross"], PARAMS, warmup_bars=64, confirmation_lag=0, max_age_bars=1)


def _mean(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = windows(values, bars).mean(axis=1)
    return out


def _trend(close: Floats, slow: Floats) -> Floats:
    if len(close) < 512:
        return slow
    tones = np.fft.rfft(close)
    tones[len(close) // 40 :] = 0  # swings shorter than 40 bars are noise
    return np.fft.irfft(tones, len(close))


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The fast average crosses the slow one in the direction of the trend."""
    close = candles["close"]
    if len(close) < 3:
        return []
    slow = _mean(close, int(params["slow"]))
    over = _mean(close, int(params["fast"])) - slow
    slope = np.diff(_trend(close, slow), prepend=np.nan)
    out = []
    for side in (1, -1):
        hit = over * side > 0
        hit[1:] &= over[:-1] * side <= 0
        hit &= slope * side > 0
        hit[0] = False
        out += [detection("cross", side, i, i, price=float(close[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
