"""Blocks of time of a series: which are kept for testing, and which places lie too near to their edges. Pure values.

Block k of a series holds the bars that open in [k, k + 1) times 250 timeframes since 1970. It is hold-out when the
fractional part of k·φ + offset(series) is under the workspace's share, φ being the golden ratio: its multiples spread
so evenly that at 20 % any eight neighbours hold at least one (three-distance theorem, Steinhaus; Sós 1958). The offset
comes from the series' permanent id, so neither a new name nor another import moves a block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np

from services.places.values import Place, Stretch

BLOCK_BARS = 250
DEFAULT_SHARE = 0.2
LEAST_EMBARGO = 5  # bars
MAX_SHARE = 0.5
# 64 bits of the golden ratio's fractional part: exact whole numbers, so that every machine and SQL agree.
_PHI = 0x9E3779B97F4A7C15
_TURN = 1 << 64

Split = Literal["tune", "holdout", "embargo"]


@dataclass(frozen=True, slots=True)
class Blocks:
    """The hold-out rule of one series in one workspace. `embargo` is in bars; `released` blocks are tune for ever.

    `first` is the bar that the times begin with, under 0 where a later import brought earlier candles.
    """

    series: str
    seconds: int  # the length of a bar
    share: float = DEFAULT_SHARE
    embargo: int = LEAST_EMBARGO
    released: frozenset[int] = frozenset()
    first: int = 0

    def block(self, time: int) -> int:
        """The number of the block that a bar opening at this time (UTC seconds) lies in."""
        return time // (BLOCK_BARS * self.seconds)

    def is_holdout(self, block: int) -> bool:
        return block not in self.released and in_share(self.series, block, self.share)

    def split(self, place: Place, times: Sequence[int] | np.ndarray, *, lag: int = 0) -> Split:
        """Where a place belongs. `times` are the opens of the series' bars from `first` on (UTC seconds).

        A hold-out place nearer than the embargo to a block that is not, and any place whose way from anchor to
        confirmation (the lag, where that is not known) crosses an edge, is `embargo`: scored, but neither sent nor
        searched nor counted as unseen.
        """
        bar = place.spot.bar
        here = self._at(bar, times)
        last = place.spot.confirmed if place.spot.confirmed is not None else bar + lag
        if any(self._at(b, times) != here for b in range(min(bar, last), max(bar, last) + 1)):
            return "embargo"
        if not here:
            return "tune"
        near = (bar - self.embargo, bar + self.embargo)
        return "holdout" if all(self._at(b, times) for b in near) else "embargo"

    def stretches(
        self, first: int, last: int, times: Sequence[int] | np.ndarray, *, lag: int = 0
    ) -> dict[Split, tuple[Stretch, ...]]:
        """The bars from `first` to `last` by split: where a mark may count for which.

        Tune bars whose confirmation (the lag) would fall into hold-out are embargo as well.
        """
        found: dict[Split, list[Stretch]] = {"tune": [], "holdout": [], "embargo": []}
        held = [self._at(b, times) for b in range(first - self.embargo, last + max(self.embargo, lag) + 1)]
        for bar in range(first, last + 1):
            at = bar - first + self.embargo
            if held[at]:
                split: Split = "holdout" if all(held[at - self.embargo : at + self.embargo + 1]) else "embargo"
            else:
                split = "embargo" if any(held[at : at + lag + 1]) else "tune"
            its = found[split]
            if its and its[-1].last == bar - 1:
                its[-1] = Stretch(self.series, its[-1].first, bar)
            else:
                its.append(Stretch(self.series, bar, bar))
        return {split: tuple(its) for split, its in found.items()}

    def _at(self, bar: int, times: Sequence[int] | np.ndarray) -> bool:
        """Whether a bar is hold-out; bars beyond the candles go on at the timeframe's pace."""
        at = bar - self.first
        inside = min(max(at, 0), len(times) - 1)
        return self.is_holdout(self.block(int(times[inside]) + (at - inside) * self.seconds))


def embargo_bars(confirmation_lag: int, tolerance_bars: int) -> int:
    return max(confirmation_lag, tolerance_bars, LEAST_EMBARGO)


def in_share(series: str, block: int, share: float) -> bool:
    """Whether the rule of the module's docstring makes a block hold-out."""
    return (block * _PHI + offset(series)) % _TURN < _below(share)


@lru_cache(maxsize=64)
def _below(share: float) -> int:
    return int(Fraction(share).limit_denominator(10_000) * _TURN)


@lru_cache(maxsize=4096)
def offset(series: str) -> int:
    """The series' offset in units of 2^-64 turns: the first eight bytes of the SHA-256 of its permanent id."""
    return int.from_bytes(hashlib.sha256(series.encode()).digest()[:8], "big")
