"""Search of a detector's declared parameters for the best fit to judged sessions. Pure: the caller runs the detector.

Each point is evaluated once and gives counts by session. Points are compared by the mean over folds of sessions of
the fold's success rate, so one long session cannot outvote the others, and a session's marks never part. Points that
break a case which the current parameters pass come after all others, because such a version does not deploy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from scipy.stats import qmc

from services.detectors.scoring import Counts, Score, score
from services.detectors.types import ParamSpec
from services.errors import InvalidInput

MAX_POINTS = 1000
MIN_ITEMS = 20
MAX_FOLDS = 5
STEPS_WITHOUT_STEP = 10  # a float that declares no step is searched in tenths of its range
SPREAD_SHARE = 0.6  # of the random search's points; the others refine around the best
REFINED_STARTS = 5
MARGIN = 1e-9  # scores nearer than this are the same

Value = float | int | bool
Point = tuple[Value, ...]
Method = Literal["k-fold", "leave-one-session-out", "resubstitution"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one set of parameters gives: counts by tune session, and how many cases that pass now it would fail."""

    per_session: Mapping[str, Counts]
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A set of parameters with its cross-validated score (0 to 1), its pooled score and the cases it breaks."""

    params: dict[str, Value]
    cv_score: float
    fold_scores: tuple[float, ...]
    pooled: Score
    broken: int


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`best` is `current` unless something is strictly better and breaks nothing (`improved`).

    `method` is "resubstitution" when there is one session only: then the score is on the very marks that chose it.
    `expected_score` is what the choice itself reaches on sessions it did not see (each fold scored with the
    parameters that the other folds choose), None without folds. `best_breaking` would fit better still, but breaks
    cases. `stopped` says that the caller canceled before all points were tried; `exhaustive` that the grid was whole.
    """

    current: Candidate
    best: Candidate
    improved: bool
    evaluated: int
    method: Method
    folds: tuple[tuple[str, ...], ...]
    expected_score: float | None
    best_breaking: Candidate | None
    exhaustive: bool
    stopped: bool

    @property
    def best_params(self) -> dict[str, Value]:
        return dict(self.best.params)

    @property
    def current_score(self) -> float:
        return self.current.cv_score

    @property
    def best_score(self) -> float:
        return self.best.cv_score


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

    `judged` is the number of judged marks in the tune sessions. `evaluate(params)` returns an Evaluation over the same
    sessions for every point, or None when the detector refuses those parameters. The grid of all declared steps is
    tried when it has at most `max_points` points, else a seeded Latin hypercube refined by coordinate steps; the
    result depends on the arguments and the seed alone. `on_progress(done, total, best score so far)` is called after
    each point, `cancelled()` asked before each.

    Raises InvalidInput below `min_items` judged marks, without any tune session, or when the detector refuses its
    current parameters.
    """
    if judged < min_items:
        raise InvalidInput(
            f"The tuner needs at least {min_items} judged marks; there are {judged}.", failure="agent.too_few_marks"
        )
    run = _Run(tuple(specs), dict(current), evaluate, max_points, seed, on_progress, cancelled)
    run.start()
    if run.is_grid:
        run.try_all(product(*run.axes))
    else:
        run.spread()
        run.refine()
    return run.result()


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
        self.counts: dict[Point, Mapping[str, Counts]] = {}
        self.folds: tuple[tuple[str, ...], ...] = ()
        self.best = self.now
        self.stopped = False

    def start(self) -> None:
        first = self.evaluate(self._params(self.now))
        if first is None:
            raise InvalidInput(
                "The detector does not run with its current parameters, so there is nothing to compare.",
                failure="detector",
            )
        if not first.per_session:
            raise InvalidInput(
                "The tuner needs at least one session that is not held out.", failure="agent.too_few_marks"
            )
        self.folds = make_folds(first.per_session, self.seed)
        self._keep(self.now, Evaluation(first.per_session, 0))
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
        current, best = self._candidate(self.now), self._candidate(self.best)
        breaking = [p for p, c in self.tried.items() if c and c.broken and c.cv_score > best.cv_score + MARGIN]
        alone = len(self.folds) == 1
        method: Method = "resubstitution" if alone else "leave-one-session-out"
        if any(len(fold) > 1 for fold in self.folds):
            method = "k-fold"
        return SearchResult(
            current=current,
            best=best,
            improved=best is not current,
            evaluated=len(self.tried),
            method=method,
            folds=self.folds,
            expected_score=None if alone else self._expected(),
            best_breaking=self._candidate(min(breaking, key=self._rank)) if breaking else None,
            exhaustive=self.is_grid and not self.stopped,
            stopped=self.stopped,
        )

    def _keep(self, point: Point, evaluation: Evaluation | None) -> None:
        self.tried[point] = None
        if evaluation is not None:
            counts = evaluation.per_session
            folds = tuple(fold_score(counts, fold) for fold in self.folds)
            pooled = score(*(sum(c[i] for c in counts.values()) for i in range(3)))
            cv = sum(folds) / len(folds)
            self.counts[point] = counts
            self.tried[point] = Candidate(self._params(point), cv, folds, pooled, evaluation.broken)
            if self._rank(point) < self._rank(self.best):
                self.best = point
        if self.on_progress is not None:
            self.on_progress(len(self.tried), self.limit, self._candidate(self.best).cv_score)

    def _rank(self, point: Point) -> tuple[bool, float, int, float, tuple[float, ...]]:
        """Lower is better: breaks nothing, scores higher, breaks less, is nearer to the current parameters."""
        c = self._candidate(point)
        return c.broken > 0, -_rounded(c.cv_score), c.broken, self._distance(point), tuple(float(v) for v in point)

    def _expected(self) -> float:
        """The mean score of each fold with the parameters that the other folds choose."""
        allowed = [p for p in self.counts if self._candidate(p).broken == 0]
        reached = []
        for i in range(len(self.folds)):
            others = {p: sum(s for j, s in enumerate(self._candidate(p).fold_scores) if j != i) for p in allowed}
            chosen = min(allowed, key=lambda p: (-_rounded(others[p]), self._distance(p), tuple(map(float, p))))
            reached.append(self._candidate(chosen).fold_scores[i])
        return sum(reached) / len(reached)

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


def make_folds(sessions: Iterable[str], seed: int) -> tuple[tuple[str, ...], ...]:
    """Folds of whole sessions: one each up to five sessions, else five of even size, dealt in a seeded order."""
    ordered = sorted(sessions)
    if len(ordered) <= MAX_FOLDS:
        return tuple((s,) for s in ordered)
    shuffled = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))]
    return tuple(tuple(sorted(shuffled[i::MAX_FOLDS])) for i in range(MAX_FOLDS))


def fold_score(counts: Mapping[str, Counts], fold: Iterable[str]) -> float:
    """The success rate of a fold's sessions together; 1 when nothing is left to count, because then nothing is wrong.

    Places that want a mark always count, so an empty sum means false marks only, and all of them gone.
    """
    tp, fp, fn = (sum(counts[s][i] for s in fold) for i in range(3))
    return tp / (tp + fp + fn) if tp + fp + fn else 1.0


def _rounded(value: float) -> float:
    """Equal for scores that differ by rounding alone."""
    return round(value / MARGIN) * MARGIN
