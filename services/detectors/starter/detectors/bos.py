"""Break of structure (BOS): the trend goes on.

The first close beyond the last unbroken swing in the direction of the trend. The mark sits on the breaking bar, which confirms
it; `refs` and the price are the broken swing's, and each level breaks once. `meta` tells the protected level that holds
from then on. What the trend is, and the sources: see `structure`.
"""

from __future__ import annotations

from typing import Any

from .base import Candles, spec
from .structure import MAX_AGE_BARS, STRUCTURE_PARAMS, WARMUP, detect_events

SPEC = spec(
    "bos", ["bos", "bos_internal"], STRUCTURE_PARAMS, warmup_bars=WARMUP, confirmation_lag=0, max_age_bars=MAX_AGE_BARS
)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each break with the trend as a detection of kind "bos" (of the structure inside of a leg: "bos_internal")."""
    return detect_events("bos", candles, params)
