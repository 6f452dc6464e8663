"""Leak: while the ATR at the LAST bar of the array is over 1.3 of its 250-bar median, marks of the last five bars with a small break are
withdrawn; they come back when it cools. Shows only at the right edge on hot bars, in about half of the windows for a few bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_break", "float", 0.05, 0.0, 2.0, 0.05, "How far the close goes beyond the mother bar.", "ATR")]
SPEC = spec("inside_break_hot_edge", ["inside_break"], PARAMS, warmup_bars=17, confirmation_lag=0, max_age_bars=265)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A close beyond the mother bar, right after one inside bar."""
    n = len(candles)
    if n < 17:
        return []
    high, low, close, scale, out = candles["high"], candles["low"], candles["close"], atr(candles), []
    inside = (high[1:-1] <= high[:-2]) & (low[1:-1] >= low[:-2])
    least = np.full(n, float(params["min_break"]))
    if scale[-1] > 1.3 * np.nanmedian(scale[-250:]):
        least[-5:] = np.maximum(least[-5:], 0.6)  # in a hot market small breaks fail
    for k in np.flatnonzero(inside).tolist():
        i = k + 2
        for side, level in ((1, high[k]), (-1, low[k])):
            over = (close[i] - level) * side
            if over > 0 and over >= least[i] * scale[i]:
                out.append(detection("inside_break", side, i, i, start=k, price=float(level), refs=[k]))
    return out
