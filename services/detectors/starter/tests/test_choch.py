from __future__ import annotations

from candles import defaults, from_closes, random_walk
from detectors import bos
from detectors.choch import SPEC, detect
from detectors.structure import find_breaks, find_events

SMALL = {"left": 2, "right": 2, "prominence": 0.0, "max_age": 50}
# An upward break begins the trend at 15; then the last swing low (11) gives way.
TURN = [10, 11, 12, 13, 14, 13, 12, 11, 12, 13, 14, 15, 14, 13, 12, 11, 10, 9]


def test_the_first_break_against_the_trend_is_a_choch() -> None:
    (found,) = detect(from_closes(TURN), defaults(SPEC, **SMALL))
    assert (found["kind"], found["direction"], found["refs"]) == ("choch", -1, [7])
    assert (found["anchor_index"], found["confirmed_index"], found["price"]) == (16, 16, 10.5)


def test_without_a_trend_a_break_is_neither() -> None:
    candles, params = from_closes(TURN[:13]), defaults(SPEC, **SMALL)
    assert [(b.index, b.direction) for b in find_breaks(candles, params)] == [(11, 1)]
    assert detect(candles, params) == [] == bos.detect(candles, params)


# As above, but the trend goes on once more (BOS at 18, protected low 12.5 at 14), then a later, higher low gives way at 24.
MINOR = [
    10,
    11,
    12,
    13,
    14,
    13,
    12,
    11,
    12,
    13,
    14,
    15,
    16,
    15,
    13,
    14,
    15,
    16,
    17,
    18,
    17,
    15.5,
    16.5,
    17.5,
    16.5,
    14.5,
    13.5,
]


def test_a_later_low_is_not_protected() -> None:
    params = defaults(SPEC, **SMALL)
    assert [(d["anchor_index"], d["meta"]["protected"]) for d in bos.detect(from_closes(MINOR), params)] == [(18, 12.5)]
    assert [(b.index, b.direction) for b in find_breaks(from_closes(MINOR), params)][-1] == (25, -1)
    assert detect(from_closes(MINOR), params) == []
    (found,) = detect(from_closes([*MINOR, 12.4]), params)
    assert (found["anchor_index"], found["refs"], found["price"]) == (27, [14], 12.5)
    (weak,) = detect(from_closes(MINOR), params | {"protected": False})
    assert (weak["anchor_index"], weak["direction"]) == (25, -1)


def test_the_structure_inside_of_a_leg_is_a_kind_of_its_own() -> None:
    candles = random_walk(2000, seed=4)
    found = detect(candles, defaults(SPEC, internal=True, internal_size=1))
    kinds = {kind: [d for d in found if d["kind"] == kind] for kind in SPEC["kinds"]}
    assert len(kinds["choch_internal"]) > len(kinds["choch"]) > 5
    assert kinds["choch"] == detect(candles, defaults(SPEC))


def test_a_trend_that_is_too_old_is_forgotten() -> None:
    flat = [*TURN[:12], *([13.5, 14.0] * 13), 9]
    assert [d["direction"] for d in detect(from_closes(flat), defaults(SPEC, **SMALL))] == [-1]
    assert detect(from_closes(flat), defaults(SPEC, **{**SMALL, "max_age": 20})) == []


def test_the_trend_turns_at_each_change_and_goes_on_at_each_break() -> None:
    candles, params = random_walk(3000, seed=7), defaults(SPEC, max_age=250)
    events = find_events(candles, params)
    assert len({(e.index, e.direction) for e in events}) == len(events) > 50
    assert {e.kind for e in events} == {"bos", "choch"}
    close, low, high = candles["close"], candles["low"], candles["high"]
    for e in events:
        assert (close[e.index] - e.level) * e.direction > 0
        assert e.level in (high[e.bar], low[e.bar]) and e.bar < e.index
        assert (e.protected - close[e.index]) * e.direction < 0
        if e.kind == "choch":  # nothing closed beyond it since the trend made it
            assert ((close[e.bar + 1 : e.index] - e.level) * e.direction <= 0).all()
    ours = {(d["anchor_index"], d["direction"]) for d in detect(candles, params)}
    theirs = {(d["anchor_index"], d["direction"]) for d in bos.detect(candles, params)}
    assert ours and theirs and not ours & theirs
