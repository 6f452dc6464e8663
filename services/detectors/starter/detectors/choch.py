"""Change of character (CHoCH): the trend ends.

The first close beyond the protected level of the trend, which is the low (high) of the leg that last broke structure. A close
beyond any other swing against the trend is no change of character. The mark sits on the breaking bar, which confirms it;
`refs` and the price are the protected level's. What the trend is, and the sources: see `structure`.
"""

from __future__ import annotations

from typing import Any

from .base import Candles, spec
from .structure import MAX_AGE_BARS, STRUCTURE_PARAMS, WARMUP, detect_events

SPEC = spec(
    "choch", ["choch", "choch_internal"], STRUCTURE_PARAMS, warmup_bars=WARMUP, confirmation_lag=0,
    max_age_bars=MAX_AGE_BARS,
)  # fmt: skip


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Each end of a trend as a detection of kind "choch" (of the structure inside of a leg: "choch_internal")."""
    return detect_events("choch", candles, params)
