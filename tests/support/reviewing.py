"""The rule by which the journey's people judge swings, computed from the candles alone.

A swing that stands out over the lower of its two sides by less than `SMALL` average true ranges of 14 bars is a wiggle,
not a swing. Sides are the 5 bars before and the 3 bars after, as the starter detector's defaults look at them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from services.detectors.types import CANDLE_DTYPE, Candles
from services.settings import ROOT
from tests.support.zigzag import average_true_range

FILE: Path = ROOT / "services" / "candles" / "demo" / "IBM.csv"
SMALL = 1.75
LEFT, RIGHT = 5, 3


def candles() -> Candles:
    """The file as the array that rules read; times don't matter here."""
    frame = pd.read_csv(FILE)
    made = np.zeros(len(frame), dtype=CANDLE_DTYPE)
    for name in ("open", "high", "low", "close", "volume"):
        made[name] = frame[name]
    return made


def prominence(table: Candles, index: int, direction: int) -> float:
    """How far the high (1) or low (-1) at `index` stands out, in average true ranges."""
    top, bottom = (table["high"], table["low"]) if direction > 0 else (-table["low"], -table["high"])
    before, after = bottom[index - LEFT : index].min(), bottom[index + 1 : index + RIGHT + 1].min()
    return float((top[index] - max(before, after)) / average_true_range(table)[index])


def is_wiggle(table: Candles, index: int, direction: int) -> bool:
    return prominence(table, index, direction) < SMALL
