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
