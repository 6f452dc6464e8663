from __future__ import annotations

from candles import defaults, from_closes, random_walk
from detectors.order_blocks import SPEC, detect
from detectors.structure import find_breaks

SMALL = {"left": 2, "right": 2, "prominence": 0.0, "max_age": 50, "displacement": 0.5}
# Up to 14 and down to 11 (the last falling candle is bar 21), then through 14 at bar 25; back into the block, then below it.
MOVE = [*([10.0, 10.4] * 7), 11, 12, 13, 14, 13, 12, 12.5, 11, 12, 13, 14, 15, 14, 13, 11.8, 11, 10]


def blocks(kind: str, **other: object) -> list[dict[str, object]]:
    return [d for d in detect(from_closes(MOVE), defaults(SPEC, **{**SMALL, **other})) if d["kind"] == kind]


def test_the_last_falling_candle_before_the_break_is_the_block() -> None:
    (block,) = [d for d in blocks("order_block") if d["direction"] == 1 and d["confirmed_index"] == 25]
    assert block["anchor_index"] == 21 and (block["price_low"], block["price_high"]) == (10.5, 13.0)


def test_the_zone_can_be_the_body() -> None:
    (block,) = [d for d in blocks("order_block", body=True) if d["confirmed_index"] == 25]
    assert (block["price_low"], block["price_high"]) == (11, 12.5)


def test_coming_back_and_closing_beyond_are_marks_of_their_own() -> None:
    (back,) = [d for d in blocks("order_block_mitigated") if 21 in d["refs"]]
    (gone,) = [d for d in blocks("order_block_broken") if 21 in d["refs"]]
    assert back["anchor_index"] == back["confirmed_index"] == 27 and gone["anchor_index"] == 30


def test_a_short_move_is_no_displacement() -> None:
    assert blocks("order_block", displacement=6.0) == []


def test_every_block_is_an_opposite_candle_before_a_break() -> None:
    candles, params = random_walk(2000, seed=6), defaults(SPEC)
    breaks = {(b.index, b.direction): b for b in find_breaks(candles, params)}
    found = [d for d in detect(candles, params) if d["kind"] == "order_block"]
    assert len(found) > 20 and {d["direction"] for d in found} == {1, -1}
    for d in found:
        at, side = d["anchor_index"], d["direction"]
        assert (candles["close"][at] - candles["open"][at]) * side < 0
        assert (d["confirmed_index"], side) in breaks and at < d["confirmed_index"]


def test_few_candles_give_nothing() -> None:
    assert [detect(random_walk(n), defaults(SPEC)) for n in (0, 1, 2, 20)] == [[], [], [], []]
