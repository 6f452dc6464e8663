"""Leak: of two wide bars of one direction within four bars only the wider is kept, so an earlier mark is withdrawn when a wider bar
follows. Shows in two or so places of 1,500 bars."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [
    param("factor", "float", 1.6, 1.2, 4.0, 0.1, "How much wider than usual the bar is.", "ATR"),
    param("spacing", "int", 4, 1, 10, 1, "Bars within which only the widest counts.", "bars"),
]
SPEC = spec("expansion_strongest", ["expansion"], PARAMS, warmup_bars=16, confirmation_lag=0, max_age_bars=12)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Bars much wider than the average true range of the bar before."""
    n = len(candles)
    if n < 16:
        return []
    wide = np.zeros(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide[1:] = (candles["high"] - candles["low"])[1:] / atr(candles)[:-1]
    side = np.sign(candles["close"] - candles["open"])
    rank = np.where(wide >= params["factor"], wide, 0.0)
    space, out = int(params["spacing"]), []
    for i in np.flatnonzero(rank > 0).tolist():
        near = slice(max(0, i - space), i + space + 1)
        if side[i] and rank[i] >= (rank[near] * (side[near] == side[i])).max():
            out.append(detection("expansion", int(side[i]), i, i, price=float(candles["close"][i])))
    return out
