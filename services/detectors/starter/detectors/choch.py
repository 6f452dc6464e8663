"""Change of character: the first break of the last unbroken swing against the trend (see `structure`)."""

from __future__ import annotations

from typing import Any

from .base import Candles, spec
from .structure import MAX_AGE_BARS, STRUCTURE_PARAMS, WARMUP, as_detection, find_breaks

SPEC = spec("choch", ["choch"], STRUCTURE_PARAMS, warmup_bars=WARMUP, confirmation_lag=0, max_age_bars=MAX_AGE_BARS)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each break against the trend as a detection of kind "choch"; `refs` holds the broken swing's bar."""
    return [as_detection("choch", b) for b in find_breaks(candles, params) if b.trend == -b.direction]
