"""Personal tokens with which a machine reads exports."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.models.base import Base, CreatedAt, Id, UserRef


class AccessToken(Base):
    """A token of a person's. Only its hash is kept; `hint` is its beginning, by which people know it again."""

    __tablename__ = "access_tokens"
    __table_args__ = (
        UniqueConstraint("token_sha256"),
        Index(None, "person_id", "created_at"),
        CheckConstraint("cardinality(reports) > 0", name="reports_named"),
    )

    id: Mapped[Id]
    person_id: Mapped[UserRef]
    name: Mapped[str]
    hint: Mapped[str]
    token_sha256: Mapped[str]
    reports: Mapped[list[str]] = mapped_column()
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
