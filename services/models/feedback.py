"""Feedback items: one person's judgement of a place, or a comment."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import FeedbackState, MadeBy, Verdict
from services.models.base import Base, CreatedAt, Id, UserRef, now, one_of
from services.rules import correction_sql, open_correction_sql


class FeedbackItem(Base):
    """A judgement that can be replayed alone: it keeps its dataset and window. Index 0 is a bar like any other."""

    __tablename__ = "feedback_items"
    __table_args__ = (
        one_of("verdict", Verdict),
        one_of("state", FeedbackState),
        CheckConstraint("candle_index >= 0 AND expected_index >= 0", name="indexes_not_negative"),
        CheckConstraint("window_end >= window_start", name="window_order"),
        CheckConstraint("expected_direction IN (-1, 0, 1)", name="direction_known"),
        one_of("made_by", MadeBy),
        CheckConstraint("verdict <> 'false_negative' OR candle_index IS NOT NULL", name="missed_has_place"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "session_id"),
        Index(None, "execution_id", postgresql_where=text("execution_id IS NOT NULL")),
        # Corrections that wait to be sent. What was confirmed stays open too, and is most of all there is.
        Index(
            "ix_feedback_items_open",
            "workspace_id",
            postgresql_where=text(open_correction_sql()),
        ),
        # The list of all workspaces' corrections, newest first, and each of its filters.
        Index("ix_feedback_items_listed", "created_at", "id", postgresql_where=text(correction_sql())),
        Index("ix_feedback_items_listed_state", "state", "created_at", "id", postgresql_where=text(correction_sql())),
        Index(
            "ix_feedback_items_listed_person", "author_id", "created_at", "id", postgresql_where=text(correction_sql())
        ),
        Index(
            "uq_feedback_items_author_detection",
            "author_id",
            "detection_id",
            unique=True,
            postgresql_where=text("detection_id IS NOT NULL AND state <> 'withdrawn'"),
        ),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pattern_sessions.id", ondelete="CASCADE"))
    detection_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("detections.id", ondelete="CASCADE"))
    author_id: Mapped[UserRef]
    verdict: Mapped[str]
    original: Mapped[dict[str, Any] | None]
    candle_index: Mapped[int | None]
    candle_time: Mapped[datetime | None]
    price: Mapped[float | None]
    expected_kind: Mapped[str | None]
    expected_direction: Mapped[int | None]
    expected_index: Mapped[int | None]
    expected_time: Mapped[datetime | None]
    expected_price: Mapped[float | None]
    expected_low: Mapped[float | None]
    expected_high: Mapped[float | None]
    tolerance_bars: Mapped[int | None]
    dataset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("candle_datasets.id"))
    window_start: Mapped[int | None]
    window_end: Mapped[int | None]
    reason: Mapped[str | None]
    attachments: Mapped[list[str]] = mapped_column(default=list, server_default=text("'{}'"))
    severity: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=FeedbackState.OPEN, server_default=FeedbackState.OPEN)
    made_by: Mapped[str] = mapped_column(default=MadeBy.PERSON, server_default=MadeBy.PERSON)
    carried_from_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("feedback_items.id", ondelete="SET NULL"))
    sent_to_claude_at: Mapped[datetime | None]
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id"))
    resolved_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("detector_versions.id"))
    created_at: Mapped[CreatedAt]
    judged_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now)  # when the verdict was given
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)

    # As they stood before workspaces; kept so that the way back loses nothing.
    type: Mapped[str | None]
    legacy_metadata: Mapped[dict[str, Any] | None] = mapped_column("metadata")
