from __future__ import annotations

from candles import defaults, from_closes, random_walk
from detectors import bos
from detectors.choch import SPEC, detect
from detectors.structure import find_breaks

SMALL = {"left": 2, "right": 2, "prominence": 0.0, "max_age": 50}
# An upward break begins the trend at 15; then the last swing low (11) gives way.
TURN = [10, 11, 12, 13, 14, 13, 12, 11, 12, 13, 14, 15, 14, 13, 12, 11, 10, 9]


def test_the_first_break_against_the_trend_is_a_choch() -> None:
    (found,) = detect(from_closes(TURN), defaults(SPEC, **SMALL))
    assert (found["kind"], found["direction"], found["refs"]) == ("choch", -1, [7])
    assert (found["anchor_index"], found["confirmed_index"], found["price"]) == (16, 16, 10.5)


def test_without_a_trend_a_break_is_neither() -> None:
    candles, params = from_closes(TURN[:13]), defaults(SPEC, **SMALL)
    assert [b.trend for b in find_breaks(candles, params)] == [0]
    assert detect(candles, params) == [] == bos.detect(candles, params)


def test_a_trend_that_is_too_old_is_forgotten() -> None:
    flat = [*TURN[:12], *([13.5, 14.0] * 13), 9]
    assert [d["direction"] for d in detect(from_closes(flat), defaults(SPEC, **SMALL))] == [-1]
    assert detect(from_closes(flat), defaults(SPEC, **{**SMALL, "max_age": 20})) == []


def test_bos_and_choch_share_the_breaks_between_them() -> None:
    candles, params = random_walk(3000, seed=7), defaults(SPEC)
    ours = {(d["anchor_index"], d["direction"]) for d in detect(candles, params)}
    theirs = {(d["anchor_index"], d["direction"]) for d in bos.detect(candles, params)}
    assert ours and theirs and not ours & theirs
    assert ours | theirs == {(b.index, b.direction) for b in find_breaks(candles, params) if b.trend}
