from __future__ import annotations

import numpy as np
from candles import defaults, from_closes, random_walk
from detectors.base import atr
from detectors.fvg import SPEC, detect

# Quiet, a jump over three bars, quiet above, then back down through the gap.
JUMP = [*([10.0, 10.2] * 10), 13.0, 13.2, 13.4, 13.2, 12.0, 11.0, 10.0]


def candles() -> np.ndarray:
    return from_closes(JUMP, wick=0.1)


def test_three_candles_that_do_not_overlap_leave_a_gap() -> None:
    found = [d for d in detect(candles(), defaults(SPEC)) if d["kind"] == "fvg" and d["direction"] == 1]
    (gap,) = found
    assert (gap["anchor_index"], gap["confirmed_index"], gap["start_index"], gap["end_index"]) == (20, 21, 19, 21)
    assert np.isclose(gap["price_low"], 10.3) and np.isclose(gap["price_high"], 12.9)


def test_it_is_not_known_before_the_third_candle_has_closed() -> None:
    assert [d for d in detect(candles()[:21], defaults(SPEC)) if d["direction"] == 1] == []


def test_half_of_it_and_all_of_it_are_marks_of_their_own() -> None:
    later = {d["kind"]: d for d in detect(candles(), defaults(SPEC)) if d["refs"] == [20]}
    assert later["fvg_mitigated"]["anchor_index"] == 25 and later["fvg_filled"]["anchor_index"] == 26
    assert later["fvg_filled"]["direction"] == 1


def test_downwards_is_the_mirror_image() -> None:
    mirrored = from_closes([-x for x in JUMP], wick=0.1)
    ours = [(d["kind"], d["anchor_index"], d["direction"]) for d in detect(candles(), defaults(SPEC))]
    theirs = [(d["kind"], d["anchor_index"], -d["direction"]) for d in detect(mirrored, defaults(SPEC))]
    assert sorted(ours) == sorted(theirs) != []


def test_every_gap_is_what_the_definition_says() -> None:
    walk = random_walk(500, seed=2)
    found = detect(walk, defaults(SPEC, min_size=0.2))
    least, high, low = 0.2 * atr(walk), walk["high"], walk["low"]
    expected = {(i, 1) for i in range(1, 499) if low[i + 1] - high[i - 1] >= least[i] and low[i + 1] > high[i - 1]}
    expected |= {(i, -1) for i in range(1, 499) if low[i - 1] - high[i + 1] >= least[i] and low[i - 1] > high[i + 1]}
    assert {(d["anchor_index"], d["direction"]) for d in found if d["kind"] == "fvg"} == expected != set()
    for d in found:
        if d["kind"] == "fvg_filled":
            (gap,) = d["refs"][-1:]
            assert d["anchor_index"] > gap + 1


def test_few_candles_give_nothing() -> None:
    assert [detect(random_walk(n), defaults(SPEC)) for n in (0, 1, 2, 3)] == [[], [], [], []]
