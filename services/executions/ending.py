"""How executions end: completed, failed, canceled. The corrections they took are settled in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import notifications, timeline, workspaces
from services.errors import IllegalTransition
from services.executions.record_codec import FOLLOW_UP, keep_phases, phases_of
from services.executions.records import FollowUp
from services.executions.settling import settle
from services.lifecycle import (
    EXECUTION_TRANSITIONS,
    ExecutionStatus,
    MessageStatus,
    MessageType,
    WorkspaceStatus,
)
from services.models import (
    ClaudeExecution,
    ExecutionAttempt,
    User,
    WorkspaceMessage,
    now,
)
from services.rules import agent_author


def set_status(execution: ClaudeExecution, status: ExecutionStatus) -> None:
    """The one door for an execution's status; the same status again is no change."""
    current = ExecutionStatus(execution.status)
    if current == status:
        return
    if (current, status) not in EXECUTION_TRANSITIONS:
        raise IllegalTransition(f"Execution {execution.number} is {current}; it can't become {status}.")
    execution.status = status


def complete(
    session: Session,
    execution: ClaudeExecution,
    *,
    summary: str,
    holding_ids: Collection[str] = (),
    resolved_version_id: uuid.UUID | None = None,
) -> None:
    """Ends a locked execution well. Those of its corrections that hold are addressed; the others are open again.

    A second call does nothing. A request to cancel that came too late is dropped, since nothing was canceled.
    """
    if execution.status == ExecutionStatus.COMPLETED:
        return
    at = now()
    set_status(execution, ExecutionStatus.COMPLETED)
    execution.canceled_at = execution.canceled_by_id = None
    execution.completed_at, execution.progress, execution.summary = at, 100, summary
    execution.error = execution.errored_at = execution.retry_at = None
    settle(session, execution, holding_ids, resolved_version_id)
    end_attempt(session, execution, outcome="completed", reason=None, at=at)
    session.flush()
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.CLAUDE_COMPLETED,
        data={
            "execution_id": execution.id,
            "duration_s": round((at - (execution.started_at or execution.triggered_at)).total_seconds(), 3),
            "files_changed": list(execution.files_changed),
            "commit_hash": execution.commit_hash,
            "commit_message": execution.commit_message,
            "summary": summary,
        },
        author_type=agent_author(execution.agent),
        title=f"Execution {execution.number} completed",
        content=summary,
        execution_id=execution.id,
        dedupe_key=f"completed:{execution.id}",
    )
    _leave_implementing(session, execution, "the first execution found nothing to deploy")


def _leave_implementing(session: Session, execution: ClaudeExecution, reason: str) -> None:
    """A first run that ended without a deploy leaves the workspace where it was before."""
    workspace = workspaces.lock(session, execution.workspace_id)
    if workspace.status == WorkspaceStatus.IMPLEMENTING:
        workspaces.move(
            session,
            workspace,
            "implementation_failed",
            actor=None,
            reason=reason,
            dedupe_key=f"status:{execution.id}:soon",
        )


def fail(
    session: Session,
    execution: ClaudeExecution,
    *,
    error: str,
    advice: str | None = None,
    outcome: str = "failed",
    follow_up: FollowUp | None = None,
) -> None:
    """Ends a locked execution for good, says why and what to do next, and opens its corrections again.

    `follow_up` is kept with the attempt. A second call does nothing: another run may have taken the corrections
    meanwhile.
    """
    if execution.status == ExecutionStatus.FAILED:
        return
    at = now()
    set_status(execution, ExecutionStatus.FAILED)
    execution.error = error if not advice else f"{error} {advice}"
    execution.errored_at = at
    execution.completed_at = execution.retry_at = None
    fail_phase(session, execution, at)
    settle(session, execution, (), None)
    end_attempt(session, execution, outcome=outcome, reason=error, at=at, follow_up=follow_up)
    session.flush()
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.CLAUDE_FAILED,
        data={
            "execution_id": execution.id,
            "error": error,
            "phase": execution.phase,
            "will_retry": False,
            "retry_count": execution.retry_count,
            "advice": advice,
        },
        author_type=agent_author(execution.agent),
        title=f"Execution {execution.number} {'was canceled' if outcome == 'canceled' else 'failed'}",
        content=execution.error,
        execution_id=execution.id,
        dedupe_key=f"failed:{execution.id}",
    )
    if outcome != "canceled":
        notifications.run_failed(session, execution)
    _leave_implementing(session, execution, error)


def end_canceled(session: Session, execution: ClaudeExecution) -> None:
    """Ends a locked execution that somebody canceled; the seed has no such status, so `error` says it."""
    name = session.scalar(select(User.name).where(User.id == execution.canceled_by_id)) or "somebody"
    fail(session, execution, error=f"Canceled by {name}.", outcome="canceled")


def end_attempt(
    session: Session,
    execution: ClaudeExecution,
    *,
    outcome: str,
    reason: str | None,
    at: datetime,
    follow_up: FollowUp | None = None,
) -> None:
    """Closes the attempt that is open, if one is, with what it came to and what followed."""
    attempt = session.scalar(
        select(ExecutionAttempt)
        .where(ExecutionAttempt.execution_id == execution.id, ExecutionAttempt.ended_at.is_(None))
        .order_by(ExecutionAttempt.number.desc())
        .limit(1)
    )
    if attempt is not None:
        attempt.ended_at, attempt.outcome, attempt.reason = at, outcome, reason
        attempt.commit_hash = execution.commit_hash
        attempt.deployment_id, attempt.deploy_status = execution.deployment_id, execution.deploy_status
        attempt.phase = execution.phase
        attempt.decision = FOLLOW_UP.to_json(follow_up) if follow_up is not None else None


def fail_phase(session: Session, execution: ClaudeExecution, at: datetime) -> None:
    """Marks the phase that was under way, and its message, as failed."""
    keep_phases(
        execution,
        {
            name: replace(state, status="failed", completed_at=at) if state.status == "running" else state
            for name, state in phases_of(execution).items()
        },
    )
    running = session.scalars(
        select(WorkspaceMessage).where(
            WorkspaceMessage.execution_id == execution.id,
            WorkspaceMessage.type == MessageType.CLAUDE_PHASE_UPDATE,
            WorkspaceMessage.status == MessageStatus.IN_PROGRESS,
        )
    )
    for message in running:
        message.status = MessageStatus.FAILED
