"""One person's judgements of one session count an event once, in whatever order they were given."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from services import feedback, judging, labels
from services.cli import recount
from services.errors import Conflict, InvalidInput, PatternDeskError
from services.feedback import MarkPosition
from services.judging.ops import Op
from services.lifecycle import JudgementAction, Verdict
from services.people import Actor
from tests import factories
from tests.support import scenarios


def at(index: int) -> MarkPosition:
    return MarkPosition(index, factories.DAY_ONE + timedelta(days=index))


@pytest.fixture
def under_way(session: Session, member: Actor, home: uuid.UUID) -> uuid.UUID:
    """An active session with marks at 10, 20 and 30."""
    return scenarios.run_session(session, home, member, factories.dataset(session, member))


def miss(session: Session, made: uuid.UUID, actor: Actor, index: int) -> uuid.UUID:
    return feedback.add_missed(session, made, kind="swing_high", direction=1, place=at(index), actor=actor)


def counts(session: Session, made: uuid.UUID) -> tuple[int, int, int]:
    rate = labels.score_session(session, made).rate
    return rate.tp, rate.fp, rate.fn


def test_a_mark_is_not_right_where_one_said_that_none_was_made(
    session: Session, member: Actor, admin: Actor, under_way: uuid.UUID
) -> None:
    """Missed first and right afterwards would be a hit and a miss of one event."""
    marks = scenarios.detections(session, under_way)
    missed = miss(session, under_way, member, 10)
    with pytest.raises(Conflict, match="You have marked #10 as missed, so the mark there can't be right"):
        feedback.judge(session, marks[10], Verdict.CONFIRMED, actor=member)
    assert counts(session, under_way) == (1, 0, 0)
    feedback.judge(session, marks[10], Verdict.CONFIRMED, actor=admin)
    assert counts(session, under_way) == (1, 0, 0), "another person's word is a word of its own"
    feedback.withdraw(session, missed, actor=member)
    feedback.judge(session, marks[10], Verdict.CONFIRMED, actor=member)
    assert counts(session, under_way) == (1, 0, 0)


def test_two_marks_are_not_moved_to_one_place(session: Session, member: Actor, under_way: uuid.UUID) -> None:
    marks = scenarios.detections(session, under_way)
    feedback.judge(session, marks[10], Verdict.ADJUSTMENT, expected=at(15), actor=member)
    with pytest.raises(Conflict, match="You moved a mark to #15 already"):
        feedback.judge(session, marks[20], Verdict.ADJUSTMENT, expected=at(15), actor=member)
    feedback.judge(session, marks[10], Verdict.ADJUSTMENT, expected=at(16), actor=member)
    assert counts(session, under_way) == (0, 1, 1), "one's own move can be changed"
    feedback.judge(session, marks[30], Verdict.CONFIRMED, actor=member)
    with pytest.raises(Conflict, match="You judged the mark at #30 right"):
        feedback.judge(session, marks[20], Verdict.ADJUSTMENT, expected=at(30), actor=member)


def test_a_place_without_a_mark_is_not_there_twice(session: Session, member: Actor, under_way: uuid.UUID) -> None:
    miss(session, under_way, member, 15)
    with pytest.raises(Conflict, match="You have marked #15 as missed"):
        feedback.judge_place(
            session, under_way, Verdict.CONFIRMED, kind="swing_high", direction=1, place=at(15), actor=member
        )
    feedback.judge_place(
        session, under_way, Verdict.FALSE_POSITIVE, kind="swing_high", direction=1, place=at(40), actor=member
    )
    assert counts(session, under_way) == (0, 0, 1)


def test_a_zone_beyond_all_reckoning_is_refused(session: Session, member: Actor, under_way: uuid.UUID) -> None:
    """Its height would overflow: the place never matched itself, and the recount ended with an error of the driver."""
    before = recount.recount(session, fix=False)
    wide = MarkPosition(15, factories.DAY_ONE + timedelta(days=15), 1.0, -1e308, 1e308)
    for number in range(2):
        with pytest.raises(InvalidInput, match="can be reckoned with"):
            feedback.judge_place(
                session, under_way, Verdict.CONFIRMED, kind="swing_high", direction=1, place=replace(wide, index=15 + number),
                actor=member,
            )  # fmt: skip
    assert recount.recount(session, fix=False) == before


def op(seq: int, client: uuid.UUID, do: JudgementAction, **more: object) -> Op:
    return Op(uuid.uuid4(), client, seq, do, **more)  # type: ignore[arg-type]


def test_a_board_says_so_within_one_batch_and_for_an_undo(
    session: Session, member: Actor, under_way: uuid.UUID
) -> None:
    client, marks = uuid.uuid4(), scenarios.detections(session, under_way)
    right = op(1, client, JudgementAction.JUDGE, mark=marks[10], verdict=Verdict.CONFIRMED)
    wrong = op(2, client, JudgementAction.JUDGE, mark=marks[10], verdict=Verdict.FALSE_POSITIVE, base=right.id)
    missed = op(3, client, JudgementAction.MISS, kind="swing_high", direction=1, index=10)
    undo = op(4, client, JudgementAction.UNDO, of=wrong.id)
    again = op(5, client, JudgementAction.JUDGE, mark=marks[10], verdict=Verdict.CONFIRMED, base=wrong.id)
    answer = judging.judge_many(
        session, under_way, [right, wrong, missed, undo, again], {missed.id: at(10)}, actor=member
    )
    assert [r["result"] for r in answer["results"]] == ["done", "done", "done", "refused", "refused"]
    assert "You have marked #10 as missed" in str(answer["results"][4]["sentence"])
    tp, _, fn = counts(session, under_way)
    assert tp + fn == 1, "one event"


def test_carried_copies_are_in_nobodys_way(session: Session, member: Actor, home: uuid.UUID) -> None:
    """A retest whose new version marks what was missed: the mark can be judged right."""
    stored = factories.dataset(session, member)
    first = scenarios.run_session(session, home, member, stored)
    miss(session, first, member, 40)
    again = scenarios.run_session(session, home, member, stored, anchors=(10, 40), retest_of=first)
    try:
        feedback.judge(session, scenarios.detections(session, again)[40], Verdict.CONFIRMED, actor=member)
    except PatternDeskError as error:  # pragma: no cover
        raise AssertionError(str(error)) from error
    assert counts(session, again) == (1, 0, 0)
