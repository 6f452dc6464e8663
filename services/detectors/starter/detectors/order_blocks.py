"""Order blocks: the last opposite candle before a move that broke structure.

Upwards: when a close breaks the last unbroken swing high, the move began at the lowest low between that swing and the break.
The last falling candle among that bar and the `lookback` bars before it is the order block, if the move from its low to
the breaking close is at least `displacement` average true ranges and takes at most 40 bars; a slower one displaces nothing.
The mark sits on that candle, its zone is the candle's range (with `body` its body), and it is known at the close of the
breaking bar. What happens later is a new mark, within `max_age` bars of the break: "order_block_mitigated" when price first
comes back into the zone, "order_block_broken" when a bar first closes beyond its far side. Downwards is the mirror image;
breaks are those of `structure`.

Source: M. J. Huddleston (Inner Circle Trader, 2022 mentorship: order block, displacement, mitigation); the zone as a candle's
range follows "Smart Money Concepts" (LuxAlgo, 2022).
"""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec
from .levels import Happening, as_detections, first_beyond
from .structure import BREAK_PARAMS, MAX_AGE, WARMUP, Break, find_breaks, leg_start
from .swings import ATR_PERIOD

MAX_LOOKBACK = 10
MAX_MOVE = 40  # bars from the block to the break
PARAMS = [
    *BREAK_PARAMS,
    param("displacement", "float", 1.5, 0.0, 6.0, 0.25, "How far the move goes from the block to the break.", "ATR"),
    param("lookback", "int", 3, 0, MAX_LOOKBACK, 1, "Bars before the extreme that may hold the block.", "bars"),
    param("body", "bool", False, help="The zone is the candle's body, not its whole range."),
]
SPEC = spec(
    "order_blocks", ["order_block", "order_block_mitigated", "order_block_broken"], PARAMS, warmup_bars=WARMUP,
    confirmation_lag=MAX_MOVE, max_age_bars=3 * MAX_AGE + MAX_LOOKBACK,
)  # fmt: skip


def find_blocks(candles: Candles, params: dict[str, Any]) -> list[Happening]:
    """Each block as (index of the breaking bar, anchor on the block, direction, zone), each candle once."""
    scale, blocks = atr(candles, ATR_PERIOD), dict[tuple[int, int], Happening]()
    for b in find_breaks(candles, params):
        at = _block(candles, b, int(params["lookback"]))
        if at is None or b.index - at > MAX_MOVE or (at, b.direction) in blocks:
            continue
        low, high = _zone(candles, at, bool(params["body"]))
        start = candles["low"][at] if b.direction > 0 else candles["high"][at]
        moved = (float(candles["close"][b.index]) - float(start)) * b.direction
        if moved >= float(params["displacement"]) * scale[b.index]:
            blocks[at, b.direction] = Happening(b.index, at, b.direction, low, high)
    return list(blocks.values())


def _block(candles: Candles, b: Break, lookback: int) -> int | None:
    extreme = leg_start(candles, b.direction, b.swing, b.index)
    for at in range(extreme, max(-1, extreme - lookback - 1), -1):
        if (candles["close"][at] - candles["open"][at]) * b.direction < 0 and at < b.index:
            return at
    return None


def _zone(candles: Candles, at: int, body: bool) -> tuple[float, float]:
    if not body:
        return float(candles["low"][at]), float(candles["high"][at])
    ends = float(candles["open"][at]), float(candles["close"][at])
    return min(ends), max(ends)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Blocks of kind "order_block", and the first time that price came back into one and closed beyond it."""
    blocks, age = find_blocks(candles, params), int(params["max_age"])
    out = [
        detection(
            "order_block",
            b.direction,
            b.anchor,
            b.index,
            price_low=b.low,
            price_high=b.high,
            meta={"bars_to_break": b.index - b.anchor},
        )
        for b in blocks
    ]
    came, gone = [], []
    for b in blocks:
        near, far = (b.high, b.low) if b.direction > 0 else (b.low, b.high)
        inner = candles["low"] if b.direction > 0 else candles["high"]
        back = first_beyond(inner, near, -b.direction, b.index + 1, b.index + age)
        through = first_beyond(candles["close"], far, -b.direction, b.index + 1, b.index + age)
        if back is not None:
            came.append(Happening(back, b.anchor, b.direction, b.low, b.high))
        if through is not None:
            gone.append(Happening(through, b.anchor, b.direction, b.low, b.high))
    return out + as_detections("order_block_mitigated", came) + as_detections("order_block_broken", gone)
