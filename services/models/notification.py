"""What people are told of outside the app."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import NotificationEvent, NotificationStatus
from services.models.base import Base, CreatedAt, Id, one_of


class Notification(Base):
    """One notice about one event, to all addresses that its workspace had. `outcomes` tells what came of each."""

    __tablename__ = "notifications"
    __table_args__ = (
        one_of("event", NotificationEvent),
        one_of("status", NotificationStatus),
        UniqueConstraint("dedupe_key"),
        Index(None, "workspace_id", "created_at"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id", ondelete="CASCADE"))
    event: Mapped[str]
    dedupe_key: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    link: Mapped[str]
    status: Mapped[str] = mapped_column(default=NotificationStatus.PENDING, server_default=NotificationStatus.PENDING)
    tries: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    outcomes: Mapped[list[Any] | None]
    created_at: Mapped[CreatedAt]
    sent_at: Mapped[datetime | None]
