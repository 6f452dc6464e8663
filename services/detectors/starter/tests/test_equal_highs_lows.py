from __future__ import annotations

import numpy as np
from candles import defaults, from_closes, random_walk
from detectors.base import atr
from detectors.equal_highs_lows import SPEC, detect
from detectors.swings import find_swings

SMALL = {"left": 2, "right": 2, "prominence": 0.0}
FLAT = [10.0, 10.2] * 8
TWICE = [*FLAT, 11, 12, 13, 12, 11, 12, 13, 12, 11, 12, 14]  # swing highs of 13.5 at bars 18 and 22


def pairs(kind: str, closes: list[float], **other: object) -> list[dict[str, object]]:
    found = detect(from_closes(closes), defaults(SPEC, **{**SMALL, **other}))
    return [d for d in found if d["kind"] == kind and d["direction"] == 1 and d["price"] > 13]


def test_two_swings_at_one_price_are_a_pair() -> None:
    (found,) = pairs("equal_highs_lows", TWICE)
    assert (found["anchor_index"], found["confirmed_index"], found["refs"], found["price"]) == (22, 24, [18], 13.5)
    assert pairs("equal_highs_lows", TWICE[:24]) == []


def test_another_price_is_no_pair() -> None:
    apart = [*TWICE[:22], 13.4, *TWICE[23:]]
    assert pairs("equal_highs_lows", apart, tolerance=0.1) == []
    assert len(pairs("equal_highs_lows", apart, tolerance=1.0)) == 1


def test_trading_through_it_later_is_a_mark_of_its_own() -> None:
    (found,) = pairs("equal_highs_lows_swept", TWICE)
    assert (found["anchor_index"], found["refs"]) == (26, [22])


def test_too_far_apart_is_no_pair() -> None:
    long = [*TWICE[:20], *([11.0, 11.2] * 6), 12, 13, 12, 11, 10]
    assert len(pairs("equal_highs_lows", long, max_age=20)) == 1
    assert pairs("equal_highs_lows", long, max_age=10) == []


def test_every_pair_is_what_the_definition_says() -> None:
    candles, params = random_walk(3000, seed=9), defaults(SPEC, prominence=0.0)
    scale, swings = atr(candles), set(find_swings(candles, params))
    found = [d for d in detect(candles, params) if d["kind"] == "equal_highs_lows"]
    assert len(found) > 20 and {d["direction"] for d in found} == {1, -1}
    for d in found:
        (first,), second, side = d["refs"], d["anchor_index"], d["direction"]
        tips = candles["high" if side > 0 else "low"]
        assert (first, side) in swings and (second, side) in swings
        assert abs(tips[first] - tips[second]) <= 0.15 * scale[second] + 1e-9
        assert np.max((tips[first + 1 : second] - d["price"]) * side) <= 0.15 * scale[second] + 1e-9


def test_few_candles_give_nothing() -> None:
    assert [detect(random_walk(n), defaults(SPEC)) for n in (0, 1, 2, 20)] == [[], [], [], []]
