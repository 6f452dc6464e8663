"""A rule that judges the sessions of tests, in hindsight and without any detector.

Pivots: a zigzag over the window, where a high (low) is a pivot once price has moved away from it by `REVERSAL` times
the average true range of the last 14 bars (J. Welles Wilder, New Concepts in Technical Trading Systems, 1978). Breaks:
the first close beyond the last pivot of its side; with the trend of the break before it "bos", against it "choch".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.detectors.types import Candles

REVERSAL = 2.5  # average true ranges
ATR_BARS = 14
NEAR = 1  # bars


@dataclass(frozen=True, slots=True)
class RuleMark:
    """A place the rule calls right. `index` is a row of the given candles; `direction` +1 up or high, -1 down or low."""

    index: int
    direction: int
    price: float


def average_true_range(candles: Candles) -> np.ndarray:
    """Wilder's true range, averaged over the last 14 bars (fewer at the start). Shape (rows,)."""
    high, low, close = candles["high"], candles["low"], candles["close"]
    before = np.concatenate([[close[0]], close[:-1]])
    true_range = np.maximum(high, before) - np.minimum(low, before)
    total = np.cumsum(np.concatenate([[0.0], true_range]))
    count = np.minimum(np.arange(1, len(candles) + 1), ATR_BARS)
    result: np.ndarray = (total[1:] - total[np.arange(1, len(candles) + 1) - count]) / count
    return result


def pivots(candles: Candles) -> list[RuleMark]:
    """The zigzag's pivots, ascending; the last leg, which is not decided yet, has none."""
    high, low, scale = candles["high"], candles["low"], average_true_range(candles)
    found: list[RuleMark] = []
    top = bottom = 0
    direction = 0
    for i in range(len(candles)):
        top = i if high[i] > high[top] else top
        bottom = i if low[i] < low[bottom] else bottom
        if direction >= 0 and high[top] - low[i] >= REVERSAL * scale[i] and top < i:
            found.append(RuleMark(top, 1, float(high[top])))
            direction, bottom, top = -1, i, i
        elif direction <= 0 and high[i] - low[bottom] >= REVERSAL * scale[i] and bottom < i:
            found.append(RuleMark(bottom, -1, float(low[bottom])))
            direction, top, bottom = 1, i, i
    return found


def breaks(candles: Candles) -> dict[str, list[RuleMark]]:
    """Breaks of the last pivot by a close, as {"bos": with the trend, "choch": against it}."""
    close = candles["close"]
    waiting: dict[int, RuleMark | None] = {1: None, -1: None}
    upcoming = pivots(candles)
    trend = 0
    found: dict[str, list[RuleMark]] = {"bos": [], "choch": []}
    for i in range(len(candles)):
        while upcoming and upcoming[0].index < i - 1:
            pivot = upcoming.pop(0)
            waiting[pivot.direction] = pivot
        for side in (1, -1):
            level = waiting[side]
            if level is not None and (close[i] - level.price) * side > 0:
                waiting[side] = None
                if trend:
                    found["bos" if trend == side else "choch"].append(RuleMark(i, side, level.price))
                trend = side
    return found


def rule_marks(pattern_type: str, candles: Candles) -> list[RuleMark]:
    """What the rule says of a pattern of the starter. Raises KeyError for another one."""
    return pivots(candles) if pattern_type == "swings" else breaks(candles)[pattern_type]


def near(marks: Iterable[RuleMark], index: int, direction: int) -> RuleMark | None:
    """The rule's mark of this direction within one bar, None when there is none."""
    return next((m for m in marks if m.direction == direction and abs(m.index - index) <= NEAR), None)
