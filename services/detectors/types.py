"""The values that detectors, scoring, replay and agents exchange. No I/O here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from services.errors import InvalidInput

# What a detector receives: a structured array, one row a closed bar, oldest first; time is the bar's open in UTC seconds.
CANDLE_DTYPE = np.dtype(
    [("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"), ("volume", "<f8")]
)
Candles = npt.NDArray[np.void]
ParamValue = float | int | bool
Params = Mapping[str, ParamValue]
_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}")


def check_pattern_type(pattern_type: str) -> str:
    """A pattern type is a module name: small letters, digits and underscores; InvalidInput otherwise."""
    if not _PATTERN.fullmatch(pattern_type):
        raise InvalidInput(f"{pattern_type[:40]!r} is no pattern type: use small letters, digits and underscores.")
    return pattern_type


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing a detector says. Indexes are those of the dataset (0 is its first bar); times are UTC seconds.

    `confirmed_index` is the first bar at whose close the detection was knowable. `direction` is +1, -1 or 0.
    """

    kind: str
    direction: int
    anchor_index: int
    anchor_time: int
    start_index: int
    end_index: int
    confirmed_index: int
    price: float | None = None
    price_low: float | None = None
    price_high: float | None = None
    confidence: float | None = None
    refs: tuple[int, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Stable across versions: the same place seen by another version has the same key."""
        text = f"{self.kind}|{self.direction}|{self.anchor_time}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """A declared parameter. `type` is int, float or bool; `low`, `high` and `step` are None for bool.

    `unit` says what it counts, for people: bars, ATR, percent. The unit `price` means the candles' own unit, so that it
    grows with them.
    """

    name: str
    type: str
    default: float | int | bool
    low: float | None = None
    high: float | None = None
    step: float | None = None
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """What a detector module declares about itself. Bars are counts of candles.

    `absolute_levels`: it looks at prices as such (round numbers), so scaled candles may have other marks. `clock`: it
    looks at the time of day, weekday or date, so candles moved by weeks may.
    """

    pattern_type: str
    kinds: tuple[str, ...]
    params: tuple[ParamSpec, ...]
    warmup_bars: int
    confirmation_lag: int
    max_age_bars: int
    absolute_levels: bool = False
    clock: bool = False

    def defaults(self) -> dict[str, ParamValue]:
        return {p.name: p.default for p in self.params}


@dataclass(frozen=True, slots=True)
class Matcher:
    """How near a detection must be to a judged place to count as the same one."""

    tolerance_bars: int = 1
    min_iou: float = 0.5


@dataclass(frozen=True, slots=True)
class Case:
    """A judged place, replayable alone. `verdict` is confirmed, false_positive, false_negative or adjustment.

    `expected_index` is where the mark should be (dataset index); `original_index` where the detector put it, None for
    a missed one. The window is inclusive. Prices bound a zone when both are given.
    """

    id: str
    session_id: str
    dataset_id: str
    window_start: int
    window_end: int
    verdict: str
    kind: str
    direction: int
    expected_index: int | None
    original_index: int | None
    expected_low: float | None = None
    expected_high: float | None = None
    original_low: float | None = None
    original_high: float | None = None
    tolerance_bars: int | None = None
    split: str = "tune"
