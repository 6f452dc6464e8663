"""Break of structure: the first break of the last unbroken swing in the direction of the trend (see `structure`)."""

from __future__ import annotations

from typing import Any

from .base import Candles, spec
from .structure import MAX_AGE_BARS, STRUCTURE_PARAMS, WARMUP, as_detection, find_breaks

SPEC = spec("bos", ["bos"], STRUCTURE_PARAMS, warmup_bars=WARMUP, confirmation_lag=0, max_age_bars=MAX_AGE_BARS)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each break with the trend as a detection of kind "bos"; `refs` holds the broken swing's bar."""
    return [as_detection("bos", b) for b in find_breaks(candles, params) if b.trend == b.direction]
