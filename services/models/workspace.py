"""The workspace of one pattern, and its timeline."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import AuthorType, MessageStatus, MessageType, WorkspaceStatus
from services.models.base import Base, CreatedAt, Id, UserRef, now, one_of


class PatternWorkspace(Base):
    """Central hub of one pattern. Counters and the success rate move with the events that change them."""

    __tablename__ = "pattern_workspaces"
    __table_args__ = (
        one_of("status", WorkspaceStatus),
        UniqueConstraint("pattern_type"),
        Index(None, "pattern_type"),
        Index(None, "status"),
        Index(None, "created_by_id"),
        Index(None, "category", "name", "id"),  # the order of the list
        CheckConstraint("session_count >= 0 AND feedback_count >= 0", name="counts_not_negative"),
        CheckConstraint("success_rate IS NULL OR (success_rate >= 0 AND success_rate <= 1)", name="success_rate_range"),
        CheckConstraint("replay_policy IN ('strict', 'net')", name="replay_policy_known"),
        CheckConstraint("holdout_share >= 0 AND holdout_share <= 0.5", name="holdout_share_range"),
        CheckConstraint("pattern_type ~ '^[a-z][a-z0-9_]{1,62}$'", name="pattern_type_form"),
        CheckConstraint(r"version ~ '^\d+\.\d+\.\d+$'", name="version_form"),
        CheckConstraint(
            "status NOT IN ('in_review', 'verified') OR (approved_at IS NOT NULL AND approved_by_id IS NOT NULL)",
            name="review_has_approver",
        ),
        CheckConstraint(
            "status <> 'verified' OR (verified_at IS NOT NULL AND verified_by_id IS NOT NULL)",
            name="verified_has_verifier",
        ),
    )

    id: Mapped[Id]
    pattern_type: Mapped[str]
    name: Mapped[str]
    category: Mapped[str]
    status: Mapped[str] = mapped_column(default=WorkspaceStatus.SOON, server_default=WorkspaceStatus.SOON)
    version: Mapped[str] = mapped_column(default="0.0.0", server_default="0.0.0")
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)
    implemented_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]
    verified_at: Mapped[datetime | None]

    description: Mapped[str | None]
    user_reasoning: Mapped[str | None]
    identification_steps: Mapped[list[Any] | None]
    attachments: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))

    session_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    feedback_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    success_rate: Mapped[float | None]
    last_tested_at: Mapped[datetime | None]

    created_by_id: Mapped[UserRef]
    approved_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    verified_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))

    # Ours, beside the seed's.
    archived_at: Mapped[datetime | None]
    rules: Mapped[str | None]
    approved_evidence: Mapped[dict[str, Any] | None]
    deployed_version_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("detector_versions.id", use_alter=True, name="fk_pattern_workspaces_deployed_version_id")
    )
    success_tp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    success_fp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    success_fn: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    message_seq: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    execution_seq: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    holdout_share: Mapped[float] = mapped_column(default=0.2, server_default=text("0.2"))
    notification_urls: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    replay_policy: Mapped[str | None]  # strict or net; NULL follows the status
    # Whether a person sees others' verdicts on a mark only after giving one.
    blind_review: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    approval_policy: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    approval_waivers: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    rate: Mapped[dict[str, Any] | None]  # the success rate with its interval and coverage, as `labels.rates` writes it
    places_at: Mapped[datetime | None]  # when the places were last derived from the judgements


class WorkspaceMessage(Base):
    """One entry of a timeline. Entries don't change, but for a phase's progress and a person's own comment."""

    __tablename__ = "workspace_messages"
    __table_args__ = (
        one_of("type", MessageType),
        one_of("author_type", AuthorType),
        one_of("status", MessageStatus),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_range"),
        # The seed's (workspace_id, created_at), with id added so that the tiebreak needs no sort.
        Index(None, "workspace_id", "created_at", "id"),
        Index(None, "type"),
        Index(None, "session_id"),
        Index(
            "ix_workspace_messages_mentions",
            text("(data -> 'mentions')"),
            postgresql_using="gin",
            postgresql_where=text("type = 'comment' AND data ? 'mentions'"),
        ),
        Index(None, "execution_id", postgresql_where=text("execution_id IS NOT NULL")),
        UniqueConstraint("workspace_id", "seq"),
        Index(
            "uq_workspace_messages_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key IS NOT NULL"),
        ),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    type: Mapped[str]
    created_at: Mapped[CreatedAt]
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    author_type: Mapped[str] = mapped_column(default=AuthorType.USER, server_default=AuthorType.USER)
    title: Mapped[str | None]
    content: Mapped[str | None]
    data: Mapped[dict[str, Any] | None]
    attachments: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pattern_sessions.id"))
    feedback_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("feedback_items.id"))
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id"))
    status: Mapped[str | None]
    progress: Mapped[int | None]

    seq: Mapped[int]
    dedupe_key: Mapped[str | None]
    edited_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class ReadMarker(Base):
    """How far a person has read a workspace's timeline."""

    __tablename__ = "read_markers"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pattern_workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    last_seq: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    read_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)
