"""People."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text, true
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import Role
from services.models.base import Base, CreatedAt, Id, one_of


class User(Base):
    """Somebody who signs in. `role` decides what the services let them do."""

    __tablename__ = "users"
    __table_args__ = (
        one_of("role", Role),
        Index("uq_users_email", text("lower(email)"), unique=True),
    )

    id: Mapped[Id]
    email: Mapped[str]
    name: Mapped[str]
    image: Mapped[str | None]
    role: Mapped[str] = mapped_column(default=Role.VIEWER, server_default=Role.VIEWER)
    is_active: Mapped[bool] = mapped_column(default=True, server_default=true())
    created_at: Mapped[CreatedAt]
    last_seen_at: Mapped[datetime | None]
