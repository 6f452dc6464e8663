"""What was moved from the existing system, by its own ids, so that old links are found and a second run moves nothing twice."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from services.models.base import Base, now


class MovedRow(Base):
    """One row of the existing system: where it went, or why it could not be moved."""

    __tablename__ = "moved_rows"

    old_table: Mapped[str] = mapped_column(primary_key=True)
    old_id: Mapped[str] = mapped_column(primary_key=True)
    new_id: Mapped[uuid.UUID | None]
    problem: Mapped[str | None]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now)
