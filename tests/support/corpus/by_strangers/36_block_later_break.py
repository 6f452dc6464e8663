"""Leak: when a second break of structure starts from the same candle, the order block's entry is overwritten, so the block that was known at
the first break is suddenly known only at the second. Shows a few times in 1,500 bars."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec
from .structure import BREAK_PARAMS, MAX_AGE, WARMUP, find_breaks, leg_start
from .swings import ATR_PERIOD

MAX_MOVE = 40
PARAMS = [
    *BREAK_PARAMS,
    param("displacement", "float", 1.5, 0.0, 6.0, 0.25, "How far the move goes from the block to the break.", "ATR"),
]
SPEC = spec(
    "block_later_break", ["block"], PARAMS, warmup_bars=WARMUP, confirmation_lag=MAX_MOVE, max_age_bars=3 * MAX_AGE
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The last opposite candle before the move that broke structure, each candle once."""
    scale, body, blocks = atr(candles, ATR_PERIOD), candles["close"] - candles["open"], {}
    for b in find_breaks(candles, params):
        start = leg_start(candles, b.direction, b.swing, b.index)
        at = next((k for k in range(start, max(-1, start - 4), -1) if body[k] * b.direction < 0 and k < b.index), None)
        if at is None or b.index - at > MAX_MOVE:
            continue
        low, high = float(candles["low"][at]), float(candles["high"][at])
        moved = (float(candles["close"][b.index]) - (low if b.direction > 0 else high)) * b.direction
        if moved >= params["displacement"] * scale[b.index]:
            blocks[at, b.direction] = detection("block", b.direction, at, b.index, price_low=low, price_high=high)
    return sorted(blocks.values(), key=lambda d: d["confirmed_index"])
