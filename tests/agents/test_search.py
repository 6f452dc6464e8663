"""The parameter search against real score surfaces: swings on a made-up price path, judged by a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agents.search import Evaluation, SearchResult, Value, axis, fold_score, make_folds, search
from services.detectors.scoring import Counts
from services.detectors.types import ParamSpec
from services.errors import InvalidInput

LEFT = ParamSpec("left", "int", 2, 1, 12, 1)
RIGHT = ParamSpec("right", "int", 2, 1, 12, 1)
DEPTH = ParamSpec("depth", "float", 0.0, 0.0, 2.0, 0.1)
STRICT = ParamSpec("strict", "bool", False)
Params = Mapping[str, Value]


def swings(path: np.ndarray, left: int, right: int) -> set[int]:
    """Highs above all `left` bars before and not below the `right` ones after."""
    return {
        i
        for i in range(left, len(path) - right)
        if path[i] > path[i - left : i].max() and path[i] >= path[i + 1 : i + 1 + right].max()
    }


def judged_by(left: int, right: int, sessions: int) -> Callable[[dict[str, Value]], Evaluation]:
    """Sessions whose reviewer marks what swings(left, right) finds, and rejects the rest."""
    paths = [np.random.default_rng(i).normal(size=150).cumsum() for i in range(sessions)]
    truth = [swings(p, left, right) for p in paths]

    def evaluate(params: dict[str, Value]) -> Evaluation:
        counts = {}
        for i, (path, marks) in enumerate(zip(paths, truth, strict=True)):
            found = swings(path, int(params["left"]), int(params["right"]))
            counts[f"s{i}"] = Counts(len(found & marks), len(found - marks), len(marks - found))
        return Evaluation(counts)

    return evaluate


def surface(peak: Params, sessions: int = 4, items: int = 40) -> Callable[[dict[str, Value]], Evaluation]:
    """Every session gets fewer hits the further the parameters are from the peak."""

    def evaluate(params: dict[str, Value]) -> Evaluation:
        off = int(sum(abs(float(params[k]) - float(v)) for k, v in peak.items()))
        missed = min(items, off)
        return Evaluation({f"s{i}": Counts(items - missed, 0, missed) for i in range(sessions)})

    return evaluate


@pytest.mark.parametrize(("sessions", "method"), [(1, "resubstitution"), (4, "leave-one-session-out"), (9, "k-fold")])
def test_it_finds_the_parameters_that_the_judgements_follow(sessions: int, method: str) -> None:
    result = search([LEFT, RIGHT], {"left": 2, "right": 1}, judged_by(5, 4, sessions), judged=60, seed=1)
    assert result.best_score == 1.0 > result.current_score
    assert (
        judged_by(5, 4, sessions)(result.best_params).per_session
        == judged_by(5, 4, sessions)({"left": 5, "right": 4}).per_session
    )
    assert result.improved and result.exhaustive and result.evaluated == 144
    assert result.method == method
    assert len(result.folds) == min(sessions, 5)
    assert (result.expected_score is None) == (sessions == 1)
    assert len(result.best.fold_scores) == len(result.folds)
    assert result.best.pooled.rate == 1.0


def test_each_point_is_evaluated_once_and_progress_ends_at_the_total() -> None:
    seen: list[tuple[Value, ...]] = []
    told: list[tuple[int, int, float]] = []
    base = surface({"left": 6})

    def evaluate(params: dict[str, Value]) -> Evaluation:
        seen.append(tuple(params.values()))
        return base(params)

    specs = [LEFT, STRICT]
    result = search(
        specs, {"left": 40}, evaluate, judged=30, seed=0, on_progress=lambda *progress: told.append(progress)
    )
    assert len(seen) == len(set(seen)) == result.evaluated == 25  # the grid and the current point beside it
    assert [t[0] for t in told] == list(range(1, 26))
    assert told[-1] == (25, 25, 1.0)
    assert [t[2] for t in told] == sorted(t[2] for t in told)
    assert result.best_params == {"left": 6, "strict": False}


def test_a_large_space_is_searched_within_its_budget_and_refined() -> None:
    specs = [ParamSpec(f"p{i}", "int", 5, 0, 60, 1) for i in range(4)]
    peak = {"p0": 13, "p1": 41, "p2": 3, "p3": 57}
    result = search(specs, {s.name: 30 for s in specs}, surface(peak, items=200), judged=200, seed=3, max_points=300)
    assert result.evaluated <= 300 and not result.exhaustive
    assert result.best_score > 0.97 > 0.6 > result.current_score


def test_it_refuses_below_twenty_judged_marks() -> None:
    with pytest.raises(InvalidInput, match=r"^The tuner needs at least 20 judged marks; there are 19\.$"):
        search([LEFT], {}, surface({"left": 3}), judged=19, seed=0)
    assert search([LEFT], {}, surface({"left": 3}), judged=20, seed=0).improved


def test_it_refuses_without_a_session_or_a_detector_that_runs() -> None:
    with pytest.raises(InvalidInput, match="held out"):
        search([LEFT], {}, lambda _: Evaluation({}), judged=30, seed=0)
    with pytest.raises(InvalidInput, match="current parameters"):
        search([LEFT], {}, lambda _: None, judged=30, seed=0)


def test_the_old_parameters_stay_when_nothing_is_strictly_better() -> None:
    result = search([LEFT, RIGHT], {"left": 7, "right": 3}, surface({}), judged=30, seed=0)
    assert not result.improved
    assert result.best_params == {"left": 7, "right": 3}


def test_among_equals_the_nearest_to_the_current_ones_wins() -> None:
    def evaluate(params: dict[str, Value]) -> Evaluation:
        good = int(params["left"]) <= 3
        return Evaluation({"a": Counts(9, 0, 0 if good else 3), "b": Counts(9, 0, 0)})

    result = search([LEFT, RIGHT], {"left": 8, "right": 5}, evaluate, judged=30, seed=0)
    assert result.best_params == {"left": 3, "right": 5}


def test_what_breaks_a_passing_case_comes_after_all_that_does_not() -> None:
    def evaluate(params: dict[str, Value]) -> Evaluation:
        left = int(params["left"])
        return Evaluation({"a": Counts(left, 0, 12 - left), "b": Counts(left, 0, 12 - left)}, max(0, left - 8))

    result = search([LEFT], {"left": 2}, evaluate, judged=24, seed=0)
    assert (result.best_params, result.best.broken) == ({"left": 8}, 0)
    assert result.best_breaking is not None
    assert (result.best_breaking.params, result.best_breaking.broken) == ({"left": 12}, 4)
    worse = search([LEFT], {"left": 8}, evaluate, judged=24, seed=0)
    assert not worse.improved and worse.best_params == {"left": 8}


def test_one_long_session_does_not_outvote_the_others() -> None:
    def evaluate(params: dict[str, Value]) -> Evaluation:
        many = bool(params["strict"])
        small = Counts(0 if many else 5, 0, 5 if many else 0)
        return Evaluation({"long": Counts(100 if many else 60, 0, 0 if many else 40), "x": small, "y": small})

    assert search([STRICT], {"strict": False}, evaluate, judged=110, seed=0).best_params == {"strict": False}


def test_the_expected_score_is_of_sessions_that_did_not_choose() -> None:
    """Each session likes another value best, so what the others choose never helps the one left out."""

    def evaluate(params: dict[str, Value]) -> Evaluation:
        left = int(params["left"])
        return Evaluation(
            {s: Counts(8 if left == i + 5 else 4, 0, 0 if left == i + 5 else 4) for i, s in enumerate("abc")}
        )

    result = search([LEFT], {"left": 1}, evaluate, judged=24, seed=0)
    assert result.best_score == pytest.approx(2 / 3)
    assert result.expected_score == pytest.approx(1 / 2)


def test_parameters_that_the_detector_refuses_are_passed_over() -> None:
    base = surface({"left": 9})
    result = search([LEFT], {"left": 4}, lambda p: base(p) if int(p["left"]) < 8 else None, judged=30, seed=0)
    assert result.best_params == {"left": 7}


def test_cancelling_stops_with_the_best_so_far() -> None:
    calls: list[int] = []
    base = surface({"left": 12})

    def evaluate(params: dict[str, Value]) -> Evaluation:
        calls.append(1)
        return base(params)

    result = search([LEFT, RIGHT], {}, evaluate, judged=30, seed=0, cancelled=lambda: len(calls) >= 10)
    assert result.stopped and not result.exhaustive and len(calls) == result.evaluated == 10


def test_axes_hold_the_declared_steps() -> None:
    assert axis(LEFT, 2) == list(range(1, 13))
    assert axis(DEPTH, 0.0)[:4] == [0.0, 0.1, 0.2, 0.3]
    assert axis(DEPTH, 0.0)[-1] == 2.0
    assert axis(STRICT, True) == [False, True]
    assert axis(ParamSpec("free", "float", 1.5), 2.5) == [2.5]
    assert len(axis(ParamSpec("range", "float", 0.5, 0, 1), 0.5)) == 11
    assert axis(ParamSpec("odd", "int", 1, 1, 10, 4), 1) == [1, 5, 9]


@given(st.sets(st.text(min_size=1, max_size=4), min_size=1, max_size=23), st.integers(0, 9))
def test_folds_hold_each_session_once_and_are_even(sessions: set[str], seed: int) -> None:
    folds = make_folds(sessions, seed)
    assert sorted(s for f in folds for s in f) == sorted(sessions)
    assert len(folds) == min(5, len(sessions))
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert folds == make_folds(sorted(sessions, reverse=True), seed)


def test_a_fold_with_nothing_left_to_count_has_nothing_wrong() -> None:
    assert fold_score({"a": Counts(0, 0, 0), "b": Counts(1, 1, 0)}, ["a"]) == 1.0
    assert fold_score({"a": Counts(0, 0, 0), "b": Counts(1, 1, 0)}, ["a", "b"]) == 0.5


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.integers(20, 60),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0, 2), st.booleans()),
)
def test_it_never_returns_worse_and_is_deterministic(
    noise: int, sessions: int, max_points: int, start: tuple[int, int, float, bool]
) -> None:
    specs = [LEFT, RIGHT, DEPTH, STRICT]
    current: dict[str, Value] = dict(zip(("left", "right", "depth", "strict"), start, strict=True))

    def evaluate(params: dict[str, Value]) -> Evaluation:
        key = [noise, *(round(float(v) * 1e6) for v in params.values())]
        rng = np.random.default_rng(key)
        counts = {f"s{i}": Counts(*(int(c) for c in rng.integers(0, 9, 3))) for i in range(sessions)}
        return Evaluation(counts, int(rng.integers(0, 2)) if params != current else 0)

    def run() -> SearchResult:
        return search(specs, current, evaluate, judged=40, seed=noise, max_points=max_points)

    result = run()
    assert result.best_score >= result.current_score
    assert result.best.broken == 0
    assert result.improved == (result.best_score > result.current_score)
    assert result.improved or result.best_params == current
    assert result.evaluated <= max_points
    assert run() == result
