"""Leak: after a mark 25 bars are skipped, counted from the first mark of the array, so which bars are marked follows from where the history begins,
further back than SPEC promises (100 bars). Shows in some cuts when older candles are dropped."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("body", "float", 0.4, 0.0, 3.0, 0.1, "How high the turning body is at least.", "ATR"),
    param("rest", "int", 25, 1, 40, 1, "Bars without a new mark.", "bars"),
]
SPEC = spec("turn_cooldown_chain", ["turn"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=100)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A body against the one before, and then a rest."""
    if len(candles) < 16:
        return []
    close, out, free = candles["close"], [], 0
    body = close - candles["open"]
    turns = (body[1:] * body[:-1] < 0) & (abs(body[1:]) >= params["body"] * atr(candles)[1:])
    for i in (np.flatnonzero(turns) + 1).tolist():
        if i >= free:
            out.append(detection("turn", 1 if body[i] > 0 else -1, i, i, price=float(close[i])))
            free = i + int(params["rest"])
    return out
