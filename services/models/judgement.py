"""Judgements as the boards sent them: one row a key press, kept with the session, so that each is done once."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import JudgementAction, JudgementResult
from services.models.base import Base, CreatedAt, UserRef, one_of


class JudgementOp(Base):
    """`position` counts the ops that a session got, of all boards; `seq` counts those of one board without a gap.
    `previous` is the item as it was before, null when there was none; `undone_by` is the op that took this one back."""

    __tablename__ = "judgement_ops"
    __table_args__ = (
        one_of("action", JudgementAction),
        one_of("result", JudgementResult),
        CheckConstraint("seq > 0", name="seq_positive"),
        UniqueConstraint("session_id", "author_id", "client", "seq"),
        UniqueConstraint("session_id", "position"),
        Index(None, "author_id", "mark_id", "position"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_sessions.id", ondelete="CASCADE"))
    author_id: Mapped[UserRef]
    client: Mapped[uuid.UUID]
    seq: Mapped[int]
    position: Mapped[int]
    action: Mapped[str]
    mark_id: Mapped[uuid.UUID | None]
    feedback_id: Mapped[uuid.UUID | None]
    verdict: Mapped[str | None]
    previous: Mapped[dict[str, Any] | None]
    result: Mapped[str]
    sentence: Mapped[str | None]
    undone_by: Mapped[uuid.UUID | None]
    created_at: Mapped[CreatedAt]
