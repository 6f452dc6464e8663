"""The average true range at a bar, as the measure of which price levels are the same."""

from __future__ import annotations

import numpy as np

from services.detectors.types import Candles

ATR_BARS = 14
SAME_LEVEL = 0.1  # of an average true range


def slack_at(candles: Candles, index: int) -> float | None:
    """A tenth of the average true range of the 14 bars up to `index` (Wilder 1978, simple mean), in price units.

    Two broken levels nearer than that are one. None where the bars have no range at all.
    """
    first = max(0, index - ATR_BARS + 1)
    part = candles[first : index + 1]
    before = candles["close"][max(0, first - 1) : index]
    closes = part["close"][:1] if first == 0 else before[:1]
    closes = np.concatenate([closes, part["close"][:-1]])
    ranges = np.maximum(part["high"], closes) - np.minimum(part["low"], closes)
    slack = float(ranges.mean()) * SAME_LEVEL
    return slack if slack > 0 else None
