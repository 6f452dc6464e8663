from __future__ import annotations

import numpy as np
import pytest
from candles import defaults, from_closes, random_walk
from detectors.swings import SPEC, detect

PEAK = [10, 11, 12, 13, 12, 11, 10]  # the highest high belongs to bar 3 (bar 4 opens there and ties)


def test_a_peak_is_a_swing_high_known_right_bars_later() -> None:
    (found,) = detect(from_closes(PEAK), defaults(SPEC, left=2, right=2, prominence=0.0))
    assert (found["direction"], found["anchor_index"], found["confirmed_index"]) == (1, 3, 5)
    assert found["price"] == 13.5


def test_a_trough_is_a_swing_low() -> None:
    (found,) = detect(from_closes([-x for x in PEAK]), defaults(SPEC, left=2, right=2, prominence=0.0))
    assert (found["direction"], found["anchor_index"], found["price"]) == (-1, 3, -13.5)


def test_it_is_not_known_before_all_right_bars_have_closed() -> None:
    params = defaults(SPEC, left=2, right=2, prominence=0.0)
    assert detect(from_closes(PEAK[:5]), params) == []
    assert len(detect(from_closes(PEAK[:6]), params)) == 1


def test_of_equal_highs_only_the_first_counts() -> None:
    candles = from_closes([10, 11, 13, 13, 13, 11, 10])
    assert [d["anchor_index"] for d in detect(candles, defaults(SPEC, left=2, right=2, prominence=0.0))] == [2]


def test_prominence_drops_what_hardly_stands_out() -> None:
    candles = random_walk(600)
    counts = [len(detect(candles, defaults(SPEC, prominence=p))) for p in (0.0, 1.0, 2.0, 4.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > 0


@pytest.mark.parametrize("rows", [0, 1, 5, 8])
def test_few_candles_give_nothing(rows: int) -> None:
    assert detect(random_walk(rows), defaults(SPEC)) == []


def test_every_swing_is_what_the_definition_says() -> None:
    candles = random_walk(400, seed=3)
    found = detect(candles, defaults(SPEC, left=4, right=3, prominence=0.0))
    highs = {d["anchor_index"] for d in found if d["direction"] == 1}
    top = candles["high"]
    expected = {i for i in range(4, 397) if top[i] > np.max(top[i - 4 : i]) and top[i] >= np.max(top[i + 1 : i + 4])}
    assert highs == expected
