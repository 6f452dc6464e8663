"""The documented rule that judges the demo's marks.

It is a reviewer who holds the pattern's own definition, with sizes in mind that the detector does not begin with
(`SIZES`), and who looks at what came after (`HINDSIGHT`): a mark counts only if, within some bars of being known, price
went on (or turned) by so many average true ranges of 14 bars. Sizes can be learned from the judgements; what only later
bars show can't, so no detector gets everything right, and one of sweeps, which are judged by what came of them alone,
stays far from it. A mark is right when the rule has one of its kind and direction within one bar, else wrong; what the
rule has and no mark is near to is missed. Nothing here is a person's judgement, and every item says so (`made_by` rule).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.detectors.starter.detectors.base import atr
from services.detectors.types import Candles

NEAR = 1  # bars
ATR_BARS = 14

# What the reviewer has in mind instead of the starter's defaults.
SIZES: dict[str, dict[str, float | bool]] = {
    "swings": {"left": 7, "right": 4, "prominence": 2.0},
    "fvg": {"min_size": 0.9},
    "order_blocks": {"displacement": 3.0},
    "bos": {"prominence": 2.0},
    "choch": {"prominence": 1.75},
    "equal_highs_lows": {"tolerance": 0.3, "prominence": 0.5},
    "liquidity_sweeps": {},
}


@dataclass(frozen=True, slots=True)
class Later:
    """Within `bars` after a mark is known price has to go `ranges` average true ranges; `way` 1 is on, -1 is back."""

    bars: int
    ranges: float
    way: int


HINDSIGHT = {
    "swing": Later(15, 0.5, -1),
    "fvg": Later(10, 0.5, 1),
    "order_block": Later(15, 0.5, 1),
    "bos": Later(15, 0.25, 1),
    "choch": Later(15, 0.25, 1),
    "equal_highs_lows": Later(20, 1.0, -1),
    "liquidity_sweep": Later(5, 2.0, 1),
    "liquidity_sweep_failed": Later(5, 1.0, 1),
}


@dataclass(frozen=True, slots=True)
class RuleMark:
    """A place the rule calls right. `index` is a row of the given candles; `direction` +1 up or high, -1 down or low.

    `price` is a level's, `low` and `high` a zone's; None where the kind has none.
    """

    kind: str
    index: int
    direction: int
    price: float | None
    low: float | None
    high: float | None


def rule_marks(pattern_type: str, candles: Candles) -> list[RuleMark]:
    """What the rule says of a pattern of the starter, ascending by index. Raises KeyError for another one."""
    sizes = SIZES[pattern_type]
    module = importlib.import_module(f"services.detectors.starter.detectors.{pattern_type}")
    params = {p["name"]: p["default"] for p in module.SPEC["params"]} | sizes
    scale = atr(candles, ATR_BARS)
    found = {
        RuleMark(d["kind"], d["anchor_index"], d["direction"], d.get("price"), d.get("price_low"), d.get("price_high"))
        for d in module.detect(candles, params)
        if _held(candles, scale, d["kind"], d["direction"], d["confirmed_index"])
    }
    return sorted(found, key=lambda m: (m.index, m.kind, m.direction))


def _held(candles: Candles, scale: np.ndarray, kind: str, direction: int, known: int) -> bool:
    later = HINDSIGHT.get(kind)
    if later is None:
        return True
    side = direction * later.way
    after = candles[known + 1 : known + 1 + later.bars]
    level = candles["close"][known] + side * later.ranges * scale[known]
    reached = (after["high" if side > 0 else "low"] - level) * side >= 0
    return bool(reached.any())


def near(marks: Iterable[RuleMark], kind: str, index: int, direction: int) -> RuleMark | None:
    """The rule's mark of this kind and direction within one bar, None when there is none."""
    return next((m for m in marks if (m.kind, m.direction) == (kind, direction) and abs(m.index - index) <= NEAR), None)
