"""Sums for the statistics, and the history of corrections' states. Triggers of the database write them, nobody else."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Date, ForeignKey, Identity, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from services.models.base import Base


class StatDay(Base):
    """A sum of one day in one scope ("all", "w:<workspace>", "c:<category>", each also with " p:<person>")."""

    __tablename__ = "stat_days"

    scope: Mapped[str] = mapped_column(primary_key=True)
    measure: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    agent: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    item: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[Decimal] = mapped_column(Numeric)


class StatChange(Base):
    """What was added to a sum and is not yet folded into it."""

    __tablename__ = "stat_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    scope: Mapped[str]
    measure: Mapped[str]
    day: Mapped[date] = mapped_column(Date)
    agent: Mapped[str]
    target: Mapped[str]
    symbol: Mapped[str]
    item: Mapped[str]
    n: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[Decimal] = mapped_column(Numeric)


class CorrectionMove(Base):
    """One change of a correction's state; without a source it was given, without a target it asks for nothing any more.

    `seconds` is how long after it was given. `stands` marks the first sending, and the fix that still holds.
    """

    __tablename__ = "correction_moves"
    __table_args__ = (Index(None, "feedback_id", "id"), Index(None, "target", "at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    feedback_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feedback_items.id", ondelete="CASCADE"))
    workspace_id: Mapped[uuid.UUID]
    person_id: Mapped[uuid.UUID]
    symbol: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str | None]
    target: Mapped[str | None]
    seconds: Mapped[float | None]
    stands: Mapped[bool]
