"""Datasets, sessions that run a detector version over a window of one, and what the detector said."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from services.lifecycle import SessionStatus
from services.models.base import Base, CreatedAt, Id, UserRef, new_id, now, one_of


class CandleDataset(Base):
    """An immutable set of candles; the candles themselves are a Parquet file under `storage_path`."""

    __tablename__ = "candle_datasets"
    __table_args__ = (
        UniqueConstraint("content_sha256"),
        Index(None, "series_id"),
        CheckConstraint("rows > 0", name="has_rows"),
        CheckConstraint("price_adjustment IN ('raw', 'split', 'total', 'unknown')", name="price_adjustment_known"),
    )

    id: Mapped[Id]
    name: Mapped[str]
    symbol: Mapped[str]
    timeframe: Mapped[str]
    rows: Mapped[int]
    start_at: Mapped[datetime]
    end_at: Mapped[datetime]
    source_format: Mapped[str]
    source_sha256: Mapped[str]
    content_sha256: Mapped[str]
    storage_path: Mapped[str]
    price_adjustment: Mapped[str] = mapped_column(default="unknown", server_default="unknown")
    quality: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    licence_note: Mapped[str | None]
    uploaded_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[CreatedAt]
    archived_at: Mapped[datetime | None]  # put away: no list offers it, what rests on it stays
    # The series these candles are a part of: permanent, kept by renaming and shared by later imports of the same
    # symbol and timeframe. A bar of the series is a dataset's index plus the offset.
    series_id: Mapped[uuid.UUID] = mapped_column(default=new_id, server_default=func.gen_random_uuid())
    series_offset: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class ImportReading(Base):
    """How files of one shape were read last, when a person had to say it (`services.candles.mapping`)."""

    __tablename__ = "import_readings"

    shape: Mapped[str] = mapped_column(primary_key=True)
    reading: Mapped[dict[str, Any]]
    updated_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    updated_at: Mapped[CreatedAt]


class PatternSession(Base):
    """One detector version run over one window, and its frozen score once completed. Window indexes are inclusive."""

    __tablename__ = "pattern_sessions"
    __table_args__ = (
        one_of("status", SessionStatus),
        CheckConstraint("coverage IN ('partial', 'exhaustive')", name="coverage_known"),
        CheckConstraint("split IN ('tune', 'holdout')", name="split_known"),
        CheckConstraint("start_index >= 0 AND end_index >= start_index", name="window_order"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "detector_version_id"),
    )

    id: Mapped[Id]
    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_workspaces.id", ondelete="CASCADE"))
    name: Mapped[str]
    description: Mapped[str | None]
    symbol: Mapped[str]
    timeframe: Mapped[str]
    start_time: Mapped[datetime | None]
    end_time: Mapped[datetime | None]
    dataset_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("candle_datasets.id"))
    start_index: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    end_index: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    context_bars: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    detector_version_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("detector_versions.id"))
    params: Mapped[dict[str, Any] | None]
    coverage: Mapped[str] = mapped_column(default="partial", server_default="partial")
    split: Mapped[str] = mapped_column(default="tune", server_default="tune")
    status: Mapped[str] = mapped_column(default=SessionStatus.RUNNING, server_default=SessionStatus.ACTIVE)
    retest_of_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pattern_sessions.id"))
    created_by_id: Mapped[UserRef]
    run_ms: Mapped[int | None]
    isolation: Mapped[str | None]
    detector_error: Mapped[str | None]
    detection_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    tp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    fp: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    fn: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    unsure_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    success_rate: Mapped[float | None]
    precision: Mapped[float | None]
    recall: Mapped[float | None]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    unjudged_count: Mapped[int | None]
    n_effective: Mapped[float | None]
    label_set_sha256: Mapped[str | None]  # of the places that the frozen score was counted on
    score_note: Mapped[str | None]  # where the frozen score and what the rule says now differ
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), default=now, onupdate=now)
    completed_at: Mapped[datetime | None]

    # As they stood before workspaces; kept so that the way back loses nothing.
    pattern_type: Mapped[str | None]
    pattern_version: Mapped[str | None]
    pattern_settings: Mapped[dict[str, Any] | None]
    candle_data: Mapped[list[Any] | None]


class SessionRevision(Base):
    """The score of a completed session as it was frozen, kept when the session was opened again."""

    __tablename__ = "session_revisions"
    __table_args__ = (Index(None, "session_id"),)

    id: Mapped[Id]
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_sessions.id", ondelete="CASCADE"))
    tp: Mapped[int]
    fp: Mapped[int]
    fn: Mapped[int]
    unsure_count: Mapped[int]
    success_rate: Mapped[float | None]
    ci_low: Mapped[float | None]
    ci_high: Mapped[float | None]
    n_effective: Mapped[float | None]
    unjudged_count: Mapped[int | None]
    label_set_sha256: Mapped[str | None]
    completed_at: Mapped[datetime | None]
    reopened_by_id: Mapped[UserRef]
    reason: Mapped[str]
    created_at: Mapped[CreatedAt]


class Detection(Base):
    """What the detector said in a session; never edited. Indexes are those of the dataset."""

    __tablename__ = "detections"
    __table_args__ = (
        UniqueConstraint("session_id", "key"),
        CheckConstraint("direction IN (-1, 0, 1)", name="direction_known"),
    )

    id: Mapped[Id]
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pattern_sessions.id", ondelete="CASCADE"))
    detector_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("detector_versions.id"))
    key: Mapped[str]
    kind: Mapped[str]
    direction: Mapped[int]
    anchor_index: Mapped[int]
    anchor_time: Mapped[datetime]
    start_index: Mapped[int]
    end_index: Mapped[int]
    price: Mapped[float | None]
    price_low: Mapped[float | None]
    price_high: Mapped[float | None]
    confirmed_index: Mapped[int]
    confirmed_at: Mapped[datetime]
    confidence: Mapped[float | None]
    slack: Mapped[float | None]  # a tenth of the average true range at the anchor, in price units
    refs: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    meta: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
