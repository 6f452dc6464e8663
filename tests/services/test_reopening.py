"""A completed session opened again: who may, what is kept of its score, what happens to the rate and to an approval."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import feedback, review, sessions
from services.cli.recount import recount_statistics
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound
from services.lifecycle import Role, Verdict, WorkspaceStatus
from services.models import PatternSession, SessionRevision, WorkspaceMessage, now
from services.people import Actor
from tests import factories
from tests.support import scenarios


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    return scenarios.in_beta(session, member)


@pytest.fixture
def done(session: Session, member: Actor, home: uuid.UUID) -> uuid.UUID:
    return scenarios.judged(session, home, member, right=3, wrong=1)


def test_its_frozen_score_stays_as_a_revision_and_it_can_be_judged_and_completed_again(
    session: Session, member: Actor, home: uuid.UUID, done: uuid.UUID
) -> None:
    assert scenarios.row(session, home).success_rate == 0.75 and sessions.may_reopen(session, done, actor=member)
    sessions.reopen(session, done, reason=" one was judged too fast ", actor=member)
    row = session.get_one(PatternSession, done)
    assert (row.status, row.tp, row.success_rate, row.completed_at) == ("active", 0, None, None)
    assert scenarios.row(session, home).success_rate is None, "its only session counts no more"
    kept = session.scalars(select(SessionRevision)).one()
    assert (kept.tp, kept.fp, kept.fn, kept.success_rate, kept.reason) == (3, 1, 0, 0.75, "one was judged too fast")
    assert kept.completed_at is not None and kept.reopened_by_id == member.id and kept.label_set_sha256
    told = session.scalars(select(WorkspaceMessage).where(WorkspaceMessage.type == "session_reopened")).one()
    assert told.data is not None and told.data["reason"] == "one was judged too fast"
    feedback.judge(session, scenarios.detections(session, done)[0], Verdict.FALSE_POSITIVE, actor=member)
    sessions.complete(session, done, actor=member)
    assert scenarios.row(session, home).success_rate == 0.5
    assert scenarios.lies(session) == []
    assert recount_statistics(session) == []


def test_only_who_completed_it_within_a_day_or_an_admin_opens_it(
    session: Session, member: Actor, done: uuid.UUID
) -> None:
    another, admin = factories.person(session), factories.person(session, Role.ADMIN)
    with pytest.raises(NotAllowed, match="Only the person who completed this session"):
        sessions.reopen(session, done, reason="r", actor=another)
    with pytest.raises(NotAllowed):
        sessions.reopen(session, done, reason="r", actor=factories.person(session, Role.VIEWER))
    with pytest.raises(InvalidInput, match="Give a reason"):
        sessions.reopen(session, done, reason=" \x00 ", actor=member)
    with pytest.raises(NotFound):
        sessions.reopen(session, uuid.uuid4(), reason="r", actor=admin)
    session.get_one(PatternSession, done).completed_at = now() - timedelta(hours=25)
    session.flush()
    assert not sessions.may_reopen(session, done, actor=member)
    with pytest.raises(NotAllowed, match="more than a day ago"):
        sessions.reopen(session, done, reason="r", actor=member)
    sessions.reopen(session, done, reason="r", actor=admin)
    with pytest.raises(Conflict, match="only a completed one"):
        sessions.reopen(session, done, reason="r", actor=admin)


def test_an_approval_that_counted_it_is_void(session: Session, member: Actor, home: uuid.UUID) -> None:
    done = scenarios.judged(session, home, member, right=40)
    row = scenarios.row(session, home)
    row.status, row.approved_by_id, row.approved_at = WorkspaceStatus.IN_REVIEW, member.id, now()
    row.approved_evidence = review.evidence(session, home).as_json()
    session.flush()
    sessions.reopen(session, done, reason="r", actor=member)
    row = scenarios.row(session, home)
    assert (row.status, row.approved_by_id, row.approved_evidence) == ("beta", None, None)
    voided = session.scalars(select(WorkspaceMessage).where(WorkspaceMessage.type == "approval_voided")).one()
    assert voided.content is not None and "completed → opened again" in voided.content
