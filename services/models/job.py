"""Background jobs that the worker's engine runs beside the executions, and the schedules that ask for them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import JobKind, JobStatus
from services.models.base import Base, CreatedAt, Id, one_of


class Schedule(Base):
    """When a job is asked for: five fields of cron in a time zone. `next_at` NULL: it is paused."""

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("name"),
        one_of("kind", JobKind),
        Index(None, "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )

    id: Mapped[Id]
    name: Mapped[str]
    kind: Mapped[str]
    cron: Mapped[str]
    time_zone: Mapped[str]
    spec: Mapped[dict[str, Any]]
    next_at: Mapped[datetime | None]
    created_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]


class BackgroundJob(Base):
    """One job: asked for by a schedule or by a person, run by a worker, kept with what came of it."""

    __tablename__ = "background_jobs"
    __table_args__ = (
        one_of("kind", JobKind),
        one_of("status", JobStatus),
        CheckConstraint("status NOT IN ('done', 'failed') OR ended_at IS NOT NULL", name="ended_has_time"),
        Index(None, "created_at", "id"),
        Index(None, "kind", "created_at"),
        Index(None, "schedule_id", "created_at"),
    )

    id: Mapped[Id]
    kind: Mapped[str]
    spec: Mapped[dict[str, Any]]
    schedule_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("schedules.id", ondelete="SET NULL"))
    title: Mapped[str]
    asked_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    planned_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(default=JobStatus.WAITING, server_default=JobStatus.WAITING)
    sentence: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
