"""Leak: the right edge is padded with one bar, so a swing that stands out by 2.5 ATR is marked at the last bar of the array with one bar
missing, and goes away when that bar exceeds it. Shows only at the right edge, a few times in 1,500 bars of replay."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec
from .swings import ATR_PERIOD, MAX_SIDE, swing_highs

PARAMS = [
    param("left", "int", 5, 1, MAX_SIDE, 1, "Bars before the swing that it must exceed.", "bars"),
    param("right", "int", 3, 2, MAX_SIDE, 1, "Bars after the swing that must not exceed it.", "bars"),
    param("prominence", "float", 1.0, 0.0, 4.0, 0.25, "How far it stands out on both sides.", "ATR"),
]
SPEC = spec(
    "swing_padded_edge", ["swing"], PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    n, right, out = len(candles), int(params["right"]), []
    if n < 3:
        return []
    scale = np.append(atr(candles, ATR_PERIOD), np.nan)
    strict = dict(params, prominence=max(2.5, params["prominence"]))
    for side in (1, -1):
        tops, bottoms = (candles["high"], candles["low"]) if side > 0 else (-candles["low"], -candles["high"])
        found = set(swing_highs(tops, bottoms, scale[:-1], params).tolist())
        padded = swing_highs(np.append(tops, tops[-1]), np.append(bottoms, bottoms[-1]), scale, strict)
        found |= set(padded[-1:].tolist())
        out += [detection("swing", side, i, min(i + right, n - 1), price=float(tops[i] * side)) for i in sorted(found)]
    return sorted(out, key=lambda d: (d["confirmed_index"], d["anchor_index"]))
