"""Reading executions: lists, one in full, its attempts, evaluations and diff facts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.errors import NotFound
from services.executions.record_codec import FOLLOW_UP, checkpoints_of, phases_of, plan_of, test_report_of
from services.executions.records import AttemptRow, Checkpoint, KeptPlan, KeptTestReport, PhaseState, UsageSum
from services.models import ClaudeExecution, PatternWorkspace, User
from services.rules import live_sql, waits_for_plan_sql


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """An execution as lists show it."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    workspace_name: str
    pattern_type: str
    number: int
    agent: str
    status: str
    phase: str | None
    progress: int
    feedback_count: int
    retry_count: int
    triggered_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    errored_at: datetime | None
    canceled: bool
    triggered_by_name: str
    deploy_target: str
    deploy_status: str | None
    commit_hash: str | None
    cost_usd: Decimal
    error: str | None
    max_retries: int = 10
    retry_reason: str | None = None
    retry_at: datetime | None = None  # when the next attempt begins, while the status is `retry`
    heartbeat_at: datetime | None = None
    worker_id: str | None = None
    waits_for_plan: bool = False  # the plan is made, and nobody has accepted it yet
    input_tokens: int = 0
    output_tokens: int = 0


COLUMNS: LiteralString = f"""
SELECT e.id, e.workspace_id, w.name, w.pattern_type, e.number, e.agent, e.status, e.phase, e.progress,
       cardinality(e.feedback_ids), e.retry_count, e.triggered_at, e.started_at, e.completed_at, e.errored_at,
       e.canceled_at IS NOT NULL, u.name, e.deploy_target, e.deploy_status, e.commit_hash, e.cost_usd, e.error,
       e.max_retries, e.retry_reason, e.retry_at, e.heartbeat_at, e.worker_id,
       {waits_for_plan_sql("e")}, e.input_tokens, e.output_tokens
FROM claude_executions e JOIN pattern_workspaces w ON w.id = e.workspace_id JOIN users u ON u.id = e.triggered_by
"""
_ACTIVE: LiteralString = COLUMNS + f"WHERE {live_sql('e')} ORDER BY e.triggered_at LIMIT %(limit)s"


def list_active(session: Session, *, limit: int = 1000) -> list[ExecutionRow]:
    """Live executions of all workspaces, oldest first (the seed's third critical query)."""
    return [ExecutionRow(*row) for row in fetch(session, _ACTIVE, {"limit": limit})]


@dataclass(frozen=True, slots=True)
class Relative:
    """An execution that another one follows or is followed by."""

    id: uuid.UUID
    number: int
    continues: bool  # went on from its parent's commit, instead of beginning anew


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """One execution, whole."""

    row: ExecutionRow
    phases: Mapping[str, PhaseState]
    checkpoints: tuple[Checkpoint, ...]
    files_changed: list[str]
    commit_message: str | None
    base_commit: str | None
    prompt_file: str | None
    log_key: str | None
    plan: KeptPlan | None
    plan_accepted_at: datetime | None
    stop_after_planning: bool
    summary: str | None
    test_report: KeptTestReport | None
    deploy_started_at: datetime | None
    deploy_completed_at: datetime | None
    deploy_url: str | None
    deploy_logs: str | None
    deploy_state_raw: str | None
    deployment_id: str | None
    candidate_version_id: uuid.UUID | None
    canceled_at: datetime | None
    canceled_by_name: str | None
    current_version: str
    attempts: tuple[AttemptRow, ...]
    continues: bool = False
    parent: Relative | None = None
    children: tuple[Relative, ...] = ()

    @property
    def retry_reason(self) -> str | None:
        return self.row.retry_reason

    @property
    def input_tokens(self) -> int:
        return self.row.input_tokens

    @property
    def output_tokens(self) -> int:
        return self.row.output_tokens

    @property
    def parent_execution_id(self) -> uuid.UUID | None:
        return self.parent.id if self.parent else None


_ATTEMPTS: LiteralString = (
    "SELECT number, started_at, ended_at, outcome, reason, cost_usd, input_tokens, output_tokens, commit_hash, "
    "deployment_id, deploy_status, deploy_log_key, log_key, phase, decision "
    "FROM execution_attempts WHERE execution_id = %(id)s ORDER BY number"
)
# A child is of the same workspace and younger, so the index over both finds it.
_FAMILY: LiteralString = """
SELECT id, number, continues FROM claude_executions WHERE id = %(parent)s
UNION ALL
(SELECT id, number, continues FROM claude_executions
 WHERE workspace_id = %(workspace)s AND triggered_at >= %(at)s AND parent_execution_id = %(id)s ORDER BY number)
"""
_LOG_TAIL: LiteralString = "SELECT log_tail FROM execution_attempts WHERE execution_id = %(id)s AND number = %(number)s"
_USAGE: LiteralString = """
SELECT attempt, turn, model, count(*) AS messages, sum(cost_usd) AS cost_usd, sum(input_tokens)::bigint AS input_tokens,
       sum(output_tokens)::bigint AS output_tokens
FROM agent_usage WHERE execution_id = %(id)s GROUP BY attempt, turn, model ORDER BY attempt, min(created_at), turn
"""


def get(session: Session, execution_id: uuid.UUID) -> ExecutionDetail:
    """One execution with its attempts. Raises NotFound."""
    e = session.get(ClaudeExecution, execution_id, populate_existing=True)
    if e is None:
        raise NotFound("There is no such execution; it may have been removed, or the link is wrong.")
    row = fetch(session, COLUMNS + "WHERE e.id = %(id)s", {"id": execution_id})[0]
    family = [
        Relative(*row)
        for row in fetch(
            session,
            _FAMILY,
            {
                "id": execution_id,
                "parent": e.parent_execution_id,
                "workspace": e.workspace_id,
                "at": e.triggered_at,
            },
        )
    ]
    canceled_by = session.scalar(select(User.name).where(User.id == e.canceled_by_id)) if e.canceled_by_id else None
    version = session.scalar(select(PatternWorkspace.version).where(PatternWorkspace.id == e.workspace_id))
    return ExecutionDetail(
        row=ExecutionRow(*row),
        phases=phases_of(e),
        checkpoints=checkpoints_of(e),
        files_changed=list(e.files_changed),
        commit_message=e.commit_message,
        base_commit=e.base_commit,
        prompt_file=e.prompt_file,
        log_key=e.log_key,
        plan=plan_of(e),
        plan_accepted_at=e.plan_accepted_at,
        stop_after_planning=e.stop_after_planning,
        summary=e.summary,
        test_report=test_report_of(e),
        deploy_started_at=e.deploy_started_at,
        deploy_completed_at=e.deploy_completed_at,
        deploy_url=e.deploy_url,
        deploy_logs=e.deploy_logs,
        deploy_state_raw=e.deploy_state_raw,
        deployment_id=e.deployment_id,
        candidate_version_id=e.candidate_version_id,
        canceled_at=e.canceled_at,
        canceled_by_name=canceled_by,
        current_version=version or "0.0.0",
        attempts=_attempts(session, execution_id),
        continues=e.continues,
        parent=next((r for r in family if r.id == e.parent_execution_id), None),
        children=tuple(r for r in family if r.id != e.parent_execution_id),
    )


def log_tail(session: Session, execution_id: uuid.UUID, attempt: int) -> str:
    """The end of an attempt's log as its worker kept it last; empty when it kept nothing."""
    rows = fetch(session, _LOG_TAIL, {"id": execution_id, "number": attempt})
    return str(rows[0][0] or "") if rows else ""


def _attempts(session: Session, execution_id: uuid.UUID) -> tuple[AttemptRow, ...]:
    rows = fetch(session, _ATTEMPTS, {"id": execution_id})
    return tuple(
        replace(AttemptRow(*facts[:-1]), follow_up=FOLLOW_UP.from_json(facts[-1]) if facts[-1] else None)
        for facts in rows
    )


def usage(session: Session, execution_id: uuid.UUID) -> list[UsageSum]:
    """What the agent used: a row per attempt, turn and model, in the order they came."""
    return [UsageSum(*row) for row in fetch(session, _USAGE, {"id": execution_id})]


def numbered(session: Session, workspace_id: uuid.UUID, number: int) -> uuid.UUID | None:
    """The execution of this number in a workspace."""
    return session.scalar(
        select(ClaudeExecution.id).where(ClaudeExecution.workspace_id == workspace_id, ClaudeExecution.number == number)
    )
