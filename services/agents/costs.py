"""What a candidate costs on judged places, by blocks of bars that follow one another. Pure values, no I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from services.places import Fit, LabelSet

MOST_BLOCKS = 10
LEAST_PER_BLOCK = 4  # judged places


@dataclass(frozen=True, slots=True)
class Blocks:
    """Where each block begins, as (series, bar), ascending; all of them hold about as many judged places."""

    starts: tuple[tuple[str, int], ...]

    def of(self, series: str, bar: int) -> int:
        """The number of the block that a bar belongs to."""
        return max(0, bisect_right(self.starts, (series, bar)) - 1)


def make_blocks(labels: LabelSet) -> Blocks:
    """Up to ten blocks over the judged places, cut between places and never within a move."""
    at = sorted({(p.series, p.spot.bar) for p in labels.places if p.judged})
    count = max(1, min(MOST_BLOCKS, len(at) // LEAST_PER_BLOCK)) if at else 0
    return Blocks(tuple(at[i * len(at) // count] for i in range(count)))


def costs(fitted: Fit, blocks: Blocks, precision: float) -> tuple[float, ...]:
    """Errors on judged places plus unjudged marks times (1 - precision so far), by block."""
    total = [0.0] * len(blocks.starts)
    for fate in fitted.fates:
        if not fate.right:
            total[blocks.of(fate.place.series, fate.place.spot.bar)] += 1.0
    for marks, each in ((fitted.false, 1.0), (fitted.unjudged, 1.0 - precision)):
        for series, mark in marks:
            total[blocks.of(series, mark.spot.bar)] += each
    return tuple(total)


def mean_cost(costs: Sequence[float], judged: int) -> float:
    """Cost a judged place, for people: 0 is perfect, and it may exceed 1."""
    return sum(costs) / judged if judged else 0.0
