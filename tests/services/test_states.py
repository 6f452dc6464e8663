"""The doors of sessions, detector versions and corrections against their tables, for every pair of states."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, true, update
from sqlalchemy.orm import Session

from services.errors import IllegalTransition
from services.lifecycle import (
    FEEDBACK_TRANSITIONS,
    SESSION_TRANSITIONS,
    VERSION_TRANSITIONS,
    FeedbackState,
    SessionStatus,
    VersionStatus,
)
from services.models import DetectorVersion, FeedbackItem, PatternSession, now
from services.people import Actor
from services.states import move_correction, move_corrections, move_session, move_sessions, move_version
from tests import factories
from tests.support import scenarios

# What is possible in the product, written down apart from its tables.
SESSIONS = {"running": {"active", "failed"}, "active": {"completed"}, "completed": {"active"}}
VERSIONS = {"candidate": {"deployed", "rejected"}, "deployed": {"retired"}, "retired": {"deployed"}}
CORRECTIONS = {
    "open": {"sent", "addressed", "disputed", "withdrawn"},
    "sent": {"addressed", "open"},
    "addressed": {"verified", "open", "withdrawn"},
    "verified": {"open", "withdrawn"},
    "disputed": {"open", "withdrawn"},
}


def pairs(table: frozenset[tuple[Any, Any]]) -> dict[str, set[str]]:
    grouped: dict[str, set[str]] = {}
    for source, target in table:
        grouped.setdefault(source.value, set()).add(target.value)
    return grouped


def test_the_tables_hold_exactly_what_is_possible() -> None:
    assert pairs(SESSION_TRANSITIONS) == SESSIONS
    assert pairs(VERSION_TRANSITIONS) == VERSIONS
    assert pairs(FEEDBACK_TRANSITIONS) == CORRECTIONS


def walk(
    states: type[StrEnum], possible: dict[str, set[str]], move: Callable[[Any, Any], None], row: Any, column: str
) -> Iterator[tuple[StrEnum, StrEnum]]:
    """Tries every pair on a row, and gives those that were let through."""
    for source in states:
        for target in states:
            setattr(row, column, source.value)
            if source == target or target in possible.get(source, ()):
                move(row, target)
                assert getattr(row, column) == target
                yield source, target
            else:
                with pytest.raises(IllegalTransition, match=f"is {source}; it can't become {target}"):
                    move(row, target)
                assert getattr(row, column) == source


def test_one_row_goes_through_its_door_for_every_pair_of_the_table_and_no_other() -> None:
    made = list(walk(SessionStatus, SESSIONS, move_session, PatternSession(), "status"))
    assert len(made) == len(SESSION_TRANSITIONS) + len(SessionStatus)
    made = list(walk(VersionStatus, VERSIONS, move_version, DetectorVersion(), "status"))
    assert len(made) == len(VERSION_TRANSITIONS) + len(VersionStatus)
    made = list(walk(FeedbackState, CORRECTIONS, move_correction, FeedbackItem(), "state"))
    assert len(made) == len(FEEDBACK_TRANSITIONS) + len(FeedbackState)


@given(st.lists(st.sampled_from(FeedbackState), max_size=12))
def test_whatever_is_asked_for_a_withdrawn_correction_stays_withdrawn(asked: list[FeedbackState]) -> None:
    item = FeedbackItem(state=FeedbackState.OPEN)
    for target in asked:
        before = item.state
        try:
            move_correction(item, target)
        except IllegalTransition:
            assert item.state == before
            assert target not in CORRECTIONS.get(before, ())
        else:
            assert item.state == target
        assert before != FeedbackState.WITHDRAWN or item.state == FeedbackState.WITHDRAWN


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


def corrections(session: Session, member: Actor, states: list[FeedbackState]) -> list[uuid.UUID]:
    """A correction in each of these states, in one workspace."""
    from services import feedback

    home = factories.workspace(session, member)
    made = [feedback.add_comment_item(session, home, f"words {n}", actor=member) for n in range(len(states))]
    for item, state in zip(made, states, strict=True):
        session.execute(update(FeedbackItem).where(FeedbackItem.id == item).values(state=state))
    return made


@pytest.mark.parametrize("source", list(FeedbackState))
def test_many_corrections_go_through_the_door_by_one_statement(
    session: Session, member: Actor, source: FeedbackState
) -> None:
    made = corrections(session, member, list(FeedbackState))
    for target in FeedbackState:
        attempt = session.begin_nested()
        before = states_of(session, made)
        if source == target or target in CORRECTIONS.get(source, ()):
            assert move_corrections(session, made, source, target) == 1
            moved = [target if state == source else state for state in before]
            assert states_of(session, made) == moved
        else:
            with pytest.raises(IllegalTransition, match=f"is {source}; it can't become {target}"):
                move_corrections(session, made, source, target)
            assert states_of(session, made) == before
        attempt.rollback()
    assert move_corrections(session, [], FeedbackState.OPEN, FeedbackState.SENT) == 0


def states_of(session: Session, ids: list[uuid.UUID]) -> list[str]:
    found = dict(session.execute(select(FeedbackItem.id, FeedbackItem.state).where(FeedbackItem.id.in_(ids))).all())
    return [found[i] for i in ids]


def test_many_sessions_go_through_the_door_by_one_statement(session: Session, member: Actor) -> None:
    home = scenarios.in_beta(session, member)
    made = [factories.completed_session(session, home, None, member, status=status) for status in SessionStatus]
    everything = PatternSession.workspace_id == home
    for source in SessionStatus:
        for target in SessionStatus:
            attempt = session.begin_nested()
            if source == target or target in SESSIONS.get(source, ()):
                assert move_sessions(session, source, target, everything, detector_error="why") == 1
            else:
                with pytest.raises(IllegalTransition):
                    move_sessions(session, source, target, everything)
            attempt.rollback()
    assert move_sessions(session, SessionStatus.RUNNING, SessionStatus.FAILED, PatternSession.id == made[1]) == 0
    running = session.get_one(PatternSession, made[0])
    assert running.status == SessionStatus.RUNNING
    assert move_sessions(session, SessionStatus.RUNNING, SessionStatus.FAILED, true(), completed_at=now()) >= 1
    session.refresh(running)
    assert (running.status, running.completed_at is None) == (SessionStatus.FAILED, False)
