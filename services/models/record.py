"""Attachments, the audit trail, and settings that people change."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from services.models.base import Base, CreatedAt, Id, UserRef, now


class Attachment(Base):
    """An uploaded file, stored once by the hash of its content."""

    __tablename__ = "attachments"
    __table_args__ = (
        UniqueConstraint("content_sha256"),
        CheckConstraint("kind IN ('image', 'video', 'file')", name="kind_known"),
    )

    id: Mapped[Id]
    content_sha256: Mapped[str]
    storage_key: Mapped[str]
    kind: Mapped[str]
    content_type: Mapped[str]
    name: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    uploaded_by_id: Mapped[UserRef]
    created_at: Mapped[CreatedAt]


class AuditEvent(Base):
    """Who did what, when, from what to what."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "created_at", "id"), Index(None, "object_type", "object_id"))

    id: Mapped[Id]
    created_at: Mapped[CreatedAt]
    actor_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]


class Setting(Base):
    """A setting that people change while the app runs."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)
