"""Going on from where a run ended: a new execution that begins with its parent's commit and plan."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import feedback, timeline, workspaces
from services.database.rows import fetch
from services.errors import Conflict, InvalidInput, NotFound, PatternDeskError
from services.executions.launching import check_launchable, launch
from services.executions.record_codec import follow_up_of
from services.lifecycle import ExecutionStatus, FeedbackState, MessageType
from services.models import ClaudeExecution, ExecutionAttempt, FeedbackItem, GateWaiver, PatternWorkspace
from services.people import Actor, record, require
from services.texts import cleaned


@dataclass(frozen=True, slots=True)
class Continued:
    """What a run takes over from its parent: the kept commit, and why the parent ended."""

    execution_id: uuid.UUID
    commit_hash: str | None
    summary: str
    commit_message: str | None
    files_changed: list[str]
    reason: str
    kind: str | None  # of the parent's failure, as decisions name it; None when it was canceled
    deploy_logs: str


def why_not_continue(session: Session, execution_id: uuid.UUID) -> str | None:
    """None when a run can go on from where this one ended, else the reason as a sentence. Raises NotFound."""
    execution = session.get(ClaudeExecution, execution_id, populate_existing=True)
    if execution is None:
        raise NotFound("There is no such execution.")
    if execution.status != ExecutionStatus.FAILED:
        return "Only a run that failed or was canceled can be continued."
    if execution.commit_hash is None and execution.plan is None:
        return "It ended before there was anything to go on from; run it again."
    workspace = session.get(PatternWorkspace, execution.workspace_id, populate_existing=True)
    assert workspace is not None  # held by the foreign key
    newer = session.scalar(
        select(ClaudeExecution.number).where(ClaudeExecution.parent_execution_id == execution_id).limit(1)
    )
    if newer is not None:
        return f"Execution {newer} follows it already."
    try:
        check_launchable(session, workspace)
    except PatternDeskError as error:
        return str(error)
    return None


def continue_from(session: Session, execution_id: uuid.UUID, *, actor: Actor) -> uuid.UUID:
    """Launches the run that goes on from this one's commit, or from its plan when it had no commit yet.

    It takes the corrections of the parent that are still open, the same prompt, agent and target. Raises Conflict with
    the reason when it can't.
    """
    require(actor, "launch")
    workspace_id = session.scalar(select(ClaudeExecution.workspace_id).where(ClaudeExecution.id == execution_id))
    if workspace_id is None:
        raise NotFound("There is no such execution.")
    workspaces.lock(session, workspace_id)
    reason = why_not_continue(session, execution_id)
    if reason is not None:
        raise Conflict(reason)
    parent = session.get(ClaudeExecution, execution_id, populate_existing=True)
    assert parent is not None  # just read
    still_open = session.scalars(
        select(FeedbackItem.id).where(
            FeedbackItem.id.in_([uuid.UUID(i) for i in parent.feedback_ids]), FeedbackItem.state == FeedbackState.OPEN
        )
    )
    sendable = {f.id for f in feedback.open_batch(session, workspace_id)}
    made = launch(
        session,
        workspace_id,
        feedback_ids=[i for i in still_open if i in sendable],
        prompt_file=parent.prompt_file,
        agent=parent.agent,
        deploy_target=parent.deploy_target,
        parent_execution_id=parent.id,
        max_retries=parent.max_retries,
        continues=True,
        actor=actor,
    )
    child = session.get(ClaudeExecution, made)
    assert child is not None
    child.plan, child.base_commit, child.summary = parent.plan, parent.base_commit, parent.summary
    child.commit_hash, child.commit_message = parent.commit_hash, parent.commit_message
    child.files_changed = list(parent.files_changed)
    session.flush()
    return made


_BROKEN: LiteralString = """
SELECT ev.detector_version_id, ev.broken_ids, ev.baseline_version_id
FROM evaluations ev JOIN claude_executions e ON e.id = ev.execution_id
WHERE ev.execution_id = %(id)s AND ev.kind = 'replay' AND ev.detector_version_id = e.candidate_version_id
ORDER BY ev.created_at DESC LIMIT 1
"""


def waivable(session: Session, execution_id: uuid.UUID) -> list[uuid.UUID]:
    """The judged places whose breaking alone kept this run's candidate from being deployed; empty when it is not so."""
    execution = session.get(ClaudeExecution, execution_id, populate_existing=True)
    if execution is None:
        raise NotFound("There is no such execution.")
    last = _last_attempt(session, execution_id)
    if execution.status != ExecutionStatus.FAILED or last is None or not _refused_by_replay(last):
        return []
    rows = fetch(session, _BROKEN, {"id": execution_id})
    return [uuid.UUID(str(i)) for i in rows[0][1]] if rows else []


def waive(session: Session, execution_id: uuid.UUID, *, reason: str, actor: Actor) -> uuid.UUID:
    """Deploys a candidate although it breaks judged places, as a child of the run that was refused for it.

    The child is tested again and may break these places and no others. Raises Conflict with the reason when there is
    nothing to waive, or another version was deployed meanwhile.
    """
    require(actor, "waive")
    words = cleaned(reason)
    if not words:
        raise InvalidInput("A reason is required; it shows on the timeline and in the review.")
    workspace_id = session.scalar(select(ClaudeExecution.workspace_id).where(ClaudeExecution.id == execution_id))
    if workspace_id is None:
        raise NotFound("There is no such execution.")
    workspace = workspaces.lock(session, workspace_id)
    broken = waivable(session, execution_id)
    if not broken:
        raise Conflict(
            "There is no broken place to waive: only a run that the replay alone refused can be deployed so."
        )
    version_id, _, baseline_id = fetch(session, _BROKEN, {"id": execution_id})[0]
    if baseline_id != workspace.deployed_version_id:
        raise Conflict("Another version was deployed since this one was replayed; run it again.")
    child = continue_from(session, execution_id, actor=actor)
    session.add(
        GateWaiver(
            workspace_id=workspace_id,
            execution_id=child,
            detector_version_id=version_id,
            waived_by_id=actor.id,
            reason=words,
            broken_ids=[str(i) for i in broken],
        )
    )
    record(
        session,
        actor=actor,
        action="waive",
        object_type="execution",
        object_id=child,
        after={"broken": len(broken), "reason": words},
    )
    session.flush()
    places = "1 judged place" if len(broken) == 1 else f"{len(broken)} judged places"
    timeline.append(
        session,
        workspace_id,
        MessageType.GATE_WAIVED,
        data={"execution_id": child, "broken_ids": broken, "reason": words},
        actor=actor,
        title=f"Waived {places} that the new version breaks",
        content=words,
        execution_id=child,
    )
    return child


def _refused_by_replay(attempt: ExecutionAttempt) -> bool:
    follow_up = follow_up_of(attempt)
    return follow_up is not None and follow_up.kind == "replay"


def waived_ids(session: Session, execution_id: uuid.UUID) -> frozenset[str]:
    """The judged places that a run may break, because a person waived them."""
    rows = session.scalars(select(GateWaiver.broken_ids).where(GateWaiver.execution_id == execution_id))
    return frozenset(i for ids in rows for i in ids)


def _last_attempt(session: Session, execution_id: uuid.UUID) -> ExecutionAttempt | None:
    return session.scalar(
        select(ExecutionAttempt)
        .where(ExecutionAttempt.execution_id == execution_id)
        .order_by(ExecutionAttempt.number.desc())
        .limit(1)
    )


def continued(session: Session, execution_id: uuid.UUID) -> Continued | None:
    """What a run goes on from; None when it began anew."""
    execution = session.get(ClaudeExecution, execution_id)
    if execution is None or not execution.continues or execution.parent_execution_id is None:
        return None
    parent = session.get(ClaudeExecution, execution.parent_execution_id)
    assert parent is not None  # held by the foreign key
    last = _last_attempt(session, parent.id)
    follow_up = follow_up_of(last)
    return Continued(
        parent.id,
        parent.commit_hash,
        parent.summary or "",
        parent.commit_message,
        list(parent.files_changed),
        (last.reason if last is not None else None) or parent.error or "",
        follow_up.kind if follow_up is not None else None,
        parent.deploy_logs or "",
    )
