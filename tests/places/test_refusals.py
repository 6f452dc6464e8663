"""A judgement that contradicts its own author is refused with a sentence."""

from __future__ import annotations

from services.places import refusal
from tests.support.judged import missed, moved, right, wrong


def test_missed_where_ones_own_right_mark_stands() -> None:
    said = refusal(missed(11), [right(10)])
    assert said == "You judged the mark at #10 right, so none is missed there."
    assert refusal(missed(12), [right(10)]) is None
    assert refusal(missed(11), [wrong(10)]) is None
    assert refusal(missed(10, kind="bos"), [right(10)]) is None


def test_the_same_miss_twice_and_one_where_a_move_points() -> None:
    assert refusal(missed(10), [missed(10)]) == "You have marked #10 as missed already."
    assert refusal(missed(11), [missed(10)]) is None, "two misses side by side are two places"
    assert refusal(missed(14), [moved(10, 14)]) == "You moved a mark to #14 already, so none is missed there."
    assert refusal(missed(10), [moved(10, 14)]) is None


def test_a_move_to_the_same_place() -> None:
    assert refusal(moved(10, 10), []) == "The mark is there already; a move needs another bar or another zone."
    assert refusal(moved(10, 11), []) is None


def test_right_where_one_said_that_none_was_marked() -> None:
    assert refusal(right(10), [missed(10)]) == (
        "You have marked #10 as missed, so the mark there can't be right; take that back first."
    )
    assert refusal(right(11), [missed(10)]) is not None
    assert refusal(right(12), [missed(10)]) is None
    assert refusal(right(14), [moved(10, 14)]) is not None
    assert refusal(right(10), [moved(10, 14)]) is None
    assert refusal(right(11), [right(10)]) is None, "two marks of a detector are two events"
    assert refusal(wrong(10), [missed(10)]) is None


def test_two_marks_to_one_place() -> None:
    assert refusal(moved(20, 14), [moved(10, 14)]) == "You moved a mark to #14 already; say that this one is wrong."
    assert refusal(moved(20, 15), [moved(10, 14)]) is None, "side by side they are two"
    assert refusal(moved(10, 14), [right(14)]) is not None
    assert refusal(moved(10, 14), [missed(14)]) is not None


def test_a_clicked_candle_and_a_zone_are_one_event_on_the_same_bar_alone() -> None:
    zone = right(10, zone=(1.0, 2.0))
    assert refusal(missed(10), [zone]) == "You judged the mark at #10 right, so none is missed there."
    assert refusal(missed(11), [zone]) is None, "gaps of neighbouring bars are two"
    assert refusal(zone, [missed(10)]) is not None
    assert refusal(missed(10, zone=(8.0, 9.0)), [zone]) is None
