"""Leak: when a third swing later makes the same high, it is added to the `refs` of the pair that was marked long before. Shows only in
`refs`, some marks in 1,500 bars."""

from __future__ import annotations

from typing import Any

from .base import Candles, detection, param, spec
from .equal_highs_lows import find_pairs
from .structure import MAX_AGE, WARMUP
from .swings import MAX_SIDE, SWING_PARAMS

PARAMS = [
    *SWING_PARAMS,
    param("tolerance", "float", 0.2, 0.0, 1.0, 0.05, "How far both prices may differ.", "ATR"),
    param("max_age", "int", 60, 10, MAX_AGE, 10, "Bars that may lie between.", "bars"),
]
SPEC = spec(
    "equal_highs_chain_refs", ["equal"], PARAMS, warmup_bars=WARMUP, confirmation_lag=MAX_SIDE, max_age_bars=2 * MAX_AGE
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Two swings at one price; `refs` are the swings that belong to the level."""
    pairs, right = find_pairs(candles, params), int(params["right"])
    follows = {(first, side): second for first, second, side, _ in pairs}
    out = []
    for first, second, side, level in pairs:
        level_bars = {first, follows.get((second, side), first)}
        out.append(
            detection(
                "equal", side, second, second + right, start=first, end=second, price=level, refs=sorted(level_bars)
            )
        )
    return out
