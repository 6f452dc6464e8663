"""Leak: from bar 700 of the array on, each swing high is said to be known one bar before its last bar has closed. Shows only in arrays of more
than 700 bars; there at every swing high."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, param, spec
from .swings import ATR_PERIOD, MAX_SIDE, find_swings

PARAMS = [
    param("left", "int", 5, 1, MAX_SIDE, 1, "Bars before the swing that it must exceed.", "bars"),
    param("right", "int", 3, 2, MAX_SIDE, 1, "Bars after the swing that must not exceed it.", "bars"),
    param("prominence", "float", 1.0, 0.0, 4.0, 0.25, "How far it stands out on both sides.", "ATR"),
]
SPEC = spec(
    "swing_after_700", ["swing"], PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Swings at their high or low."""
    known = np.arange(len(candles)) + int(params["right"])
    early = known[700:]  # a view
    out = []
    for i, side in sorted(find_swings(candles, params), key=lambda s: s[1]):  # lows first
        if side > 0 and len(early):
            early -= 1
            early = early[:0]
        out.append(detection("swing", side, i, int(known[i]), price=float(candles["high" if side > 0 else "low"][i])))
    return sorted(out, key=lambda d: (d["confirmed_index"], d["anchor_index"]))
