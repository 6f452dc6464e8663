"""A run as its worker reads it, and its locks. Every write of a worker states its epoch; an old one is refused."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from services.database.rows import fetch
from services.errors import NotFound, StaleEpoch
from services.executions.record_codec import plan_of
from services.executions.records import KeptPlan
from services.models import ClaudeExecution, PatternWorkspace, now


@dataclass(frozen=True, slots=True)
class Run:
    """What the worker needs to know of an execution, read once a step."""

    id: uuid.UUID
    number: int
    workspace_id: uuid.UUID
    workspace_name: str
    pattern_type: str
    description: str | None
    user_reasoning: str | None
    identification_steps: list[str]
    rules: str | None
    status: str
    phase: str | None
    agent: str
    deploy_target: str
    epoch: int
    is_first: bool
    stop_after_planning: bool
    plan_accepted_at: datetime | None
    feedback_ids: list[str]
    prompt_file: str | None
    base_commit: str | None
    commit_hash: str | None
    commit_message: str | None
    deployed_version_id: uuid.UUID | None
    candidate_version_id: uuid.UUID | None
    canceled_at: datetime | None
    retry_count: int
    max_retries: int
    plan: KeptPlan | None
    summary: str | None
    log_key: str | None
    continues: bool
    parent_execution_id: uuid.UUID | None
    retry_reason: str | None


def load(session: Session, execution_id: uuid.UUID) -> Run:
    """The execution as it is now. Raises NotFound."""
    execution = session.get(ClaudeExecution, execution_id, populate_existing=True)
    if execution is None:
        raise NotFound("There is no such execution.")
    workspace = session.get(PatternWorkspace, execution.workspace_id, populate_existing=True)
    assert workspace is not None  # held by the foreign key
    return Run(
        id=execution.id,
        number=execution.number,
        workspace_id=workspace.id,
        workspace_name=workspace.name,
        pattern_type=workspace.pattern_type,
        description=workspace.description,
        user_reasoning=workspace.user_reasoning,
        identification_steps=[str(s) for s in workspace.identification_steps or []],
        rules=workspace.rules,
        status=execution.status,
        phase=execution.phase,
        agent=execution.agent,
        deploy_target=execution.deploy_target,
        epoch=execution.epoch,
        is_first=execution.is_first,
        stop_after_planning=execution.stop_after_planning,
        plan_accepted_at=execution.plan_accepted_at,
        feedback_ids=list(execution.feedback_ids),
        prompt_file=execution.prompt_file,
        base_commit=execution.base_commit,
        commit_hash=execution.commit_hash,
        commit_message=execution.commit_message,
        deployed_version_id=workspace.deployed_version_id,
        candidate_version_id=execution.candidate_version_id,
        canceled_at=execution.canceled_at,
        retry_count=execution.retry_count,
        max_retries=execution.max_retries,
        plan=plan_of(execution),
        summary=execution.summary,
        log_key=execution.log_key,
        continues=execution.continues,
        parent_execution_id=execution.parent_execution_id,
        retry_reason=execution.retry_reason,
    )


def locked(session: Session, execution_id: uuid.UUID, epoch: int) -> ClaudeExecution:
    """The execution with workspace and row locked, in that order everywhere. Raises StaleEpoch for an old epoch."""
    execution = _locked(session, execution_id)
    if execution.epoch != epoch:
        raise StaleEpoch(f"Execution {execution.number} was taken over by another worker.")
    return execution


_LOCK_WORKSPACE: LiteralString = (
    "SELECT id FROM pattern_workspaces WHERE id = (SELECT workspace_id FROM claude_executions WHERE id = %(id)s) "
    "FOR UPDATE"
)


def _locked(session: Session, execution_id: uuid.UUID) -> ClaudeExecution:
    locked_rows = fetch(session, _LOCK_WORKSPACE, {"id": execution_id})
    if not locked_rows:
        raise NotFound("There is no such execution.")
    seen = session.identity_map.get(identity_key(PatternWorkspace, locked_rows[0][0]))
    if seen is not None:  # read before the lock, so it may be old
        session.expire(seen)
    execution = session.get(ClaudeExecution, execution_id, with_for_update=True, populate_existing=True)
    assert execution is not None
    return execution


def heartbeat(session: Session, execution_id: uuid.UUID, *, epoch: int) -> bool:
    """Says the run is alive. Returns whether somebody asked to cancel it. Raises StaleEpoch for an old epoch."""
    execution = session.get(ClaudeExecution, execution_id, with_for_update=True, populate_existing=True)
    if execution is None or execution.epoch != epoch:
        raise StaleEpoch("The run was taken over by another worker.")
    execution.heartbeat_at = now()
    return execution.canceled_at is not None


def take_over(session: Session, execution_id: uuid.UUID, *, worker_id: str) -> int:
    """The next epoch of a run, for the worker that begins or goes on with it; older ones can't write any more."""
    execution = _locked(session, execution_id)
    execution.epoch += 1
    execution.worker_id, execution.heartbeat_at = worker_id, now()
    return execution.epoch
