"""Durations as a histogram of eighths of a doubling, and what can be said of them. Pure values, no I/O.

The buckets are those of the database's `stat_bucket`: number b holds 2^(b/8) to 2^((b+1)/8) seconds, NONE what took no
time. A quantile is the middle of its bucket by ratio, so it is off by ERROR at most, whatever the number of rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

PER_DOUBLING: Final = 8
NONE: Final = -100
ERROR: Final = 2 ** (0.5 / PER_DOUBLING) - 1  # 4.4 %, of a quantile
_Z: Final = 1.959964


def bucket(seconds: float) -> int:
    """The bucket that the database puts a duration in."""
    return NONE if seconds < 0.001 else min(math.floor(PER_DOUBLING * math.log2(seconds)), 400)


def edges(number: int) -> tuple[float, float]:
    """The least and the largest duration of a bucket, in seconds."""
    return (0.0, 0.001) if number == NONE else (2 ** (number / PER_DOUBLING), 2 ** ((number + 1) / PER_DOUBLING))


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many durations fell into each bucket, and their sum in seconds."""

    counts: Mapping[int, int] = field(default_factory=dict)
    total: float = 0.0

    @property
    def n(self) -> int:
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """Exact: the sum is kept beside the buckets."""
        return self.total / self.n if self.n else None

    def quantile(self, share: float) -> float | None:
        """The duration that this share stays under, in seconds; off by ERROR at most. None without any."""
        return self._at(math.ceil(share * self.n)) if self.n else None

    def median_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the median by the ranks of its neighbours; None below six durations, which bound none."""
        n = self.n
        if n < 6:
            return None
        away = _Z * math.sqrt(n) / 2
        low, high = self._at(max(1, math.floor(n / 2 - away))), self._at(min(n, math.ceil(n / 2 + away + 1)))
        return low, high

    def _at(self, rank: int) -> float:
        seen = 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen >= rank:
                break
        low, high = edges(number)
        return math.sqrt(low * high) if low else 0.0


def merged(rows: Iterable[tuple[int, int, float]]) -> Histogram:
    """A histogram of (bucket, how many, sum of seconds), which may name a bucket more than once."""
    counts: Counter[int] = Counter()
    total = 0.0
    for number, n, seconds in rows:
        counts[number] += n
        total += seconds
    return Histogram({number: n for number, n in sorted(counts.items()) if n > 0}, max(total, 0.0))
