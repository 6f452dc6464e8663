"""What a worker writes while an execution runs. Every write states its epoch; an old one is refused.

Steps of the durable workflow run at least once, so every message has a key and every write may happen twice.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import timeline
from services.database.rows import fetch
from services.errors import Cancelled
from services.executions.ending import end_attempt, fail_phase, set_status
from services.executions.record_codec import (
    PLAN,
    TEST_REPORT,
    add_checkpoint,
    checkpoints_of,
    keep_phases,
    phases_of,
)
from services.executions.records import Checkpoint, FollowUp, PhaseFacts, PhaseState
from services.executions.runs import locked
from services.lifecycle import ExecutionPhase, ExecutionStatus, MessageStatus, MessageType
from services.models import ClaudeExecution, ExecutionAttempt, now
from services.rules import agent_author, agent_in_words

# Where each phase begins and ends on the scale of 100.
SPANS: dict[ExecutionPhase, tuple[int, int]] = {
    ExecutionPhase.PLANNING: (0, 10),
    ExecutionPhase.IMPLEMENTING: (10, 50),
    ExecutionPhase.TESTING: (50, 75),
    ExecutionPhase.REFINING: (75, 85),
    ExecutionPhase.DEPLOYING: (85, 100),
}


def begin(session: Session, execution_id: uuid.UUID, *, epoch: int, worker_id: str, base_commit: str) -> None:
    """Starts, or goes on with, an execution. The base commit is the one the first start saw."""
    execution = locked(session, execution_id, epoch)
    set_status(execution, ExecutionStatus.RUNNING)
    execution.started_at = execution.started_at or now()
    execution.base_commit = execution.base_commit or base_commit
    execution.worker_id, execution.heartbeat_at = worker_id, now()
    if not session.scalar(select(ExecutionAttempt.id).where(ExecutionAttempt.execution_id == execution.id).limit(1)):
        session.add(ExecutionAttempt(execution_id=execution.id, number=1))
    session.flush()
    agent = agent_in_words(execution.agent)
    agent = agent[0].upper() + agent[1:]
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.CLAUDE_STARTED,
        data={
            "execution_id": execution.id,
            "feedback_count": len(execution.feedback_ids),
            "agent": execution.agent,
        },
        author_type=agent_author(execution.agent),
        title=f"Execution {execution.number} started",
        content=f"{agent} works on {len(execution.feedback_ids)} corrections"
        if execution.feedback_ids
        else f"{agent} works from the description",
        execution_id=execution.id,
        dedupe_key=f"started:{execution.id}",
    )


def phase_key(execution_id: uuid.UUID, phase: ExecutionPhase, attempt: int) -> str:
    return f"phase:{execution_id}:{attempt}:{phase}"


def begin_phase(
    session: Session, execution_id: uuid.UUID, *, epoch: int, phase: ExecutionPhase, attempt: int, task: str
) -> None:
    """Enters a phase (a second time on resuming): row, phases, and the phase's message. Raises Cancelled."""
    execution = locked(session, execution_id, epoch)
    if execution.canceled_at is not None:
        raise Cancelled("The run was canceled.")
    set_status(execution, ExecutionStatus.RUNNING)
    execution.phase, execution.retry_at = phase, None
    low, _ = SPANS[phase]
    execution.progress = max(execution.progress, low)
    phases = phases_of(execution)
    state = phases.get(phase)
    started_at = (state.started_at if state is not None and state.attempt == attempt else None) or now()
    keep_phases(execution, phases | {phase: PhaseState("running", attempt, started_at, None, task)})
    execution.heartbeat_at = now()
    session.flush()
    key = phase_key(execution_id, phase, attempt)
    made = timeline.append(
        session,
        execution.workspace_id,
        MessageType.CLAUDE_PHASE_UPDATE,
        data={
            "execution_id": execution.id,
            "phase": phase,
            "phase_started_at": started_at.isoformat(),
            "current_task": task,
        },
        author_type=agent_author(execution.agent),
        title=phase.capitalize(),
        execution_id=execution.id,
        status=MessageStatus.IN_PROGRESS,
        progress=execution.progress,
        dedupe_key=key,
    )
    if made is None:
        timeline.update_progress(
            session, key, status=MessageStatus.IN_PROGRESS, progress=execution.progress, current_task=task
        )


def report(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    phase: ExecutionPhase,
    attempt: int,
    fraction: float,
    task: str,
) -> None:
    """Measured progress inside a phase: `fraction` of its own work, 0 to 1. The total never goes back."""
    execution = locked(session, execution_id, epoch)
    low, high = SPANS[phase]
    execution.progress = max(execution.progress, round(low + (high - low) * min(max(fraction, 0.0), 1.0)))
    phases = phases_of(execution)
    state = phases.get(phase, PhaseState(attempt=attempt))
    keep_phases(execution, phases | {phase: replace(state, current_task=task)})
    execution.heartbeat_at = now()
    session.flush()
    timeline.update_progress(
        session,
        phase_key(execution_id, phase, attempt),
        status=MessageStatus.IN_PROGRESS,
        progress=execution.progress,
        current_task=task,
    )


def checkpoint(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    phase: ExecutionPhase,
    attempt: int,
    key: str,
    text: str,
    details: str | None = None,
    ok: bool = True,
    files_changed: list[str] | None = None,
) -> None:
    """Something that was done or found, once per (attempt, key): kept on the execution and shown on the timeline."""
    execution = locked(session, execution_id, epoch)
    if any(point.key == key and point.attempt == attempt for point in checkpoints_of(execution)):
        return
    files = tuple(files_changed) if files_changed is not None else None
    add_checkpoint(execution, Checkpoint(key, attempt, phase, text, details, ok, now(), files))
    session.flush()
    timeline.append(
        session,
        execution.workspace_id,
        MessageType.CLAUDE_CHECKPOINT,
        data={
            "execution_id": execution.id,
            "phase": phase,
            "checkpoint": text,
            "details": details,
            "files_changed": files_changed,
        },
        author_type=agent_author(execution.agent),
        title=text,
        content=details,
        execution_id=execution.id,
        status=MessageStatus.COMPLETED if ok else MessageStatus.FAILED,
        dedupe_key=f"checkpoint:{execution_id}:{attempt}:{key}",
    )


def end_phase(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    phase: ExecutionPhase,
    attempt: int,
    facts: PhaseFacts | None = None,
) -> None:
    """Leaves a phase well and keeps what it established."""
    execution = locked(session, execution_id, epoch)
    if facts is not None:
        _keep_facts(execution, facts)
    phases = phases_of(execution)
    state = phases.get(phase, PhaseState(attempt=attempt))
    done = replace(state, status="completed", completed_at=now(), current_task=None)
    keep_phases(execution, phases | {phase: done})
    execution.heartbeat_at = now()
    execution.progress = max(execution.progress, SPANS[phase][1] if phase != ExecutionPhase.DEPLOYING else 99)
    session.flush()
    timeline.update_progress(
        session, phase_key(execution_id, phase, attempt), status=MessageStatus.COMPLETED, progress=execution.progress
    )


def _keep_facts(execution: ClaudeExecution, facts: PhaseFacts) -> None:
    if facts.plan is not None:
        execution.plan = PLAN.to_json(facts.plan)
    if facts.test_report is not None:
        execution.test_report = TEST_REPORT.to_json(facts.test_report)
    if facts.files_changed is not None:
        execution.files_changed = list(facts.files_changed)
    for column in ("base_commit", "commit_hash", "commit_message", "summary", "log_key"):
        value = getattr(facts, column)
        if value is not None:
            setattr(execution, column, value)


def wait_for_plan(session: Session, execution_id: uuid.UUID, *, epoch: int) -> bool:
    """Whether the run waits for a person to accept its plan; then no worker has it any more. Raises Cancelled."""
    execution = locked(session, execution_id, epoch)
    if execution.canceled_at is not None:
        raise Cancelled("The run was canceled.")
    if not execution.stop_after_planning or execution.plan_accepted_at is not None:
        return False
    execution.worker_id = execution.heartbeat_at = None
    timeline.announce(session, execution.workspace_id, execution_id=execution.id)
    return True


def begin_retry(
    session: Session,
    execution_id: uuid.UUID,
    *,
    epoch: int,
    attempt: int,
    reason: str,
    follow_up: FollowUp,
    announce: bool,
) -> None:
    """Ends the attempt that failed and waits for the next one, in status `retry`. `attempt` is the one that failed.

    `follow_up` is kept with it; its `pause_s` says when the next one begins. With `announce` a message says that it
    failed; a failed deploy has messages of its own.
    """
    execution = locked(session, execution_id, epoch)
    if execution.retry_count >= attempt:
        return  # this step ran before
    at = now()
    set_status(execution, ExecutionStatus.RETRY)
    execution.retry_count, execution.retry_reason = attempt, reason
    execution.retry_at = at + timedelta(seconds=follow_up.pause_s)
    fail_phase(session, execution, at)
    end_attempt(session, execution, outcome="retry", reason=reason, at=at, follow_up=follow_up)
    session.add(ExecutionAttempt(execution_id=execution.id, number=attempt + 1, started_at=execution.retry_at))
    execution.progress, execution.deploy_status = 0, None
    session.flush()
    if announce:
        timeline.append(
            session,
            execution.workspace_id,
            MessageType.CLAUDE_FAILED,
            data={
                "execution_id": execution.id,
                "error": reason,
                "phase": execution.phase,
                "will_retry": True,
                "retry_count": attempt,
            },
            author_type=agent_author(execution.agent),
            title=f"Attempt {attempt} failed",
            content=reason,
            execution_id=execution.id,
            dedupe_key=f"failed:{execution.id}:{attempt}",
        )
    timeline.announce(session, execution.workspace_id, execution_id=execution.id)


def failures_alike(session: Session, execution_id: uuid.UUID, kind: str) -> int:
    """How many of the latest attempts in a row failed for this kind of reason."""
    rows = fetch(session, _KINDS, {"id": execution_id})
    return next((n for n, (other,) in enumerate(rows) if other != kind), len(rows))


_KINDS: LiteralString = (
    "SELECT decision->>'kind' FROM execution_attempts WHERE execution_id = %(id)s AND ended_at IS NOT NULL "
    "ORDER BY number DESC"
)


def keep_deploy(session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, log_key: str | None) -> None:
    """Keeps the whole log of an attempt's deploy, which has ended."""
    execution = locked(session, execution_id, epoch)
    row = session.scalar(
        select(ExecutionAttempt).where(
            ExecutionAttempt.execution_id == execution.id, ExecutionAttempt.number == attempt
        )
    )
    if row is not None:
        row.deploy_log_key = log_key
