"""Executions, their attempts, and which feedback went into them."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import DeployStatus, ExecutionPhase, ExecutionStatus
from services.models.base import Base, CreatedAt, Id, UserRef, now, one_of
from services.rules import live_sql


class ClaudeExecution(Base):
    """One run of an agent over a workspace's feedback or description. At most one is live per workspace."""

    __tablename__ = "claude_executions"
    __table_args__ = (
        one_of("status", ExecutionStatus),
        one_of("phase", ExecutionPhase),
        one_of("deploy_status", DeployStatus),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_range"),
        CheckConstraint("retry_count >= 0 AND max_retries >= 0", name="retries_not_negative"),
        CheckConstraint("status <> 'completed' OR completed_at IS NOT NULL", name="completed_has_time"),
        CheckConstraint("status <> 'failed' OR error IS NOT NULL", name="failed_has_error"),
        Index(None, "workspace_id", "triggered_at"),
        Index(None, "status"),
        Index(None, "phase"),
        Index(None, "triggered_at", "id"),  # the list of all workspaces', newest first
        # What the palette looks up by a number or the beginning of a commit.
        Index("ix_claude_executions_numbered", "number", "triggered_at"),
        Index(
            "ix_claude_executions_committed",
            "commit_hash",
            postgresql_ops={"commit_hash": "text_pattern_ops"},
            postgresql_where=text("commit_hash IS NOT NULL"),
        ),
        # Each filter of that list, in its order.
        Index("ix_claude_executions_listed_agent", "agent", "triggered_at", "id"),
        Index("ix_claude_executions_listed_person", "triggered_by", "triggered_at", "id"),
        Index(
            "ix_claude_executions_listed_failed",
            "triggered_at",
            "id",
            postgresql_where=text("status = 'failed' AND canceled_at IS NULL"),
        ),
        Index(
            "ix_claude_executions_listed_canceled",
            "triggered_at",
            "id",
            postgresql_where=text("status = 'failed' AND canceled_at IS NOT NULL"),
        ),
        Index(
            "ix_claude_executions_listed_deploy",
            "deploy_status",
            "triggered_at",
            "id",
            postgresql_where=text("deploy_status IS NOT NULL"),
        ),
        Index(
            "ix_claude_executions_listed_retries",
            "retry_count",
            "triggered_at",
            "id",
            postgresql_where=text("retry_count > 0"),
        ),
        Index(
            "uq_claude_executions_live",
            "workspace_id",
            unique=True,
            postgresql_where=text(live_sql()),
        ),
        UniqueConstraint("workspace_id", "number"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    triggered_by: Mapped[UserRef]
    triggered_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now)
    status: Mapped[str] = mapped_column(default=ExecutionStatus.PENDING, server_default=ExecutionStatus.PENDING)
    phase: Mapped[str | None]
    progress: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    feedback_ids: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    prompt_file: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    files_changed: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    commit_hash: Mapped[str | None]
    commit_message: Mapped[str | None]
    deploy_started_at: Mapped[datetime | None]
    deploy_completed_at: Mapped[datetime | None]
    deploy_url: Mapped[str | None]
    deploy_status: Mapped[str | None]
    deploy_logs: Mapped[str | None]
    retry_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    max_retries: Mapped[int] = mapped_column(default=10, server_default=text("10"))
    retry_reason: Mapped[str | None]
    parent_execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id"))
    phases: Mapped[dict[str, Any] | None]
    checkpoints: Mapped[list[Any] | None]
    error: Mapped[str | None]
    errored_at: Mapped[datetime | None]

    # Ours, beside the seed's.
    number: Mapped[int]
    # Of which candidate what is kept for testing was asked: once an execution.
    holdout_asked_of: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey(
            "detector_versions.id", ondelete="SET NULL", use_alter=True, name="fk_claude_executions_holdout_asked_of"
        )
    )
    agent: Mapped[str] = mapped_column(default="tuner", server_default="tuner")
    epoch: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    is_first: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    stop_after_planning: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    plan_accepted_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    canceled_at: Mapped[datetime | None]
    canceled_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    heartbeat_at: Mapped[datetime | None]
    worker_id: Mapped[str | None]
    base_commit: Mapped[str | None]
    candidate_version_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("detector_versions.id", use_alter=True, name="fk_claude_executions_candidate_version_id")
    )
    plan: Mapped[dict[str, Any] | None]
    summary: Mapped[str | None]
    test_report: Mapped[dict[str, Any] | None]
    log_key: Mapped[str | None]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=0, server_default=text("0"))
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    deploy_target: Mapped[str] = mapped_column(default="local", server_default="local")
    deployment_id: Mapped[str | None]
    deploy_state_raw: Mapped[str | None]
    continues: Mapped[bool] = mapped_column(default=False, server_default=text("false"))  # from its parent's commit
    retry_at: Mapped[datetime | None]  # when the next attempt begins, while the status is `retry`


class ExecutionAttempt(Base):
    """One try at an execution; retries stand side by side."""

    __tablename__ = "execution_attempts"
    __table_args__ = (
        UniqueConstraint("execution_id", "number"),
        Index(
            "ix_execution_attempts_cause",
            text("(decision ->> 'kind')"),
            "ended_at",
            postgresql_where=text("decision IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("claude_executions.id", ondelete="CASCADE"))
    number: Mapped[int]
    started_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    reason: Mapped[str | None]
    log_key: Mapped[str | None]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=0, server_default=text("0"))
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    commit_hash: Mapped[str | None]
    deployment_id: Mapped[str | None]
    phase: Mapped[str | None]  # where it ended
    decision: Mapped[dict[str, Any] | None]  # what followed: action, pause_s, advice
    deploy_status: Mapped[str | None]
    deploy_log_key: Mapped[str | None]
    log_tail: Mapped[str | None]  # the end of the log while it is written, for readers on other machines


class AgentUsage(Base):
    """What one message of the agent's API cost; kept as the answers stream in, so that a kill loses nothing."""

    __tablename__ = "agent_usage"
    __table_args__ = (
        CheckConstraint("cost_usd >= 0 AND input_tokens >= 0 AND output_tokens >= 0", name="not_negative"),
    )

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("claude_executions.id", ondelete="CASCADE"), primary_key=True
    )
    message_id: Mapped[str] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    turn: Mapped[str]  # the phase and round it belongs to
    model: Mapped[str]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]


class ExecutionFeedback(Base):
    """Which feedback items an execution took; an item can go through several."""

    __tablename__ = "execution_feedback"
    __table_args__ = (Index(None, "feedback_id"),)

    execution_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("claude_executions.id", ondelete="CASCADE"), primary_key=True
    )
    feedback_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("feedback_items.id", ondelete="CASCADE"), primary_key=True
    )
    outcome: Mapped[str | None]  # fixed, not_fixed, not_replayed; NULL while the execution runs


class GateWaiver(Base):
    """A person's decision to deploy a candidate although it broke judged places."""

    __tablename__ = "gate_waivers"

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    execution_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("claude_executions.id", ondelete="CASCADE"))
    detector_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id"))
    waived_by_id: Mapped[UserRef]
    reason: Mapped[str]
    broken_ids: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    created_at: Mapped[CreatedAt]


class ImplementationSession(Base):
    """Deprecated: how executions were kept before workspaces. Read only; `ClaudeExecution` took its place."""

    __tablename__ = "implementation_sessions"
    __table_args__ = ({"comment": "deprecated: superseded by claude_executions, kept for backward compatibility"},)

    id: Mapped[Id]
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_sessions.id", ondelete="CASCADE"))
    feedback_ids: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    title: Mapped[str]
    description: Mapped[str | None]
    type: Mapped[str | None]
    phase: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    progress: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    phases: Mapped[dict[str, Any] | None]
    checkpoints: Mapped[list[Any] | None]
    files_changed: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    commit_hash: Mapped[str | None]
    deployment_url: Mapped[str | None]
    retry_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    max_retries: Mapped[int] = mapped_column(default=10, server_default=text("10"))
    created_by_id: Mapped[UserRef]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)
