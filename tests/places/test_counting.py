"""Matching marks with places, and what is counted: one to one, never a hit and a miss at once."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.detectors.types import Detection, Matcher
from services.places import Counts, Fit, Judgement, Mark, Run, Stretch, derive, fit, mark_of, match
from tests.support.judged import mark, missed, moved, right, some_judgements, unsure, wrong

WINDOW = Stretch("series", 0, 100)


def fitted(said: list[Judgement], marks: list[Mark], *, checked: bool = False) -> Fit:
    return fit(derive(said), [Run(WINDOW, tuple(marks))], [WINDOW] if checked else [], Matcher())


def test_right_wrong_missed_and_moved_are_counted() -> None:
    said = [right(10), wrong(20), missed(30), moved(40, 45)]
    assert fitted(said, [mark(10), mark(20), mark(40)]).counts == Counts(1, 2, 2, 0)
    assert fitted(said, [mark(10), mark(30), mark(45)]).counts == Counts(3, 0, 0, 0)
    assert fitted(said, [mark(10), mark(20), mark(40), mark(45)]).counts == Counts(2, 2, 1, 0)


def test_what_was_right_and_is_gone_is_missing() -> None:
    said = [right(b) for b in (10, 20, 30, 40, 50, 60)]
    assert fitted(said, [mark(10)]).counts == Counts(1, 0, 5, 0), "a retest that lost five of six is no 100 %"


def test_a_mark_nobody_judged_is_false_only_where_everything_was_checked() -> None:
    assert fitted([right(10)], [mark(10), mark(70)]).counts == Counts(1, 0, 0, 1)
    assert fitted([right(10)], [mark(10), mark(70)], checked=True).counts == Counts(1, 1, 0, 0)
    part = fit(derive([right(10)]), [Run(WINDOW, (mark(70), mark(90)))], [Stretch("series", 60, 80)], Matcher())
    assert part.counts == Counts(0, 1, 1, 1)


def test_disputed_and_unsure_places_take_their_mark_out() -> None:
    said = [right(10), wrong(10, person="bob"), unsure(30)]
    one = fitted(said, [mark(10), mark(30)], checked=True)
    assert one.counts == Counts() and len(one.unsettled) == 2


def test_a_one_bar_move_is_a_real_correction() -> None:
    said = [moved(10, 11)]
    assert fitted(said, [mark(10)]).counts == Counts(0, 1, 1, 0)
    assert fitted(said, [mark(11)]).counts == Counts(1, 0, 0, 0)
    assert fitted(said, [mark(11), mark(12)]).counts == Counts(1, 0, 0, 1), "the nearest pair comes first"


def test_one_event_within_tolerance_is_no_miss() -> None:
    assert fitted([missed(11)], [mark(10)]).counts == Counts(1, 0, 0, 0)
    assert fitted([missed(12)], [mark(10)]).counts == Counts(0, 0, 1, 1)


def test_it_must_be_there_for_the_same_reason() -> None:
    zone = [right(10, zone=(1.0, 2.0))]
    assert fitted(zone, [mark(10, low=1.1, high=2.0)]).counts.tp == 1
    assert fitted(zone, [mark(10, low=1.8, high=2.8)]).counts == Counts(0, 0, 1, 1)
    assert fitted(zone, [mark(10)]).counts == Counts(0, 0, 1, 1), "a zone needs a zone"
    level = [right(10, kind="bos", level=5.0)]
    assert fitted(level, [mark(10, kind="bos", level=5.05)]).counts.tp == 1
    assert fitted(level, [mark(10, kind="bos", level=5.5)]).counts == Counts(0, 0, 1, 1), "it broke another swing"


def test_only_an_event_with_a_reference_has_a_level() -> None:
    swing = Detection("swing", 1, 10, 0, 10, 10, 13, price=5.0)
    broken = Detection("bos", 1, 10, 0, 4, 10, 10, price=5.0, refs=(4,))
    assert mark_of(swing).spot.level is None and mark_of(broken).spot.level == 5.0
    assert mark_of(broken, offset=7).spot.bar == 17


def test_overlapping_runs_count_each_place_and_mark_once() -> None:
    places = derive([right(10), right(20)])
    runs = [Run(Stretch("series", 0, 25), (mark(10), mark(22))), Run(Stretch("series", 5, 100), (mark(10), mark(22)))]
    assert fit(places, runs, [], Matcher()).counts == Counts(1, 0, 1, 1)
    assert fit(places, [Run(Stretch("series", 0, 15), (mark(10), mark(20)))], [], Matcher()).counts == Counts(
        1, 0, 0, 0
    )
    assert fit(places, [Run(Stretch("other", 0, 15), ())], [], Matcher()).counts == Counts()


marks_at = st.sets(st.integers(0, 14), max_size=10)


@given(some_judgements(), marks_at, st.booleans(), st.randoms(use_true_random=False))
def test_no_event_is_a_hit_and_a_miss_and_order_changes_nothing(
    said: list[Judgement], at: set[int], checked: bool, random: Random
) -> None:
    marks = [mark(b, kind=kind) for b in sorted(at) for kind in ("swing", "bos")]
    places = derive(said)
    one = fitted(said, marks, checked=checked)
    used = [f.mark for f in one.fates if f.mark] + [m for _, m in one.unsettled if m]
    loose = [m for _, m in (*one.false, *one.unjudged)]
    assert sorted(m.key for m in (*used, *loose)) == sorted(m.key for m in marks), "each mark is one thing"
    assert len(one.fates) + len(one.unsettled) == len(places), "and each place"
    for fate in one.fates:
        if fate.place.status == "present" and not fate.right:
            assert all((m.kind, m.spot) != (fate.place.kind, fate.place.spot) or m in used for m in marks)
    shuffled, turned = list(places), marks.copy()
    random.shuffle(shuffled)
    random.shuffle(turned)
    again = fit(shuffled, [Run(WINDOW, tuple(turned))], [WINDOW] if checked else [], Matcher())
    assert again.counts == one.counts and again.fates == one.fates


@given(some_judgements(), marks_at)
def test_matching_is_one_to_one_within_tolerance_and_leaves_no_pair_that_fits(
    said: list[Judgement], at: set[int]
) -> None:
    places, marks = derive(said), [mark(b) for b in sorted(at)]
    found = match(places, marks, Matcher())
    assert len(set(found.values())) == len(found)
    for p, m in found.items():
        assert places[p].kind == marks[m].kind and abs(places[p].spot.bar - marks[m].spot.bar) <= 1
    free = [m for i, m in enumerate(marks) if i not in found.values()]
    for p, place in enumerate(places):
        if p not in found and place.kind == "swing":
            assert all(abs(place.spot.bar - m.spot.bar) > 1 for m in free)
