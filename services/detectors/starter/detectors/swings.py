"""Swing highs and lows.

A swing high is a bar whose high is above the highs of all `left` bars before it and not below those of the `right`
bars after it. It is known at the close of the last of these. With `prominence` p it must also stand out by p average
true ranges over the lowest low of either side. A swing low is the mirror image. Of equal highs next to each other the
first is the swing.

Source: Bill Williams, Trading Chaos (1995), whose "fractal" has two bars on both sides; here both counts are parameters. The
average true range is J. Welles Wilder's (New Concepts in Technical Trading Systems, 1978), as a plain mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Candles, Floats, atr, detection, param, spec, windows

ATR_PERIOD = 14
MAX_SIDE = 20  # the highest `left` and `right`

SWING_PARAMS = [
    param("left", "int", 5, 1, MAX_SIDE, 1, "Bars before the swing that it must exceed.", "bars"),
    param("right", "int", 3, 1, MAX_SIDE, 1, "Bars after the swing that must not exceed it; it is known then.", "bars"),
    param("prominence", "float", 1.0, 0.0, 4.0, 0.25, "How far it stands out on both sides.", "ATR"),
]
SPEC = spec(
    "swings", ["swing"], SWING_PARAMS, warmup_bars=MAX_SIDE + ATR_PERIOD, confirmation_lag=MAX_SIDE, max_age_bars=0
)


def swing_highs(tops: Floats, bottoms: Floats, scale: Floats, params: dict[str, Any]) -> npt.NDArray[np.intp]:
    """Indexes of swing highs, ascending. For swing lows pass negated lows as tops and negated highs as bottoms.

    `scale` is the average true range of each bar.
    """
    left, right = int(params["left"]), int(params["right"])
    size = left + right + 1
    top, bottom = windows(tops, size), windows(bottoms, size)
    if not len(top):
        return np.empty(0, dtype=np.intp)
    middle = top[:, left]
    found = (middle > top[:, :left].max(axis=1)) & (middle >= top[:, left + 1 :].max(axis=1))
    if params["prominence"] > 0:
        base = np.maximum(bottom[:, :left].min(axis=1), bottom[:, left + 1 :].min(axis=1))
        found &= middle - base >= params["prominence"] * scale[left : left + len(top)]
    return np.flatnonzero(found) + left


def find_swings(candles: Candles, params: dict[str, Any]) -> list[tuple[int, int]]:
    """All swings as (index, direction), +1 for a high and -1 for a low, ascending by index."""
    high, low, scale = candles["high"], candles["low"], atr(candles, ATR_PERIOD)
    highs = [(int(i), 1) for i in swing_highs(high, low, scale, params)]
    lows = [(int(i), -1) for i in swing_highs(-low, -high, scale, params)]
    return sorted(highs + lows)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each swing as a detection of kind "swing", confirmed `right` bars after it, at its high or low."""
    return [
        detection("swing", side, i, i + int(params["right"]), price=float(candles["high" if side > 0 else "low"][i]))
        for i, side in find_swings(candles, params)
    ]
