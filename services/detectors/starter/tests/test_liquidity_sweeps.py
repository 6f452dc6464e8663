from __future__ import annotations

import pytest
from candles import defaults, from_closes, random_walk
from detectors.liquidity_sweeps import SPEC, detect
from detectors.swings import find_swings

SMALL = {"left": 2, "right": 2, "prominence": 0.0, "min_depth": 0.0}
FLAT = [10.0, 10.4] * 8
PEAK = [*FLAT, 11, 12, 13, 12, 11, 12, 12.8]  # the swing high of bar 18 is 13.5


def sweeps(candles: object, **other: object) -> list[dict[str, object]]:
    return [d for d in detect(candles, defaults(SPEC, **{**SMALL, **other})) if d["refs"] and 18 in d["refs"]]


def test_a_wick_beyond_that_closes_back_is_a_sweep() -> None:
    candles = from_closes([*PEAK, 12.5])
    candles["high"][23] = 13.6
    (found,) = sweeps(candles)
    assert (found["kind"], found["direction"], found["anchor_index"]) == ("liquidity_sweep", -1, 23)
    assert (found["confirmed_index"], found["price"], found["refs"]) == (23, 13.5, [18])


@pytest.mark.parametrize(("reclaim", "count"), [(1, 0), (2, 1)])
def test_a_close_beyond_is_a_sweep_only_if_one_may_come_back_later(reclaim: int, count: int) -> None:
    found = sweeps(from_closes([*PEAK, 13.8, 13.0]), reclaim=reclaim)
    assert [(d["anchor_index"], d["confirmed_index"]) for d in found] == [(23, 24)] * count


def test_a_touch_is_no_sweep_and_each_level_is_swept_once() -> None:
    candles = from_closes([*PEAK, 12.5, 12.5, 12.5])
    candles["high"][23] = 13.5
    assert sweeps(candles) == []
    candles["high"][24] = candles["high"][25] = 13.7
    assert [d["anchor_index"] for d in sweeps(candles)] == [24]


def test_a_close_beyond_the_extreme_later_is_a_mark_of_its_own() -> None:
    candles = from_closes([*PEAK, 12.5, 13.5, 14.0])
    candles["high"][23] = 13.6
    failed = [d for d in detect(candles, defaults(SPEC, **SMALL)) if d["kind"] == "liquidity_sweep_failed"]
    assert [(d["anchor_index"], d["refs"], d["price"]) for d in failed] == [(25, [23], 13.6)]


def test_every_sweep_trades_beyond_a_swing_and_closes_back() -> None:
    candles, params = random_walk(2000, seed=8), defaults(SPEC, reclaim=3)
    swings = set(find_swings(candles, params))
    found = [d for d in detect(candles, params) if d["kind"] == "liquidity_sweep"]
    assert len(found) > 20 and {d["direction"] for d in found} == {1, -1}
    assert len({bar for d in found for bar in d["refs"]}) == sum(len(d["refs"]) for d in found)
    for d in found:
        side = -d["direction"]
        tip = candles["high" if side > 0 else "low"][d["anchor_index"]]
        assert (tip - d["price"]) * side > 0 >= (candles["close"][d["confirmed_index"]] - d["price"]) * side
        assert all((bar, side) in swings for bar in d["refs"])


def test_few_candles_give_nothing() -> None:
    assert [detect(random_walk(n), defaults(SPEC)) for n in (0, 1, 2, 20)] == [[], [], [], []]
