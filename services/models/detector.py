"""Detector versions and how they scored."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import VersionStatus
from services.models.base import Base, CreatedAt, Id, one_of


class DetectorVersion(Base):
    """One state of a pattern's detector: a commit, the hash of its code and its parameters."""

    __tablename__ = "detector_versions"
    __table_args__ = (
        one_of("status", VersionStatus),
        CheckConstraint("origin IN ('agent', 'tuner', 'manual', 'starter')", name="origin_known"),
        Index(None, "workspace_id", "created_at"),
        Index(
            "uq_detector_versions_deployed",
            "workspace_id",
            unique=True,
            postgresql_where=text("status = 'deployed'"),
        ),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    version: Mapped[str]
    build_label: Mapped[str | None]
    release: Mapped[str | None]  # the name that a verification gave it; `version` stays what it ran under
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("detector_versions.id"))
    commit_hash: Mapped[str]
    module_path: Mapped[str]
    code_sha256: Mapped[str]
    params: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    param_schema: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    origin: Mapped[str]
    confirmation_lag: Mapped[int | None]  # bars, as the module declares it
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id"))
    contract_report: Mapped[dict[str, Any] | None]
    status: Mapped[str] = mapped_column(default=VersionStatus.CANDIDATE, server_default=VersionStatus.CANDIDATE)
    created_at: Mapped[CreatedAt]
    deployed_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class VersionPeriod(Base):
    """A time in which a version was deployed; one that was rolled back to has several."""

    __tablename__ = "version_periods"
    __table_args__ = (
        CheckConstraint("how IN ('deploy', 'roll_back')", name="how_known"),
        Index(None, "version_id", "started_at"),
        Index("uq_version_periods_running", "workspace_id", unique=True, postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id", ondelete="CASCADE"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    how: Mapped[str] = mapped_column(default="deploy", server_default="deploy")


class VersionSwitch(Base):
    """Somebody's wish to roll back: a worker has the deploy target run the earlier version again."""

    __tablename__ = "version_switches"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'done', 'failed')", name="status_known"),
        Index("uq_version_switches_pending", "workspace_id", unique=True, postgresql_where=text("status = 'pending'")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    from_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id", ondelete="CASCADE"))
    to_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id", ondelete="CASCADE"))
    reason: Mapped[str]
    requested_by_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(default="pending", server_default="pending")
    error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class Evaluation(Base):
    """How one detector version did on a fixed set of judged places."""

    __tablename__ = "evaluations"
    __table_args__ = (
        CheckConstraint("kind IN ('first_look', 'replay', 'tuning', 'contract')", name="kind_known"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "detector_version_id"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    detector_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id", ondelete="CASCADE"))
    baseline_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("detector_versions.id"))
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id"))
    kind: Mapped[str]
    label_set_sha256: Mapped[str]
    matcher: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    tp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    fp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    fn: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    unjudged: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    success_rate: Mapped[float | None]
    precision: Mapped[float | None]
    recall: Mapped[float | None]
    f1: Mapped[float | None]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    fixed_ids: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    broken_ids: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    p_value: Mapped[float | None]
    splits: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    case_results: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    runtime_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]
