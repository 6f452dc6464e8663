"""Places out of judgements: joining, votes, moves, disputes, and what must hold for any judgements."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.detectors.types import Matcher
from services.places import Decision, Judgement, Place, derive, label_set_hash, unconfirmed_for
from tests.support.judged import missed, moved, right, some_judgements, spot, unsure, wrong


def made(*judgements: Judgement, decisions: tuple[Decision, ...] = ()) -> list[tuple[int, str]]:
    return [(p.spot.bar, p.status) for p in derive(judgements, decisions)]


def test_each_verdict_makes_its_places() -> None:
    assert made(right(10)) == [(10, "present")]
    assert made(wrong(10)) == [(10, "absent")]
    assert made(missed(10)) == [(10, "present")]
    assert made(moved(10, 11)) == [(10, "absent"), (11, "present")]
    assert made(unsure(10)) == [(10, "unsure")]


def test_a_move_links_its_two_places() -> None:
    old, new = derive([moved(10, 14)])
    assert old.moved == (new.id,) and new.moved == (old.id,)
    assert [p.moved for p in derive([right(3)])] == [()]


def test_later_judgements_join_the_nearest_place_and_its_anchor_stays() -> None:
    places = derive(
        [right(10, at=1), right(11, person="bob", session="s2", at=2), right(12, person="eve", session="s3", at=3)]
    )
    assert [(p.spot.bar, p.present_votes) for p in places] == [(10, 2), (12, 1)]
    between = [right(10, at=1), right(12, at=2), right(11, person="bob", session="s2", at=3)]
    assert [(p.spot.bar, p.present_votes) for p in derive(between)] == [(10, 2), (12, 1)], "a tie goes to the older one"


def test_kind_direction_zone_and_broken_level_tell_places_apart() -> None:
    base = right(10, person="ann")
    assert len(derive([base, right(10, person="bob", kind="bos")])) == 2
    assert len(derive([base, right(10, person="bob", direction=-1)])) == 2
    assert len(derive([right(10, zone=(1, 2)), right(10, person="bob", zone=(1.1, 2))])) == 1
    assert len(derive([right(10, zone=(1, 2)), right(10, person="bob", zone=(1.8, 3), session="s2")])) == 2
    assert len(derive([right(10, level=5.0), right(10, person="bob", session="s2", level=5.05)])) == 1
    assert len(derive([right(10, level=5.0), right(10, person="bob", session="s2", level=5.2)])) == 2
    assert len(derive([right(10, level=5.0), missed(10, person="bob", session="s2")])) == 1, (
        "a clicked bar has no level"
    )


def test_one_persons_two_judgements_in_a_session_are_two_places() -> None:
    assert made(right(10), missed(11)) == [(10, "present"), (11, "present")]
    assert made(right(10), missed(11, session="s2")) == [(10, "present")]


def test_two_marks_of_one_session_are_two_places_for_everybody() -> None:
    assert made(right(10), wrong(11, person="bob")) == [(10, "present"), (11, "absent")]


def test_two_people_who_miss_one_place_count_once() -> None:
    (place,) = derive([missed(10), missed(11, person="bob")])
    assert (place.status, place.present_votes, place.one_person) == ("present", 2, False)
    (alone,) = derive([missed(10)])
    assert alone.one_person and alone.people == ("ann",)
    (confirmed,) = derive([right(10)])
    assert not confirmed.one_person, "the detector has said it too"


def test_the_newest_judgement_of_a_person_counts_across_sessions() -> None:
    assert made(right(10, at=1), wrong(10, session="s2", at=2)) == [(10, "absent")]
    assert made(right(10, at=1), wrong(11, session="s2", at=2)) == [(10, "absent")]
    assert made(wrong(10, at=2), right(10, session="s2", at=1)) == [(10, "absent")]
    assert made(right(10, at=1), unsure(10, session="s2", at=2)) == [(10, "unsure")]


def test_majority_decides_a_tie_is_disputed_and_unsure_people_do_not_vote() -> None:
    two = (right(10), right(10, person="bob"), wrong(10, person="eve"))
    assert made(*two) == [(10, "present")]
    assert made(two[0], two[2]) == [(10, "disputed")]
    assert made(two[0], two[2], unsure(10, person="dan")) == [(10, "disputed")]
    assert made(two[0], unsure(10, person="dan")) == [(10, "present")]


def test_a_one_bar_move_disputes_the_old_place_and_not_the_new_one() -> None:
    assert made(right(10), moved(10, 11, person="bob")) == [(10, "disputed"), (11, "present")]
    assert made(moved(10, 11), moved(10, 11, person="bob")) == [(10, "absent"), (11, "present")]


def test_a_decision_settles_a_dispute_and_judgements_stay() -> None:
    said = (right(10, at=1), wrong(10, person="bob", at=2))
    settled = Decision("d1", 3, "series", "swing", 1, spot(10), present=False)
    (place,) = derive(said, [settled])
    assert (place.status, place.present_votes, place.absent_votes, place.decided) == ("absent", 1, 1, True)
    again = Decision("d2", 4, "series", "swing", 1, spot(10), present=True)
    assert made(*said, decisions=(again, settled)) == [(10, "present")], "the newest decision holds"
    assert made(*said, decisions=(Decision("d3", 5, "series", "swing", 1, spot(40), present=True),)) == [
        (10, "disputed")
    ]


def test_a_lone_missed_place_is_shown_to_others_who_checked_those_bars() -> None:
    places = derive([missed(10), right(30)])
    assert [p.spot.bar for p in unconfirmed_for(places, "bob", [(0, 20)])] == [10]
    assert unconfirmed_for(places, "ann", [(0, 20)]) == []
    assert unconfirmed_for(places, "bob", [(11, 40)]) == []


def test_the_hash_is_of_what_the_places_say() -> None:
    one = derive([right(10)])
    assert label_set_hash(one) == label_set_hash(derive([right(10, person="bob", name="other")]))
    assert label_set_hash(one) != label_set_hash(derive([wrong(10)]))
    assert label_set_hash([*one, *derive([right(30)])]) == label_set_hash([*derive([right(30)]), *one])


def described(places: tuple[Place, ...]) -> list[tuple[object, ...]]:
    return [(p.id, p.kind, p.spot, p.status, p.people, p.judgements, p.moved) for p in places]


@given(some_judgements(), st.randoms(use_true_random=False))
def test_the_order_of_judgements_never_changes_the_places(said: list[Judgement], random: Random) -> None:
    shuffled = said.copy()
    random.shuffle(shuffled)
    assert described(derive(shuffled)) == described(derive(said))


@given(some_judgements())
def test_every_judgement_is_on_its_one_or_two_places_and_a_person_once_on_each(said: list[Judgement]) -> None:
    places = derive(said)
    on = Counter(j for p in places for j in p.judgements)
    assert on == {j.id: 2 if j.verdict == "adjustment" else 1 for j in said}
    by_id = {j.id: j for j in said}
    for place in places:
        its = [(by_id[j].person, by_id[j].session) for j in place.judgements]
        assert len(its) == len(set(its))
        assert all(abs(place.spot.bar - b) <= Matcher().tolerance_bars for b in _bars(place, by_id))


def _bars(place: Place, by_id: dict[str, Judgement]) -> list[int]:
    """For each judgement on the place, the nearer of its bars."""
    spots = [[s.bar for s in (by_id[j].said, by_id[j].expected) if s is not None] for j in place.judgements]
    return [min(its, key=lambda b: abs(b - place.spot.bar)) for its in spots]


@given(some_judgements())
def test_deriving_again_what_copies_repeat_changes_no_status(said: list[Judgement]) -> None:
    """A retest carries each judgement over: the copy is the same person's, of the same time, in another session."""
    copies = [replace(j, id=f"{j.id}~", session=f"{j.session} retest") for j in said if j.verdict != "adjustment"]
    before = {(p.id, p.status, p.people) for p in derive([j for j in said if j.verdict != "adjustment"])}
    after = {(p.id, p.status, p.people) for p in derive([*(j for j in said if j.verdict != "adjustment"), *copies])}
    assert before == after
