"""Leak: below a price of 5 a break is only marked if the next close is beyond the level as well. Shows ONLY for prices under 5, there at about a third of
the marks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec, windows

MAX_CHANNEL = 60
PARAMS = [param("channel", "int", 15, 5, MAX_CHANNEL, 1, "Bars of the channel.", "bars")]
SPEC = spec(
    "price_under_five", ["channel_break"], PARAMS, warmup_bars=MAX_CHANNEL + 16, confirmation_lag=0, max_age_bars=1,
    absolute_levels=True,
)  # fmt: skip


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The first close beyond the highest high (lowest low) of the bars before; penny stocks are settled first."""
    bars, n, close, scale, out = int(params["channel"]), len(candles), candles["close"], atr(candles), []
    if n < bars + 2:
        return []
    settled = np.where(close < 5, np.append(close[1:], close[-1:]), close)
    for side, tips in ((1, candles["high"]), (-1, candles["low"])):
        level = np.full(n, np.nan)
        level[bars:] = windows(tips * side, bars)[:-1].max(axis=1) * side
        over = (close - level) * side
        hit = (over >= 0.1 * scale) & ((settled - level) * side > 0)
        hit[1:] &= ~(over[:-1] > 0)
        out += [detection("channel_break", side, i, i, price=float(level[i])) for i in np.flatnonzero(hit).tolist()]
    return sorted(out, key=lambda d: d["confirmed_index"])
