"""Breaks of market structure, shared by `bos` and `choch`.

A break is the first close (with `use_wick`: the first high or low) beyond the last confirmed swing that is still
unbroken and at most `max_age` bars old. Each level breaks once. The trend at a break is the direction of the break
before it, if that is at most `max_age` bars ago; otherwise there is no trend, and the break only begins one.
So nothing older than two `max_age` matters, whatever came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .base import Candles, detection, param
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

MAX_AGE = 250  # the highest `max_age`
STRUCTURE_PARAMS = [
    *SWING_PARAMS,
    param("max_age", "int", 120, 20, MAX_AGE, 10, "Bars after which a level or a trend is forgotten."),
    param("use_wick", "bool", False, help="A wick beyond the level is a break, not only a close."),
]
WARMUP = MAX_SIDE + ATR_PERIOD
MAX_AGE_BARS = 2 * MAX_AGE


@dataclass(frozen=True)
class Break:
    """Bar `index` broke the swing at `swing` upwards (+1) or downwards (-1), when the trend was `trend` (0: none)."""

    index: int
    swing: int
    direction: int
    level: float
    trend: int


def find_breaks(candles: Candles, params: dict[str, Any]) -> list[Break]:
    """All breaks, ascending by index. A bar that breaks a high and a low at once (wicks) gives both."""
    use_wick, max_age, right = bool(params["use_wick"]), int(params["max_age"]), int(params["right"])
    levels = {1: candles["high"].tolist(), -1: candles["low"].tolist()}
    closes = candles["close"].tolist()
    reach = levels if use_wick else {1: closes, -1: closes}
    swings = find_swings(candles, params)
    unbroken: dict[int, list[tuple[int, float]]] = {1: [], -1: []}  # by side, oldest first
    breaks: list[Break] = []
    known, last, trend = 0, 0, 0
    for j in range(len(candles)):
        before = trend if j - last <= max_age else 0
        for side in (1, -1):
            waiting, price = unbroken[side], reach[side][j]
            while waiting and j - waiting[0][0] > max_age:
                waiting.pop(0)
            beyond = [level for level in waiting if (price - level[1]) * side > 0]
            if not beyond:
                continue
            if beyond[-1] == waiting[-1]:
                breaks.append(Break(j, beyond[-1][0], side, beyond[-1][1], before))
                last, trend = j, side
            unbroken[side] = [level for level in waiting if level not in beyond]
        while known < len(swings) and swings[known][0] + right <= j:
            i, side = swings[known]
            unbroken[side].append((i, levels[side][i]))
            known += 1
    return breaks


def as_detection(kind: str, found: Break) -> dict[str, Any]:
    """The break as a detection: anchored and confirmed at the breaking bar, from the broken swing, at its price."""
    return detection(
        kind,
        found.direction,
        found.index,
        found.index,
        start=found.swing,
        end=found.index,
        price=found.level,
        refs=[found.swing],
        meta={"bars_since_swing": found.index - found.swing},
    )
