"""Leak: the break of a channel at bar i is measured by the average true range of bar i + 1 (at the end of the array by its own).
Shows only for breaks whose distance is close to the threshold, one to five marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, Floats, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [
    param("channel", "int", 20, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars"),
    param("min_break", "float", 0.4, 0.0, 3.0, 0.05, "How far the close goes beyond.", "ATR"),
]
SPEC = spec("break_next_atr", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1)


def _highest_before(values: Floats, bars: int) -> Floats:
    out = np.full(len(values), np.nan)
    if len(values) > bars:
        out[bars:] = windows(values, bars)[:-1].max(axis=1)
    return out


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before."""
    close, out = candles["close"], []
    scale = atr(candles)
    scale = np.append(scale[1:], scale[-1:])  # as it stands when the order is filled
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = _highest_before(tips * side, int(params["channel"])) * side
        over = (close - level) * side
        hit = (over > 0) & (over >= params["min_break"] * scale)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
