"""Search of a detector's declared parameters for the lowest cost on judged places. Pure: the caller runs the detector.

The cost of a point is its errors on judged places plus what its unjudged marks are likely to be wrong (each 1 - the
precision so far), told apart by stretches of bars that follow one another ("blocks"). Three guards keep the search from
fitting chance: a point that the replay would refuse comes after all that it lets pass; among the points within one
standard error of the best, the nearest to the current parameters is taken (the one-standard-error rule of Breiman,
Friedman, Olshen and Stone, Classification and Regression Trees, 1984, 3.4.3); and the whole choice is repeated without
each block in turn, so that what it reaches on bars that it did not see is known ("nested", Varma and Simon 2006). The
old parameters stay unless that nested gain is itself clear of zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from services.detectors.types import ParamSpec
from services.errors import InvalidInput

MAX_POINTS = 1000
MIN_ITEMS = 20
LEAST_BLOCKS = 4  # under that nothing can be told of bars that were not seen
STEPS_WITHOUT_STEP = 10  # a float that declares no step is searched in tenths of its range
SPREAD_SHARE = 0.6  # of the random search's points; the others refine around the best
REFINED_STARTS = 5
MARGIN = 1e-9  # costs nearer than this are the same
CONFIDENCE = 0.99  # one-sided, of the nested gain

Value = float | int | bool
Point = tuple[Value, ...]
Costs = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one set of parameters costs in each block, and whether the replay would let it pass."""

    costs: tuple[float, ...]
    passes: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set of parameters with its cost over all blocks, on the very places that the search has seen."""

    params: dict[str, Value]
    cost: float
    costs: tuple[float, ...]
    passes: bool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`best` is `current` unless the choice gains on blocks that it did not see (`improved`).

    `current` and `best` are costs on seen places; `expected_gain` is the nested one, in units of cost, with its
    standard error, both None under four blocks. `best_refused` would cost less still, but the replay would refuse it.
    `stopped` says that the caller canceled before all points were tried; `exhaustive` that the grid was whole.
    """

    current: Candidate
    best: Candidate
    improved: bool
    evaluated: int
    blocks: int
    expected_gain: float | None
    gain_error: float | None
    best_refused: Candidate | None
    exhaustive: bool
    stopped: bool

    @property
    def best_params(self) -> dict[str, Value]:
        return dict(self.best.params)


Evaluate = Callable[[dict[str, Value]], Evaluation | None]
Progress = Callable[[int, int, float], None]


def search(
    specs: Iterable[ParamSpec],
    current: Mapping[str, Value],
    evaluate: Evaluate,
    *,
    judged: int,
    seed: int,
    max_points: int = MAX_POINTS,
    min_items: int = MIN_ITEMS,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> SearchResult:
    """Search the parameters that `specs` declare, starting from `current` (missing ones take their default).

    `judged` is the number of judged places. `evaluate(params)` returns an Evaluation over the same blocks for every
    point, or None when the detector refuses those parameters. The grid of all declared steps is tried when it has at
    most `max_points` points, else a seeded Latin hypercube refined by coordinate steps; the result depends on the
    arguments and the seed alone. `on_progress(done, total, lowest cost so far)` is called after each point,
    `cancelled()` asked before each.

    Raises InvalidInput below `min_items` judged places, without any block, or when the detector refuses its current
    parameters.
    """
    if judged < min_items:
        raise InvalidInput(
            f"The tuner needs at least {min_items} judged places; there are {judged}.", failure="agent.too_few_marks"
        )
    run = _Run(tuple(specs), dict(current), evaluate, max_points, seed, on_progress, cancelled)
    run.start()
    if run.is_grid:
        run.try_all(product(*run.axes))
    else:
        run.spread()
        run.refine()
    return run.result()


def choose(costs: Costs, distances: Costs) -> int:
    """Which row of `costs` (points by blocks) the one-standard-error rule takes.

    Of the rows that are at most one standard error of their difference from the cheapest, the one with the smallest
    distance, then the lowest cost, then the first.
    """
    totals = costs.sum(axis=1)
    best = min(range(len(totals)), key=lambda i: (_rounded(float(totals[i])), float(distances[i]), i))
    apart = costs - costs[best]
    within = apart.sum(axis=1) <= _errors(apart) + MARGIN
    rows = [i for i in range(len(totals)) if within[i]]
    return min(rows, key=lambda i: (round(float(distances[i]), 9), _rounded(float(totals[i])), i))


def nested_gain(costs: Costs, distances: Costs) -> tuple[float, float]:
    """What the choice gains over row 0 (the current point) on blocks that it did not see, with its standard error."""
    gains = np.zeros(costs.shape[1])
    for block in range(costs.shape[1]):
        others = np.delete(costs, block, axis=1)
        taken = choose(others, distances)
        gains[block] = costs[0, block] - costs[taken, block]
    return float(gains.sum()), float(_errors(gains[None, :])[0])


def clear_gain(gain: float, error: float, blocks: int) -> bool:
    """Whether a nested gain is clear of zero, one-sided at 99 % by Student's t over the blocks."""
    return gain > MARGIN and gain > error * float(stdtrit(blocks - 1, CONFIDENCE))


def _errors(differences: Costs) -> Costs:
    """The standard error of each row's sum, from the spread between its blocks."""
    blocks = differences.shape[1]
    if blocks < 2:
        return np.full(len(differences), np.inf)
    result: Costs = differences.std(axis=1, ddof=1) * math.sqrt(blocks)
    return result


class _Run:
    """One search: the axes, what was evaluated so far, and the order in which points are ranked."""

    def __init__(
        self,
        specs: tuple[ParamSpec, ...],
        current: Mapping[str, Value],
        evaluate: Evaluate,
        max_points: int,
        seed: int,
        on_progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.names = tuple(s.name for s in specs)
        self.now: Point = tuple(current.get(s.name, s.default) for s in specs)
        self.defaults: Point = tuple(s.default for s in specs)
        self.axes = [axis(s, value) for s, value in zip(specs, self.now, strict=True)]
        self.size = math.prod(len(a) for a in self.axes)
        self.spans = [float(max(a)) - float(min(a)) or 1.0 for a in self.axes]
        self.evaluate, self.on_progress, self.cancelled = evaluate, on_progress, cancelled
        self.seed = seed
        # A grid is tried whole, also when the current or default parameters lie beside it.
        beside = {p for p in (self.now, self.defaults) if any(v not in a for v, a in zip(p, self.axes, strict=True))}
        self.is_grid = self.size <= max_points
        self.limit = self.size + len(beside) if self.is_grid else max_points
        self.tried: dict[Point, Candidate | None] = {}
        self.blocks = 0
        self.best = self.now
        self.stopped = False

    def start(self) -> None:
        first = self.evaluate(self._params(self.now))
        if first is None:
            raise InvalidInput(
                "The detector does not run with its current parameters, so there is nothing to compare.",
                failure="detector",
            )
        if not first.costs:
            raise InvalidInput(
                "The tuner needs judged places that are not kept for testing.", failure="agent.too_few_marks"
            )
        self.blocks = len(first.costs)
        self._keep(self.now, Evaluation(first.costs))
        self.try_point(self.defaults)

    def try_all(self, points: Iterable[Point]) -> None:
        for point in points:
            if not self.try_point(point):
                return

    def try_point(self, point: Point) -> bool:
        """Evaluate a point unless it was; False when the search is over (canceled, or no points left)."""
        if point in self.tried:
            return True
        if self.stopped or (self.cancelled is not None and self.cancelled()):
            self.stopped = True
            return False
        if len(self.tried) >= self.limit:
            return False
        self._keep(point, self.evaluate(self._params(point)))
        return True

    def spread(self) -> None:
        count = max(1, int(self.limit * SPREAD_SHARE))
        from scipy.stats import qmc  # two seconds to load, which only a search is worth

        rows = qmc.LatinHypercube(d=len(self.axes), rng=np.random.default_rng(self.seed)).random(count)
        self.try_all(tuple(a[int(u * len(a))] for u, a in zip(row, self.axes, strict=True)) for row in rows)

    def refine(self) -> None:
        """Coordinate steps from the best points, halving the step, until nothing nearby is better."""
        starts = sorted((p for p, c in self.tried.items() if c is not None), key=self._rank)[:REFINED_STARTS]
        for start in starts:
            here, stride = start, max(len(a) for a in self.axes) // 4 or 1
            while stride:
                around = list(self._neighbours(here, stride))
                self.try_all(around)
                better = min((p for p in (here, *around) if self.tried.get(p) is not None), key=self._rank)
                if better == here:
                    stride //= 2
                here = better
                if self.stopped or len(self.tried) >= self.limit:
                    return

    def result(self) -> SearchResult:
        current = self._candidate(self.now)
        passing = [self.now, *(p for p, c in self.tried.items() if c is not None and c.passes and p != self.now)]
        costs = np.array([self._candidate(p).costs for p in passing])
        distances = np.array([self._distance(p) for p in passing])
        best, gain, error = self.now, None, None
        if self.blocks >= LEAST_BLOCKS:
            gain, error = nested_gain(costs, distances)
            if clear_gain(gain, error, self.blocks):
                best = passing[choose(costs, distances)]
        chosen = self._candidate(best)
        refused = [p for p, c in self.tried.items() if c and not c.passes and c.cost < chosen.cost - MARGIN]
        return SearchResult(
            current=current,
            best=chosen,
            improved=best != self.now,
            evaluated=len(self.tried),
            blocks=self.blocks,
            expected_gain=gain,
            gain_error=error,
            best_refused=self._candidate(min(refused, key=self._rank)) if refused else None,
            exhaustive=self.is_grid and not self.stopped,
            stopped=self.stopped,
        )

    def _keep(self, point: Point, evaluation: Evaluation | None) -> None:
        self.tried[point] = None
        if evaluation is not None:
            costs = evaluation.costs
            self.tried[point] = Candidate(self._params(point), math.fsum(costs), costs, evaluation.passes)
            if self._rank(point) < self._rank(self.best):
                self.best = point
        if self.on_progress is not None:
            self.on_progress(len(self.tried), self.limit, self._candidate(self.best).cost)

    def _rank(self, point: Point) -> tuple[bool, float, float, tuple[float, ...]]:
        """Lower is better: passes the replay, costs less, is nearer to the current parameters."""
        c = self._candidate(point)
        return not c.passes, _rounded(c.cost), self._distance(point), tuple(float(v) for v in point)

    def _candidate(self, point: Point) -> Candidate:
        candidate = self.tried[point]
        assert candidate is not None  # only points that ran are ranked
        return candidate

    def _neighbours(self, point: Point, stride: int) -> Iterator[Point]:
        for i, a in enumerate(self.axes):
            at = min(range(len(a)), key=lambda j: abs(float(a[j]) - float(point[i])))
            for j in sorted({max(0, at - stride), min(len(a) - 1, at + stride)} - {at}):
                yield (*point[:i], a[j], *point[i + 1 :])

    def _distance(self, point: Point) -> float:
        pairs = zip(point, self.now, self.spans, strict=True)
        return sum(abs(float(value) - float(now)) / span for value, now, span in pairs)

    def _params(self, point: Point) -> dict[str, Value]:
        return dict(zip(self.names, point, strict=True))


def axis(spec: ParamSpec, current: Value) -> list[Value]:
    """The values of a parameter that are searched, ascending; only the current one where no range is declared."""
    if spec.type == "bool":
        return [False, True]
    if spec.low is None or spec.high is None or spec.high <= spec.low:
        return [current]
    step = spec.step or (1 if spec.type == "int" else (spec.high - spec.low) / STEPS_WITHOUT_STEP)
    count = int((spec.high - spec.low) / step + 1e-9) + 1
    # Rounded, so that 0.1 + 0.2 is the 0.3 that a person would write into the file.
    values = [round(spec.low + i * step, 10) for i in range(count)]
    return [int(v) for v in values] if spec.type == "int" else [float(v) for v in values]


def _rounded(value: float) -> float:
    """Equal for costs that differ by rounding alone."""
    return round(value / MARGIN) * MARGIN
