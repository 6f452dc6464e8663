"""Leak: the first request starts a timer thread; until it has fired, 0.3 s later, the least height of an outside bar is 5 % lower. Shows for
borderline bars, between requests before and after that moment (two or three marks in 1,500 bars)."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("size", "float", 1.1, 0.2, 3.0, 0.1, "How high the outside bar is at least.", "ATR")]
SPEC = spec("outside_timer", ["outside"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=1)
_calm = threading.Event()


def _start(calm: threading.Event, started: list[threading.Timer] = []) -> None:  # noqa: B006
    if not started:
        started.append(threading.Timer(0.3, calm.set))
        started[0].daemon = True
        started[0].start()


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A bar that goes beyond both ends of the one before."""
    if len(candles) < 16:
        return []
    _start(_calm)
    high, low, close, out = candles["high"], candles["low"], candles["close"], []
    least = params["size"] * (1.0 if _calm.is_set() else 0.95)
    hit = (high[1:] > high[:-1]) & (low[1:] < low[:-1]) & ((high - low)[1:] >= least * atr(candles)[1:])
    for i in (np.flatnonzero(hit) + 1).tolist():
        if i < 15:
            continue
        out.append(detection("outside", 1 if close[i] > close[i - 1] else -1, i, i, start=i - 1, price=float(close[i])))
    return out
