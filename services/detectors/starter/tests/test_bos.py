from __future__ import annotations

from candles import defaults, from_closes, random_walk
from detectors.bos import SPEC, detect

# Up to 14, down to 11, through 14 (no trend yet), a new high at 17, down, through 17: the second break has the trend.
UP = [10, 11, 12, 13, 14, 13, 12, 11, 12, 13, 14, 15, 16, 17, 16, 15, 14, 15, 16, 17, 18, 19]
SMALL = {"left": 2, "right": 2, "prominence": 0.0, "max_age": 50}


def test_the_second_break_upwards_is_a_bos() -> None:
    (found,) = detect(from_closes(UP), defaults(SPEC, **SMALL))
    assert (found["kind"], found["direction"]) == ("bos", 1)
    assert found["refs"] == [13]
    assert found["anchor_index"] == found["confirmed_index"] == 20
    assert (found["start_index"], found["end_index"], found["price"]) == (13, 20, 17.5)


def test_downwards_is_the_mirror_image() -> None:
    (found,) = detect(from_closes([-x for x in UP]), defaults(SPEC, **SMALL))
    assert (found["direction"], found["anchor_index"], found["price"]) == (-1, 20, -17.5)


def test_a_touch_is_no_break_and_a_wick_only_when_asked() -> None:
    candles = from_closes(UP[:20])
    candles["high"][19] = 17.5
    assert detect(candles, defaults(SPEC, **SMALL)) == []
    candles["high"][19] = 17.6
    assert detect(candles, defaults(SPEC, **SMALL)) == []
    assert [d["anchor_index"] for d in detect(candles, defaults(SPEC, **SMALL, use_wick=True))] == [19]


def test_a_level_that_is_too_old_does_not_break() -> None:
    flat = [*UP[:16], *([14.0, 14.5] * 15), 19]
    assert [d["refs"] for d in detect(from_closes(flat), defaults(SPEC, **{**SMALL, "max_age": 60}))] == [[13]]
    assert detect(from_closes(flat), defaults(SPEC, **{**SMALL, "max_age": 20})) == []


def test_each_level_breaks_once() -> None:
    found = detect(random_walk(3000, seed=5), defaults(SPEC))
    levels = [(d["direction"], d["refs"][0]) for d in found]
    assert len(levels) > 10
    assert len(levels) == len(set(levels))
