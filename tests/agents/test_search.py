"""The parameter search against real cost surfaces: swings on a made-up price path, judged by a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.agents.search import Evaluation, SearchResult, Value, axis, choose, clear_gain, nested_gain, search
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


def judged_by(left: int, right: int, blocks: int) -> Callable[[dict[str, Value]], Evaluation]:
    """Blocks whose reviewer marks what swings(left, right) finds, and rejects the rest."""
    paths = [np.random.default_rng(i).normal(size=150).cumsum() for i in range(blocks)]
    truth = [swings(p, left, right) for p in paths]

    def evaluate(params: dict[str, Value]) -> Evaluation:
        each = [swings(path, int(params["left"]), int(params["right"])) for path in paths]
        return Evaluation(tuple(float(len(found ^ marks)) for found, marks in zip(each, truth, strict=True)))

    return evaluate


def surface(peak: Params, blocks: int = 4, items: int = 40) -> Callable[[dict[str, Value]], Evaluation]:
    """Every block costs more the further the parameters are from the peak."""

    def evaluate(params: dict[str, Value]) -> Evaluation:
        off = sum(abs(float(params[k]) - float(v)) for k, v in peak.items())
        return Evaluation((min(float(items), off),) * blocks)

    return evaluate


def test_it_finds_the_parameters_that_the_judgements_follow() -> None:
    evaluate = judged_by(5, 4, 8)
    result = search([LEFT, RIGHT], {"left": 2, "right": 1}, evaluate, judged=60, seed=1)
    assert result.improved and result.exhaustive and result.evaluated == 144
    assert result.best.cost < result.current.cost / 4
    assert sum(evaluate(result.best_params).costs) == result.best.cost
    assert result.expected_gain is not None and result.gain_error is not None
    assert 0 < result.expected_gain <= result.current.cost, "what it gains on bars it did not see"
    assert clear_gain(result.expected_gain, result.gain_error, result.blocks)


def test_under_four_blocks_nothing_can_be_told_and_the_old_parameters_stay() -> None:
    result = search([LEFT, RIGHT], {"left": 2, "right": 1}, judged_by(5, 4, 3), judged=60, seed=1)
    assert not result.improved and result.expected_gain is None and result.best_params == {"left": 2, "right": 1}


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
    assert told[-1] == (25, 25, 0.0)
    assert [t[2] for t in told] == sorted((t[2] for t in told), reverse=True)
    assert result.best_params == {"left": 6, "strict": False}


def test_a_large_space_is_searched_within_its_budget_and_refined() -> None:
    specs = [ParamSpec(f"p{i}", "int", 5, 0, 60, 1) for i in range(4)]
    peak = {"p0": 13, "p1": 41, "p2": 3, "p3": 57}
    result = search(specs, {s.name: 30 for s in specs}, surface(peak, items=200), judged=200, seed=3, max_points=300)
    assert result.evaluated <= 300 and not result.exhaustive
    assert result.best.cost < result.current.cost / 10


def test_it_refuses_below_twenty_judged_places() -> None:
    with pytest.raises(InvalidInput, match=r"^The tuner needs at least 20 judged places; there are 19\.$"):
        search([LEFT], {}, surface({"left": 3}), judged=19, seed=0)
    assert search([LEFT], {}, surface({"left": 3}), judged=20, seed=0).improved


def test_it_refuses_without_a_place_or_a_detector_that_runs() -> None:
    with pytest.raises(InvalidInput, match="kept for testing"):
        search([LEFT], {}, lambda _: Evaluation(()), judged=30, seed=0)
    with pytest.raises(InvalidInput, match="current parameters"):
        search([LEFT], {}, lambda _: None, judged=30, seed=0)


def test_the_old_parameters_stay_when_nothing_is_strictly_better() -> None:
    result = search([LEFT, RIGHT], {"left": 7, "right": 3}, surface({}), judged=30, seed=0)
    assert not result.improved
    assert result.best_params == {"left": 7, "right": 3}


def test_among_equals_the_nearest_to_the_current_ones_wins() -> None:
    def evaluate(params: dict[str, Value]) -> Evaluation:
        return Evaluation((0.0 if int(params["left"]) <= 3 else 3.0,) * 5)

    result = search([LEFT, RIGHT], {"left": 8, "right": 5}, evaluate, judged=30, seed=0)
    assert result.best_params == {"left": 3, "right": 5}


def test_what_the_replay_would_refuse_comes_after_all_that_it_lets_pass() -> None:
    def evaluate(params: dict[str, Value]) -> Evaluation:
        left = int(params["left"])
        return Evaluation((12.0 - left,) * 4, left <= 8)

    result = search([LEFT], {"left": 2}, evaluate, judged=24, seed=0)
    assert result.best_params == {"left": 8} and result.best.passes
    assert result.best_refused is not None and result.best_refused.params == {"left": 12}
    worse = search([LEFT], {"left": 8}, evaluate, judged=24, seed=0)
    assert not worse.improved and worse.best_params == {"left": 8}


def test_within_one_standard_error_of_the_best_the_nearest_is_taken() -> None:
    """The cheapest (4 in all) is as far from the second (5) as its spread; the third (9) is not in its reach."""
    costs = np.array([[9.0, 0.0, 0.0, 0.0], [2.0, 2.0, 1.0, 0.0], [0.0, 0.0, 2.0, 2.0]])
    assert choose(costs, np.array([0.0, 1.0, 2.0])) == 0, "9 with all of it in one block is within its own spread"
    even = np.array([[2.25, 2.25, 2.25, 2.25], [1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    assert choose(even, np.array([0.0, 1.0, 2.0])) == 1


def test_what_one_block_alone_likes_gains_nothing_on_the_others() -> None:
    """Each block likes another point best, so what the others choose never helps the one left out."""
    costs = np.vstack([np.full(5, 4.0), 4.0 - 4.0 * np.eye(5)])
    gain, error = nested_gain(costs, np.arange(6.0))
    assert gain == 0.0 and not clear_gain(gain, error, 5)


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


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.integers(20, 60),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.floats(0, 2), st.booleans()),
)
def test_it_keeps_the_old_or_gains_and_is_deterministic(
    noise: int, blocks: int, max_points: int, start: tuple[int, int, float, bool]
) -> None:
    specs = [LEFT, RIGHT, DEPTH, STRICT]
    current: dict[str, Value] = dict(zip(("left", "right", "depth", "strict"), start, strict=True))

    def evaluate(params: dict[str, Value]) -> Evaluation:
        key = [noise, *(round(float(v) * 1e6) for v in params.values())]
        rng = np.random.default_rng(key)
        return Evaluation(tuple(float(c) for c in rng.integers(0, 9, blocks)), bool(rng.integers(0, 2)))

    def run() -> SearchResult:
        return search(specs, current, evaluate, judged=40, seed=noise, max_points=max_points)

    result = run()
    assert result.best.passes or not result.improved
    assert result.improved or result.best_params == current
    assert not result.improved or (result.expected_gain or 0) > 0
    assert result.evaluated <= max_points
    assert run() == result
