"""What a success rate is worth: its 95 % interval on the effective number of judged places. Pure values, no I/O.

Places are not independent draws: a move is one error seen twice, and neighbours on the candles fail together. So moves
count once, blocks of bars are clusters, and the interval is Wilson's on the effective n:

- under four judged blocks the spread between blocks can't be told from the data: Wilson on n / 1.5, "few windows";
- from four: n / max(1, Rao-Scott design effect), reduced by the squared ratio of Student's t at n - 1 and at
  blocks - 1 degrees of freedom.

Sources: Wilson (1927); Rao and Scott, A simple method for the analysis of clustered binary data (Biometrics 1992);
Korn and Graubard, Confidence intervals for proportions with small expected number of positive counts (Survey
Methodology 1998); the variance of a ratio by linearisation, Cochran, Sampling Techniques (1977), 6.4.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, LiteralString, NamedTuple

from scipy.special import ndtri, stdtrit  # scipy.stats takes two seconds to load, in each process

from services.places.counting import Block, Counts, Fit, moves
from services.places.values import Place
from services.rules import is_provisional

FEW_BLOCKS = 4
FEW_DESIGN_EFFECT = 1.5
Z = float(ndtri(0.975))

Label = Literal["", "few windows"]


class Unit(NamedTuple):
    """One error or success: `right` of `n` counted ones (a move that is wrong at both ends has 0 of 2)."""

    block: Block
    right: int
    n: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """On how many of the judged windows a rate rests: "on 1 of 4 windows"."""

    windows: int
    of: int

    @property
    def words(self) -> str:
        return f"on {self.windows} of {self.of} window{'' if self.of == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Rate:
    """A success rate with all that a person needs to trust it. `rate` and its interval are fractions from 0 to 1.

    `n` is TP + FP + FN, `n_effective` what the interval stands on. All are None or 0 where nothing was judged.
    """

    tp: int
    fp: int
    fn: int
    rate: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    unjudged: int = 0
    n_effective: float = 0.0
    blocks: int = 0
    label: Label = ""
    coverage: Coverage | None = None

    @property
    def provisional(self) -> bool:
        return is_provisional(self.n)

    @property
    def words(self) -> str:
        """The whole rate as people read it: "83 % (62 to 94 %) of 24, on 1 of 4 windows, 3 marks unjudged"."""
        if self.rate is None or self.ci_low is None or self.ci_high is None:
            return "not judged yet"
        parts = [f"{self.rate:.0%} ({self.ci_low * 100:.0f} to {self.ci_high:.0%}) of {self.n}"]
        parts += [self.coverage.words] if self.coverage is not None else []
        parts += [self.label] if self.label else []
        parts += [f"{self.unjudged} mark{'' if self.unjudged == 1 else 's'} unjudged"] if self.unjudged else []
        return ", ".join(parts)


def wilson(right: float, n: float) -> tuple[float, float]:
    """The 95 % Wilson interval of a share seen as `right` of `n`, which need not be whole. Fractions from 0 to 1."""
    if n <= 0:
        return 0.0, 1.0
    p, z2 = right / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(max(p * (1 - p), 0.0) / n + z2 / (4 * n * n))
    # Rounding can leave the bound of 0/n or n/n a hair inside it: the interval always holds its rate.
    return max(0.0, min(middle - half, p)), min(1.0, max(middle + half, p))


def wilson_sql(share: LiteralString, n: LiteralString, side: Literal["low", "high"]) -> LiteralString:
    """`wilson` as an SQL expression, for rows of which only counts are known. `share` and `n` are SQL of doubles above 0."""
    sign, z2 = "-" if side == "low" else "+", f"({Z} * {Z})"
    half = f"{Z} * sqrt({share} * (1 - {share}) / {n} + {z2} / (4 * {n} * {n}))"
    bound = f"({share} + {z2} / (2 * {n}) {sign} {half}) / (1 + {z2} / {n})"
    return f"greatest(0, least({bound}, {share}))" if side == "low" else f"least(1, greatest({bound}, {share}))"


def effective_n(units: Sequence[Unit]) -> float:
    """The number of independent draws that the units are worth, by the rule of the module's docstring."""
    n = len(units)
    by_block: dict[Block, list[int]] = defaultdict(lambda: [0, 0])
    for unit in units:
        by_block[unit.block][0] += unit.right
        by_block[unit.block][1] += unit.n
    blocks = len(by_block)
    if blocks < FEW_BLOCKS:
        return n / FEW_DESIGN_EFFECT
    total = sum(x for _, x in by_block.values())
    p = sum(y for y, _ in by_block.values()) / total
    clustered = sum((y - p * x) ** 2 for y, x in by_block.values()) * blocks / (blocks - 1) / total**2
    plain = p * (1 - p) / n
    effect = max(1.0, clustered / plain) if plain > 0 else 1.0
    return n / effect * min(1.0, (_student(n - 1) / _student(blocks - 1)) ** 2)


@lru_cache(maxsize=4096)
def _student(freedom: int) -> float:
    return float(stdtrit(max(1, freedom), 0.975))


def rate_of(units: Sequence[Unit], counts: Counts, coverage: Coverage | None = None) -> Rate:
    """The rate of `counts` with the interval that its units are worth."""
    n, counted = counts.n, [u for u in units if u.n]
    blocks = len({u.block for u in counted})
    if n == 0:
        return Rate(counts.tp, counts.fp, counts.fn, None, 0, None, None, counts.unjudged, coverage=coverage)
    worth = effective_n(counted)
    share = counts.tp / n
    low, high = wilson(share * worth, worth)
    label: Label = "few windows" if blocks < FEW_BLOCKS else ""
    return Rate(
        counts.tp,
        counts.fp,
        counts.fn,
        share,
        n,
        min(low, share),
        max(high, share),
        counts.unjudged,
        worth,
        blocks,
        label,
        coverage,
    )


def rate(tp: int, fp: int, fn: int, unjudged: int = 0, coverage: Coverage | None = None) -> Rate:
    """A rate of which only the counts are known: all in one block, so the interval is the wider one of few windows."""
    counts = Counts(tp, fp, fn, unjudged)
    if min(counts) < 0:
        raise ValueError(f"counts cannot be negative: {counts}")
    block: Block = ("", 0)
    return rate_of([Unit(block, 1, 1)] * tp + [Unit(block, 0, 1)] * (fp + fn), counts, coverage)


def units(fitted: Fit, block_of: Mapping[str, int] | None = None, *, seconds: int = 0) -> list[Unit]:
    """The units of a fit: a place each, linked places together, a false mark each.

    `block_of` gives the block by place id; without it, blocks are cut by `seconds` of a bar (250 bars), and by none
    when that is 0.
    """
    linked = moves(f.place for f in fitted.fates)
    groups: dict[str, list[tuple[int, int]]] = defaultdict(list)
    blocks: dict[str, Block] = {}
    for fate in fitted.fates:
        root = linked[fate.place.id]
        present = fate.place.status == "present"
        counted = present or not fate.right
        groups[root].append((int(present and fate.right), int(counted)))
        blocks.setdefault(root, _block(fate.place, block_of, seconds))
    made = [Unit(blocks[g], sum(y for y, _ in its), sum(x for _, x in its)) for g, its in sorted(groups.items())]
    made += [Unit((series, _cut(m.spot.time, seconds)), 0, 1) for series, m in fitted.false]
    return [u for u in made if u.n]


def rate_of_fit(fitted: Fit, *, seconds: int, coverage: Coverage | None = None) -> Rate:
    """The success rate of a fit; `seconds` is the length of a bar, which cuts the blocks."""
    return rate_of(units(fitted, seconds=seconds), fitted.counts, coverage)


def _block(place: Place, block_of: Mapping[str, int] | None, seconds: int) -> Block:
    return place.series, block_of[place.id] if block_of is not None else _cut(place.spot.time, seconds)


def _cut(time: int, seconds: int) -> int:
    return time // (250 * seconds) if seconds else 0


def pooled(parts: Iterable[tuple[Sequence[Unit], Counts]], coverage: Coverage | None = None) -> Rate:
    """One rate over several series, whose bars may differ in length."""
    every: list[Unit] = []
    total = Counts()
    for its, counts in parts:
        every += its
        total = Counts(*(a + b for a, b in zip(total, counts, strict=True)))
    return rate_of(every, total, coverage)
