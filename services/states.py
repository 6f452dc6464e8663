"""The doors of three states: the only functions that change the `status` of a session or of a detector version, or the
`state` of a correction. Each checks its table in `services.lifecycle`; the same state again is no change.

A workspace's door is `workspaces.move`, an execution's `executions.set_status`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, update
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
from services.models import DetectorVersion, FeedbackItem, PatternSession, VersionSwitch

S = TypeVar("S", SessionStatus, VersionStatus, FeedbackState)


def _check(name: str, table: frozenset[tuple[S, S]], source: S, target: S) -> None:
    if source != target and (source, target) not in table:
        raise IllegalTransition(f"This {name} is {source}; it can't become {target}.")


def move_session(row: PatternSession, status: SessionStatus) -> None:
    """Changes the status of a locked session. Raises IllegalTransition."""
    _check("session", SESSION_TRANSITIONS, SessionStatus(row.status), status)
    row.status = status


def move_sessions(
    session: Session, source: SessionStatus, target: SessionStatus, where: ColumnElement[bool], **values: Any
) -> int:
    """Moves every session in `source` that meets the condition, with other columns to set; how many there were."""
    _check("session", SESSION_TRANSITIONS, source, target)
    statement = update(PatternSession).where(PatternSession.status == source, where).values(status=target, **values)
    return _run(session, statement)


def move_version(version: DetectorVersion, status: VersionStatus) -> None:
    """Changes the status of a detector version whose workspace is locked. Raises IllegalTransition."""
    _check("detector version", VERSION_TRANSITIONS, VersionStatus(version.status), status)
    version.status = status


def end_switch(switch: VersionSwitch, status: str) -> None:
    """Ends a roll back that is under way: done or failed. Raises IllegalTransition."""
    if switch.status != "pending":
        raise IllegalTransition(f"This roll back is {switch.status}; it can't become {status}.")
    switch.status = status


def move_correction(item: FeedbackItem, state: FeedbackState) -> None:
    """Changes the state of a feedback item whose workspace is locked. Raises IllegalTransition."""
    _check("correction", FEEDBACK_TRANSITIONS, FeedbackState(item.state), state)
    item.state = state


def move_corrections(
    session: Session, ids: Collection[uuid.UUID], source: FeedbackState, target: FeedbackState, **values: Any
) -> int:
    """Moves those of the items that are in `source` by one statement, with other columns to set; how many there were."""
    _check("correction", FEEDBACK_TRANSITIONS, source, target)
    if not ids:
        return 0
    statement = (
        update(FeedbackItem)
        .where(FeedbackItem.id.in_(ids), FeedbackItem.state == source)
        .values(state=target, **values)
    )
    return _run(session, statement)


def _run(session: Session, statement: Any) -> int:
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]  # an UPDATE's result has it
