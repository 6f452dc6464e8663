"""Questions that people ask the agent on a timeline, and what their answers cost."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import JobStatus
from services.models.base import Base, CreatedAt, Id, UserRef, one_of


class Question(Base):
    """One question and its answer: two messages of the timeline. `attempt` is the number of the try that a worker
    makes; writes of an older one are refused."""

    __tablename__ = "questions"
    __table_args__ = (
        one_of("status", JobStatus),
        CheckConstraint("status NOT IN ('done', 'failed') OR ended_at IS NOT NULL", name="ended_has_time"),
        CheckConstraint("cost_usd >= 0 AND input_tokens >= 0 AND output_tokens >= 0", name="not_negative"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "asked_message_id"),
        Index(None, "answer_message_id", unique=True),
        Index("ix_questions_running", "heartbeat_at", postgresql_where=text("status = 'running'")),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    asked_message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspace_messages.id", ondelete="CASCADE"))
    answer_message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspace_messages.id", ondelete="CASCADE"))
    asked_by_id: Mapped[UserRef]
    status: Mapped[str] = mapped_column(default=JobStatus.WAITING, server_default=JobStatus.WAITING)
    attempt: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    worker_id: Mapped[str | None]
    heartbeat_at: Mapped[datetime | None]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6), default=0, server_default=text("0"))
    input_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    output_tokens: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    created_at: Mapped[CreatedAt]
    ended_at: Mapped[datetime | None]


class QuestionUsage(Base):
    """What one message of the agent's API cost; kept as the answer streams in, so that a kill loses nothing."""

    __tablename__ = "question_usage"
    __table_args__ = (
        CheckConstraint("cost_usd >= 0 AND input_tokens >= 0 AND output_tokens >= 0", name="not_negative"),
        Index(None, "created_at"),
    )

    question_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("questions.id", ondelete="CASCADE"), primary_key=True)
    message_id: Mapped[str] = mapped_column(primary_key=True)
    model: Mapped[str]
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
