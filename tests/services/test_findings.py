"""Ways in which the numbers could be fooled once. Each was seen on the running app, and stays here as a test."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from services import feedback, sessions
from services.feedback import MarkPosition
from services.lifecycle import Verdict, VersionStatus
from services.models import PatternSession
from services.people import Actor
from tests import factories
from tests.support import scenarios

V = Verdict
AT = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    return scenarios.in_beta(session, member)


@pytest.fixture
def stored(session: Session, member: Actor) -> factories.DatasetRow:
    return factories.dataset(session, member)


def judge(session: Session, made: uuid.UUID, actor: Actor, verdicts: dict[int, Verdict]) -> None:
    found = scenarios.detections(session, made)
    for anchor, verdict in verdicts.items():
        feedback.judge(session, found[anchor], verdict, actor=actor)


def miss(session: Session, made: uuid.UUID, actor: Actor, bar: int) -> None:
    feedback.add_missed(session, made, kind="swing_high", direction=1, place=MarkPosition(bar, AT), actor=actor)


def counts(session: Session, made: uuid.UUID) -> tuple[int, int, int]:
    session.flush()
    row = session.get_one(PatternSession, made, populate_existing=True)
    return row.tp, row.fp, row.fn


def test_a_retest_that_lost_five_of_six_right_marks_is_not_perfect(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    anchors = [5, 15, 25, 35, 45, 55]
    old = scenarios.run_session(session, home, member, stored, anchors=anchors)
    judge(session, old, member, dict.fromkeys(anchors, V.CONFIRMED))
    sessions.complete(session, old, actor=member)
    factories.version(session, home, "0.2.0", status=VersionStatus.DEPLOYED)
    new = scenarios.run_session(session, home, member, stored, anchors=[5], retest_of=old)
    sessions.complete(session, new, actor=member)
    assert counts(session, new) == (1, 0, 5)


def test_one_event_is_not_hit_and_missed_at_once(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    """The miss was at bar 20; the new version marks bar 21, which the replay takes for it, and so must the score."""
    old = scenarios.run_session(session, home, member, stored, anchors=[5])
    judge(session, old, member, {5: V.CONFIRMED})
    miss(session, old, member, 20)
    sessions.complete(session, old, actor=member)
    factories.version(session, home, "0.2.0", status=VersionStatus.DEPLOYED)
    new = scenarios.run_session(session, home, member, stored, anchors=[5, 21], retest_of=old)
    judge(session, new, member, {21: V.CONFIRMED})
    sessions.complete(session, new, actor=member)
    assert counts(session, new) == (2, 0, 0)


def test_two_people_who_miss_one_place_count_once(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    made = scenarios.run_session(session, home, member, stored, anchors=[5])
    judge(session, made, member, {5: V.CONFIRMED})
    miss(session, made, member, 30)
    miss(session, made, factories.person(session), 31)
    sessions.complete(session, made, actor=member)
    assert counts(session, made) == (1, 0, 1)
