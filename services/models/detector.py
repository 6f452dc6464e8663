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
