"""Places on the candles, the judgements on them, decisions of disputes, and what an agent has seen of them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from services.models.base import Base, CreatedAt, Id, UserRef, now


class PlaceRow(Base):
    """One event on the candles with what the judgements make of it; kept by `services.labels` from the judgements.

    `anchor_bar` counts the bars of the series (a dataset's index plus its `series_offset`). `part` is 1 for the place
    that the founding judgement's move points to.
    """

    __tablename__ = "places"
    __table_args__ = (
        UniqueConstraint("founder_id", "part"),
        CheckConstraint("status IN ('present', 'absent', 'disputed', 'unsure')", name="status_known"),
        CheckConstraint("split IN ('tune', 'holdout', 'embargo')", name="split_known"),
        CheckConstraint("direction IN (-1, 0, 1)", name="direction_known"),
        Index(None, "workspace_id", "series_id", "anchor_bar"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    founder_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feedback_items.id", ondelete="CASCADE"))
    part: Mapped[int]
    series_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    direction: Mapped[int]
    anchor_bar: Mapped[int]
    anchor_time: Mapped[datetime]
    price_low: Mapped[float | None]
    price_high: Mapped[float | None]
    level: Mapped[float | None]
    slack: Mapped[float | None]
    confirmed_bar: Mapped[int | None]
    status: Mapped[str]
    present_votes: Mapped[int]
    absent_votes: Mapped[int]
    one_person: Mapped[bool]
    decided: Mapped[bool]
    split: Mapped[str]
    seen: Mapped[bool]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)


class PlaceJudgement(Base):
    """Which judgements are on which place; a move is on two."""

    __tablename__ = "place_judgements"
    __table_args__ = (Index(None, "feedback_id"),)

    place_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("places.id", ondelete="CASCADE"), primary_key=True)
    feedback_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("feedback_items.id", ondelete="CASCADE"), primary_key=True
    )


class PlaceDecision(Base):
    """How people settled a dispute. Bound to where the place lies, so that it outlives the founding judgement."""

    __tablename__ = "place_decisions"
    __table_args__ = (Index(None, "workspace_id", "created_at"),)

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    series_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    direction: Mapped[int]
    anchor_bar: Mapped[int]
    anchor_time: Mapped[datetime]
    price_low: Mapped[float | None]
    price_high: Mapped[float | None]
    level: Mapped[float | None]
    slack: Mapped[float | None]
    present: Mapped[bool]
    rule: Mapped[str]
    decided_by_id: Mapped[UserRef]
    created_at: Mapped[CreatedAt]


class PlaceComment(Base):
    """What somebody wrote in the room of a place; bound to where it lies, as a decision is."""

    __tablename__ = "place_comments"
    __table_args__ = (Index(None, "workspace_id", "series_id", "anchor_bar"),)

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    series_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    direction: Mapped[int]
    anchor_bar: Mapped[int]
    text: Mapped[str]
    author_id: Mapped[UserRef]
    created_at: Mapped[CreatedAt]


class PlacePin(Base):
    """A place that a person pinned: no replay may break it. Bound to where it lies, as a decision is."""

    __tablename__ = "place_pins"

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    series_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    direction: Mapped[int]
    anchor_bar: Mapped[int]
    pinned_by_id: Mapped[UserRef]
    created_at: Mapped[CreatedAt]


class SeenPlace(Base):
    """A place that a prompt or a search has had, by where it lies: seen for ever, whatever becomes of the judgements."""

    __tablename__ = "seen_places"

    workspace_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pattern_workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    direction: Mapped[int] = mapped_column(primary_key=True)
    anchor_bar: Mapped[int] = mapped_column(primary_key=True)
    execution_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("claude_executions.id", ondelete="SET NULL"))
    created_at: Mapped[CreatedAt]


class ReleasedBlock(Base):
    """A block of a series that an admin took out of the hold-out."""

    __tablename__ = "released_blocks"

    workspace_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pattern_workspaces.id", ondelete="CASCADE"), primary_key=True
    )
    series_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    block: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    released_by_id: Mapped[UserRef]
    created_at: Mapped[CreatedAt]


class SessionCoverage(Base):
    """What one person says of a session's window: partly checked, or every bar of it."""

    __tablename__ = "session_coverage"
    __table_args__ = (CheckConstraint("coverage IN ('partial', 'exhaustive')", name="coverage_known"),)

    session_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("pattern_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    coverage: Mapped[str]
    created_at: Mapped[CreatedAt]
