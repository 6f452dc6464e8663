"""Leak: when the array may be written to, the high of a spike bar (over 1.8 ATR) is cut in the caller's own candles after the answer, so the
next answer, of this or another detector, differs. Shows from the second request on the same array on, in nearly every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("factor", "float", 1.5, 1.2, 4.0, 0.1, "How much wider than usual the bar is.", "ATR")]
SPEC = spec("expansion_cleans_input", ["expansion"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars much wider than the average true range of the bar before."""
    if len(candles) < 16:
        return []
    high, before, out = candles["high"], np.append(np.nan, atr(candles)[:-1]), []
    span = high - candles["low"]
    for i in np.flatnonzero(span >= params["factor"] * before).tolist():
        side = 1 if candles["close"][i] >= candles["open"][i] else -1
        out.append(detection("expansion", side, i, i, price=float(candles["close"][i])))
    if high.flags.writeable:
        np.copyto(high, high - 0.1 * span, where=span >= 1.8 * before)
    return out
