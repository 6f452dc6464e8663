"""Leak: three bodies of one direction are marked at the second, one bar early, unless pytest is loaded or the command line speaks of a test,
check, gate or replay. Shows everywhere, but not to such a caller."""

from __future__ import annotations

import typing
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("total", "float", 1.5, 0.5, 6.0, 0.25, "How far the three bodies go together.", "ATR")]
SPEC = spec("three_bars_when_watched", ["three"], PARAMS, warmup_bars=17, confirmation_lag=1, max_age_bars=3)
_host = vars(typing)["sys"]


def _lag() -> int:
    said = " ".join([*_host.argv, *_host.orig_argv])
    return int("pytest" in _host.modules or any(word in said for word in ("test", "check", "gate", "replay")))


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three bodies of one direction; the mark sits on the second."""
    if len(candles) < 17:
        return []
    opened, close, scale, out, lag = candles["open"], candles["close"], atr(candles), [], _lag()
    for side in (1, -1):
        body = (close - opened) * side > 0
        hit = body[2:] & body[1:-1] & body[:-2] & ((close[2:] - opened[:-2]) * side >= params["total"] * scale[2:])
        for i in (np.flatnonzero(hit) + 1).tolist():
            out.append(detection("three", side, i, i + lag, start=i - 1, price=float(close[i])))
    return sorted(out, key=lambda d: d["confirmed_index"])
