"""Creating a session, recording what the detector said, and completing it.

The detector itself runs between two transactions, never inside one: `create`, then the run, then `record` or `fail`.
`services.session_runs` puts the three together for the edges.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services import approvals, labels, notifications, timeline, workspaces
from services.candles.ranges import slack_at
from services.detectors.types import Candles, Detection
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import MessageType, SessionStatus, WorkspaceStatus
from services.models import Detection as DetectionRow
from services.models import (
    DetectorVersion,
    PatternSession,
    PatternWorkspace,
    new_id,
    now,
)
from services.people import Actor, require
from services.sessions import opening
from services.sessions.carrying import carry_over, settle_addressed
from services.sessions.opening import bar_time
from services.sessions.scores import freeze, marked_places, was_labelled
from services.states import move_session, move_sessions
from services.texts import cleaned

INTERRUPTED = "The run was interrupted; run it again."


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a run needs: which code, which candles, which window (dataset indexes, inclusive)."""

    session_id: uuid.UUID
    workspace_id: uuid.UUID
    pattern_type: str
    version_id: uuid.UUID
    version: str
    commit_hash: str
    params: dict[str, Any]
    storage_path: str
    start_index: int
    end_index: int
    retest_of_id: uuid.UUID | None


def create(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    dataset_id: uuid.UUID,
    start_index: int | None = None,
    end_index: int | None = None,
    name: str | None = None,
    coverage: str = "partial",
    retest_of_id: uuid.UUID | None = None,
    actor: Actor,
) -> SessionPlan:
    """A session on the deployed version, in `running` until its detections are recorded.

    Raises Conflict when nothing is deployed, InvalidInput for a window outside the dataset (indexes are inclusive).
    """
    require(actor, "run_session")
    workspace = workspaces.lock(session, workspace_id)
    version = _deployed(session, workspace)
    wanted = opening.Wanted(dataset_id, start_index, end_index, name, coverage)
    row, dataset = opening.add(session, workspace, wanted, version=version, retest_of_id=retest_of_id, actor=actor)
    return SessionPlan(
        row.id,
        workspace_id,
        workspace.pattern_type,
        version.id,
        version.version,
        version.commit_hash,
        dict(version.params),
        dataset.storage_path,
        row.start_index,
        row.end_index,
        retest_of_id,
    )


def _deployed(session: Session, workspace: PatternWorkspace) -> DetectorVersion:
    if workspace.deployed_version_id is None:
        reason = (
            "launch the first execution" if workspace.status == WorkspaceStatus.SOON else "wait for its first deploy"
        )
        raise Conflict(f"{workspace.name} has no deployed detector yet; {reason}.", link=workspaces.link(workspace.id))
    version = session.get(DetectorVersion, workspace.deployed_version_id)
    assert version is not None  # held by the foreign key
    return version


def record(
    session: Session,
    session_id: uuid.UUID,
    detections: Sequence[Detection],
    candles: Candles,
    *,
    run_ms: int,
    isolation: str,
    context_bars: int,
    actor: Actor,
) -> None:
    """Stores the detections of a running session, carries verdicts over for a retest, and tells the timeline.

    `candles` is the whole dataset (shape (rows,)), so that times can be looked up by dataset index.
    """
    require(actor, "run_session")
    row = _locked_with_workspace(session, session_id)
    if row.status != SessionStatus.RUNNING:
        raise Conflict(f"This session is {row.status}; its detections can't be recorded any more.")
    if detections:
        session.execute(insert(DetectionRow), [_values(row, d, candles) for d in detections])
    move_session(row, SessionStatus.ACTIVE)
    row.run_ms, row.isolation = run_ms, isolation
    row.detection_count, row.context_bars = len(detections), context_bars
    row.start_time = bar_time(candles, row.start_index)
    row.end_time = bar_time(candles, row.end_index)
    session.flush()
    carried = carry_over(session, row) if row.retest_of_id else 0
    opening.tell(session, row, marks=len(detections), carried=carried if row.retest_of_id else None, actor=actor)


def _values(row: PatternSession, d: Detection, candles: Candles) -> dict[str, Any]:
    return {
        "id": new_id(),
        "session_id": row.id,
        "detector_version_id": row.detector_version_id,
        "key": d.key,
        "kind": d.kind,
        "direction": d.direction,
        "anchor_index": d.anchor_index,
        "anchor_time": bar_time(candles, d.anchor_index),
        "slack": slack_at(candles, d.anchor_index),
        "start_index": d.start_index,
        "end_index": d.end_index,
        "price": d.price,
        "price_low": d.price_low,
        "price_high": d.price_high,
        "confirmed_index": d.confirmed_index,
        "confirmed_at": bar_time(candles, d.confirmed_index),
        "confidence": d.confidence,
        "refs": list(d.refs),
        "meta": dict(d.meta),
    }


def fail(session: Session, session_id: uuid.UUID, sentence: str) -> None:
    """Ends a running session whose detector could not be run; the sentence is what the person reads."""
    row = _locked(session, session_id)
    if row.status == SessionStatus.RUNNING:
        move_session(row, SessionStatus.FAILED)
        row.detector_error = sentence


def fail_interrupted(session: Session, *, older_than: timedelta) -> int:
    """Fails the sessions whose run was cut off by a kill, so that none shows as running for ever; how many there were."""
    return move_sessions(
        session,
        SessionStatus.RUNNING,
        SessionStatus.FAILED,
        PatternSession.created_at < now() - older_than,
        detector_error=INTERRUPTED,
    )


def complete(session: Session, session_id: uuid.UUID, *, actor: Actor) -> None:
    """Freezes the session's score and, for the deployed version, moves the workspace's success rate with it."""
    require(actor, "complete_session")
    row = _locked_with_workspace(session, session_id)
    workspace = workspaces.lock(session, row.workspace_id)
    if row.status != SessionStatus.ACTIVE:
        raise Conflict(f"This session is {row.status}; only an active one can be completed.")
    result = freeze(session, row)
    move_session(row, SessionStatus.COMPLETED)
    row.completed_at = now()
    if not was_labelled(row):
        workspace.last_tested_at = row.completed_at
    session.flush()
    known = labels.keep(session, workspace.id)
    labels.note_rate(session, workspace, known)
    if row.retest_of_id:
        settle_addressed(session, row, result.fit)
    session.flush()
    timeline.append(
        session,
        row.workspace_id,
        MessageType.SESSION_COMPLETED,
        data={
            "session_id": row.id,
            "tp": row.tp,
            "fp": row.fp,
            "fn": row.fn,
            "success_rate": row.success_rate,
            "unsure": row.unsure_count,
            "ci_low": row.ci_low,
            "ci_high": row.ci_high,
            "version": row.pattern_version,
            "marked": marked_places(session, row.id) if was_labelled(row) else None,
        },
        actor=actor,
        title=row.name,
        session_id=row.id,
    )
    if row.detector_version_id is not None and row.detector_version_id == workspace.deployed_version_id:
        notifications.session_completed(session, workspace, known)
    approvals.void_if_changed(session, workspace.id, reason=f"{actor.name} completed the session {row.name}")


def rename(session: Session, session_id: uuid.UUID, name: str, *, actor: Actor) -> None:
    """Gives a session another name."""
    require(actor, "run_session")
    name = cleaned(name)
    if not 1 <= len(name) <= 120:
        raise InvalidInput("A name has 1 to 120 characters.")
    _locked(session, session_id).name = name


def _locked_with_workspace(session: Session, session_id: uuid.UUID) -> PatternSession:
    """The session with workspace and row locked, in that order everywhere, so that writers never wait in a circle."""
    workspace_id = session.scalar(select(PatternSession.workspace_id).where(PatternSession.id == session_id))
    if workspace_id is None:
        raise NotFound("There is no such session.")
    workspaces.lock(session, workspace_id)
    return _locked(session, session_id)


def _locked(session: Session, session_id: uuid.UUID) -> PatternSession:
    row = session.get(PatternSession, session_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("There is no such session.")
    return row
