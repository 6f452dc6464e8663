"""Feedback items: one person's judgement of a place, or a comment."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Update, func, inspect, text, update
from sqlalchemy.orm import Mapped, mapped_column, validates

from services.errors import IllegalTransition
from services.lifecycle import FEEDBACK_TRANSITIONS, FeedbackState, Verdict
from services.models.base import Base, CreatedAt, Id, UserRef, now, one_of


class FeedbackItem(Base):
    """A judgement that can be replayed alone: it keeps its dataset and window. Index 0 is a bar like any other."""

    __tablename__ = "feedback_items"
    __table_args__ = (
        one_of("verdict", Verdict),
        one_of("state", FeedbackState),
        CheckConstraint("candle_index >= 0 AND expected_index >= 0", name="indexes_not_negative"),
        CheckConstraint("window_end >= window_start", name="window_order"),
        CheckConstraint("expected_direction IN (-1, 0, 1)", name="direction_known"),
        CheckConstraint("made_by IN ('person', 'rule', 'carried')", name="made_by_known"),
        CheckConstraint("verdict <> 'false_negative' OR candle_index IS NOT NULL", name="missed_has_place"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "session_id"),
        Index(None, "execution_id", postgresql_where=text("execution_id IS NOT NULL")),
        # Corrections that wait to be sent. What was confirmed stays open too, and is most of all there is.
        Index(
            "ix_feedback_items_open",
            "workspace_id",
            postgresql_where=text("state = 'open' AND made_by <> 'carried' AND verdict NOT IN ('confirmed', 'unsure')"),
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
    made_by: Mapped[str] = mapped_column(default="person", server_default="person")
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

    @validates("state")
    def _moves_along_the_table(self, _name: str, state: str) -> str:
        """The one door for a single item's state; the same state again is no change."""
        before = self.state if inspect(self).persistent else self.__dict__.get("state")
        if before is not None and before != state:
            _check(FeedbackState(before), FeedbackState(state))
        return state


def moving(ids: Collection[uuid.UUID], source: FeedbackState, target: FeedbackState, **values: Any) -> Update:
    """The one door for many: moves those of the items that are in `source`, with other columns to set."""
    _check(source, target)
    return (
        update(FeedbackItem)
        .where(FeedbackItem.id.in_(ids), FeedbackItem.state == source)
        .values(state=target, **values)
    )


def _check(source: FeedbackState, target: FeedbackState) -> None:
    if (source, target) not in FEEDBACK_TRANSITIONS:
        raise IllegalTransition(f"This correction is {source}; it can't become {target}.")
