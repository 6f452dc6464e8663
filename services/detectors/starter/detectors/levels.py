"""What later happens to a level or a zone: new detections, never edits of the old ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Floats, detection


@dataclass(frozen=True)
class Happening:
    """At bar `index` something happened to the zone (or level, low = high) that was marked at bar `anchor`."""

    index: int
    anchor: int
    direction: int
    low: float
    high: float


def first_beyond(values: Floats, level: float, side: int, first: int, last: int) -> int | None:
    """The first bar from `first` to `last` whose value is above (+1) or below (-1) the level; None without one."""
    found = np.flatnonzero((values[first : last + 1] - level) * side > 0)
    return first + int(found[0]) if len(found) else None


def as_detections(kind: str, happenings: Iterable[Happening]) -> list[dict[str, Any]]:
    """One detection a bar and direction: the newest zone's, with the bars of all zones that it happened to."""
    groups: dict[tuple[int, int], list[Happening]] = {}
    for h in happenings:
        groups.setdefault((h.index, h.direction), []).append(h)
    out = []
    for (index, direction), group in sorted(groups.items()):
        newest = max(group, key=lambda h: h.anchor)
        zone: dict[str, float] = {"price_low": newest.low, "price_high": newest.high}
        if newest.low == newest.high:
            zone = {"price": newest.low}
        refs = sorted({h.anchor for h in group})
        out.append(detection(kind, direction, index, index, start=newest.anchor, end=index, refs=refs, **zone))
    return out
