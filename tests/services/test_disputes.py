"""Rooms of disputed places: everybody's verdict, comments, one decision, and where its rule goes."""

from __future__ import annotations

import threading
import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import disputes, feedback, labels, prompts, workspaces
from services.database.engine import engine_for, transaction
from services.errors import Conflict, InvalidInput, NotFound, PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import Verdict
from services.models import FeedbackItem, PlaceDecision, PlaceRow
from services.people import Actor
from tests import factories
from tests.support import scenarios


def disputed(session: Session, home: uuid.UUID, one: Actor, two: Actor, *, bar: int = 10) -> uuid.UUID:
    """A place that two people judge differently; its id."""
    made = scenarios.run_session(session, home, one, factories.dataset(session, one))
    mark = scenarios.detections(session, made)[bar]
    feedback.judge(session, mark, Verdict.CONFIRMED, reason="It turned there.", actor=one)
    feedback.judge(session, mark, Verdict.FALSE_POSITIVE, reason="A wiggle.", actor=two)
    [place] = disputes.list_disputes(session, home)
    return place.id


def test_the_room_holds_all_verdicts_and_comments(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    place = disputed(session, home, member, admin)
    disputes.comment(session, home, place, "Look at the\x00 volume.", actor=admin)
    room = disputes.room(session, home, place)
    assert [(v.person, v.verdict, v.reason, v.bar) for v in room.verdicts] == [
        (member.name, "confirmed", "It turned there.", 10), (admin.name, "false_positive", "A wiggle.", 10),
    ]  # fmt: skip
    assert [(r.person, r.text) for r in room.remarks] == [(admin.name, "Look at the volume.")]
    assert (room.place.status, room.index) == ("disputed", 10)
    assert room.place.votes == "1 say it is there, 1 say it is not"


@pytest.mark.parametrize("present", [True, False])
def test_a_decision_counts_from_then_on_and_its_rule_is_in_the_next_prompt(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, present: bool
) -> None:
    place = disputed(session, home, member, admin)
    keep_in_tune(session, home)
    disputes.settle(session, home, place, present=present, rule="A swing needs\nthree closed bars.", actor=member)
    found = next(p for p in labels.label_set(session, home).places if p.spot.bar == 10)
    assert (found.status, found.decided) == ("present" if present else "absent", True)
    detail = workspaces.get(session, home)
    assert detail.rules == "- A swing needs three closed bars."
    text = prompts.readable(prompts.build(detail, [], {}, params=None, agent="claude"))
    assert "A swing needs three closed bars." in text
    room = disputes.room(session, home, place)
    assert [(d.present, d.rule, d.person) for d in room.decisions] == [
        (present, "A swing needs\nthree closed bars.", member.name)
    ]
    assert disputes.list_disputes(session, home) == []
    assert [p.id for p in disputes.list_disputes(session, home, settled=True)] == [place]


def keep_in_tune(session: Session, home: uuid.UUID) -> None:
    """Nothing is kept for testing, whatever the series' offset is."""
    scenarios.row(session, home).holdout_share = 0.0
    session.flush()
    labels.keep(session, home)


def test_the_rule_of_a_place_kept_for_testing_stays_in_its_room(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = disputed(session, home, member, admin)
    monkeypatch.setattr("services.places.blocks.in_share", lambda *_: True)
    labels.keep(session, home)
    disputes.settle(session, home, place, present=True, rule="Only the close counts.", actor=member)
    assert workspaces.get(session, home).rules is None
    assert disputes.room(session, home, place).decisions[0].rule == "Only the close counts."


@pytest.mark.parametrize("rule", ["", " \x00 ", "x" * (disputes.MAX_TEXT + 1)])
def test_a_decision_takes_a_rule_in_words(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, rule: str
) -> None:
    place = disputed(session, home, member, admin)
    with pytest.raises(InvalidInput):
        disputes.settle(session, home, place, present=True, rule=rule, actor=member)
    assert session.scalar(select(PlaceDecision.id)) is None


def test_a_place_of_another_pattern_or_none_is_not_found(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    place = disputed(session, home, member, admin)
    other = scenarios.in_beta(session, member)
    for workspace_id, asked in ((other, place), (home, uuid.UUID(int=7))):
        with pytest.raises(NotFound):
            disputes.room(session, workspace_id, asked)
        with pytest.raises(NotFound):
            disputes.settle(session, workspace_id, asked, present=True, rule="r", actor=member)
        with pytest.raises(NotFound):
            disputes.comment(session, workspace_id, asked, "words", actor=member)


def test_two_people_who_settle_at_once_make_one_decision(clone_url: str) -> None:
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        one, two = factories.person(session), factories.person(session)
        home = scenarios.in_beta(session, one)
        place = disputed(session, home, one, two)
    said: list[str] = []
    barrier = threading.Barrier(2)

    def settle(actor: Actor, present: bool) -> None:
        barrier.wait()
        try:
            with transaction(engine) as session:
                disputes.settle(session, home, place, present=present, rule=f"rule {present}", actor=actor)
            said.append("settled")
        except PatternDeskError as error:
            said.append(str(error))

    threads = [threading.Thread(target=settle, args=pair) for pair in ((one, True), (two, False))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(s == "settled" for s in said) == [False, True]
    assert any("settled this dispute already" in s for s in said)
    with transaction(engine) as session:
        assert len(session.scalars(select(PlaceDecision.id)).all()) == 1
    engine.dispose()


def test_rules_are_edited_and_bounded(session: Session, member: Actor, home: uuid.UUID) -> None:
    disputes.set_rules(session, home, " - One.\x00 ", actor=member)
    assert workspaces.get(session, home).rules == "- One."
    with pytest.raises(InvalidInput, match="hold up to"):
        disputes.set_rules(session, home, "x" * (disputes.MAX_RULES + 1), actor=member)
    disputes.set_rules(session, home, "", actor=member)
    assert workspaces.get(session, home).rules is None


def test_nobody_settles_what_nobody_disputes(session: Session, member: Actor, admin: Actor, home: uuid.UUID) -> None:
    place = disputed(session, home, member, admin)
    keep_in_tune(session, home)
    mark = session.scalars(select(PlaceRow.founder_id).where(PlaceRow.id == place)).one()
    feedback.withdraw(session, mark, actor=member)
    [left] = session.scalars(select(PlaceRow.id).where(PlaceRow.workspace_id == home)).all() or [place]
    with pytest.raises((Conflict, NotFound)):
        disputes.settle(session, home, left, present=True, rule="r", actor=member)


def sent(session: Session, home: uuid.UUID) -> list[str]:
    """The verdicts of what a launch would send."""
    return [row.verdict for row in feedback.open_batch(session, home)]


def test_a_decision_outlives_the_verdicts_that_follow(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    place = disputed(session, home, member, admin)
    keep_in_tune(session, home)
    mark = session.scalars(select(FeedbackItem.detection_id).where(FeedbackItem.author_id == member.id)).one()
    assert mark is not None
    disputes.settle(session, home, place, present=False, rule="Wiggles are none.", actor=member)
    assert sent(session, home) == ["false_positive"]
    feedback.judge(session, mark, Verdict.CONFIRMED, reason="I still see it.", actor=member)
    assert sent(session, home) == ["false_positive"], "what agrees with the decision is not lost"
    assert disputes.list_disputes(session, home) == []


def test_who_disagrees_with_a_decision_sends_nothing_to_the_agent(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    place = disputed(session, home, member, admin)
    keep_in_tune(session, home)
    mark = session.scalars(select(FeedbackItem.detection_id).where(FeedbackItem.author_id == member.id)).one()
    assert mark is not None
    disputes.settle(session, home, place, present=True, rule="It turned.", actor=member)
    feedback.judge(session, mark, Verdict.FALSE_POSITIVE, actor=factories.person(session))
    assert sent(session, home) == []


@pytest.mark.parametrize("present", [True, False])
def test_a_move_agrees_that_there_is_a_mark_where_it_moves_to(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, present: bool
) -> None:
    made = scenarios.run_session(session, home, member, factories.dataset(session, member))
    mark = scenarios.detections(session, made)[10]
    to = MarkPosition(15, factories.DAY_ONE + factories.days(15))
    feedback.judge(session, mark, Verdict.ADJUSTMENT, expected=to, actor=member)
    feedback.judge_place(session, made, Verdict.FALSE_POSITIVE, kind="swing_high", direction=1, place=to, actor=admin)
    keep_in_tune(session, home)
    [place] = disputes.list_disputes(session, home)
    assert place.bar == 15 and sent(session, home) == [], "nothing goes out while people disagree"
    disputes.settle(session, home, place.id, present=present, rule="The second bar is the turn.", actor=member)
    assert sent(session, home) == (["adjustment"] if present else ["false_positive"])


def test_what_others_contradict_is_not_sent_and_is_counted(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    """A dispute between two sessions, and a correction that two others outvoted: the replay would count against both."""
    stored, third = factories.dataset(session, member), factories.person(session)
    first, second = (scenarios.run_session(session, home, member, stored) for _ in range(2))
    mark, again = scenarios.detections(session, first), scenarios.detections(session, second)
    keep_in_tune(session, home)
    feedback.judge(session, mark[10], Verdict.FALSE_POSITIVE, actor=member)
    feedback.judge(session, mark[20], Verdict.FALSE_POSITIVE, actor=member)
    feedback.judge(session, mark[30], Verdict.FALSE_POSITIVE, actor=member)
    assert sent(session, home) == ["false_positive"] * 3
    feedback.judge(session, again[10], Verdict.CONFIRMED, actor=admin)
    for actor in (admin, third):
        feedback.judge(session, mark[20], Verdict.CONFIRMED, actor=actor)
    known = feedback.open_corrections(session, home)
    assert [f.candle_index for f in known.sent] == [30]
    assert (known.held, known.contradicted) == (0, 2)
    outvoted = session.scalars(
        select(FeedbackItem.id).where(FeedbackItem.candle_index == 20, FeedbackItem.author_id == member.id)
    ).one()
    with pytest.raises(Conflict, match="contradicted by others"):
        scenarios.launch(session, home, member, feedback_ids=[outvoted])
    feedback.withdraw(session, known.sent[0].id, actor=member)
    with pytest.raises(InvalidInput, match="Others contradict 2 of the open corrections"):
        scenarios.launch(session, home, member)


def test_a_table_of_places_read_beside_a_judgement_is_not_taken_for_newer(clone_url: str) -> None:
    """Somebody opens the room while another judges: what the other says is in the table afterwards."""
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        one = factories.person(session)
        home = scenarios.in_beta(session, one)
        made = scenarios.run_session(session, home, one, factories.dataset(session, one))
        marks = scenarios.detections(session, made)
        labels.keep(session, home)
    with transaction(engine) as session:
        feedback.judge(session, marks[20], Verdict.FALSE_POSITIVE, actor=one)

    def read() -> None:
        with transaction(engine) as other:
            disputes.list_disputes(other, home)

    reader = threading.Thread(target=read)
    with transaction(engine) as session:
        feedback.judge(session, marks[10], Verdict.FALSE_POSITIVE, actor=one)
        session.flush()
        reader.start()
        reader.join(timeout=1.5)  # it waits for this transaction, or reads what is there without it
    reader.join()
    with transaction(engine) as session:
        labels.keep_current(session, home)
        assert set(session.scalars(select(PlaceRow.anchor_bar))) == {10, 20}
    engine.dispose()
