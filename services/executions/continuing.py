"""Going on from where a run ended: a new execution that begins with its parent's commit and plan."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import workspaces
from services.errors import Conflict, NotFound, PatternDeskError
from services.executions.launching import check_launchable, launch
from services.lifecycle import ExecutionStatus, FeedbackState
from services.models import ClaudeExecution, ExecutionAttempt, FeedbackItem, PatternWorkspace
from services.people import Actor, require


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
    made = launch(
        session, workspace_id, feedback_ids=list(still_open), prompt_file=parent.prompt_file, agent=parent.agent,
        deploy_target=parent.deploy_target, parent_execution_id=parent.id, max_retries=parent.max_retries,
        continues=True, actor=actor,
    )  # fmt: skip
    child = session.get(ClaudeExecution, made)
    assert child is not None
    child.plan, child.base_commit, child.summary = parent.plan, parent.base_commit, parent.summary
    child.commit_hash, child.commit_message = parent.commit_hash, parent.commit_message
    child.files_changed = list(parent.files_changed)
    session.flush()
    return made


def continued(session: Session, execution_id: uuid.UUID) -> Continued | None:
    """What a run goes on from; None when it began anew."""
    execution = session.get(ClaudeExecution, execution_id)
    if execution is None or not execution.continues or execution.parent_execution_id is None:
        return None
    parent = session.get(ClaudeExecution, execution.parent_execution_id)
    assert parent is not None  # held by the foreign key
    last = session.scalar(
        select(ExecutionAttempt)
        .where(ExecutionAttempt.execution_id == parent.id)
        .order_by(ExecutionAttempt.number.desc())
        .limit(1)
    )
    kind = (last.decision or {}).get("kind") if last is not None else None
    return Continued(
        parent.id, parent.commit_hash, parent.summary or "", parent.commit_message, list(parent.files_changed),
        (last.reason if last is not None else None) or parent.error or "", kind, parent.deploy_logs or "",
    )  # fmt: skip
