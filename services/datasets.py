"""Datasets: immutable sets of candles, each kept once by its content."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.candles.importer import PRICE_ADJUSTMENTS, ImportedCandles, is_timeframe
from services.database.rows import fetch
from services.errors import InvalidInput, NotFound
from services.models import CandleDataset, new_id
from services.people import Actor, record, require
from services.texts import cleaned

MAX_NAME = 120  # characters
MAX_NOTE = 2_000  # characters of a licence note
_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9._:/=^&-]{0,31}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset. `start_at` and `end_at` are the first and last bar's open (UTC); `rows` counts bars.

    `quality` holds errors, warnings and gaps; `existed` says that an import met the same candles already stored.
    """

    id: uuid.UUID
    name: str
    symbol: str
    timeframe: str
    rows: int
    start_at: datetime
    end_at: datetime
    source_format: str
    source_sha256: str
    content_sha256: str
    storage_path: str
    price_adjustment: str
    quality: dict[str, Any]
    licence_note: str | None
    uploaded_by_id: uuid.UUID | None
    uploaded_by_name: str | None
    created_at: datetime
    existed: bool = False

    @property
    def warnings(self) -> list[str]:
        return [str(w) for w in self.quality.get("warnings", [])]


_SELECT: LiteralString = """
SELECT d.id, d.name, d.symbol, d.timeframe, d.rows, d.start_at, d.end_at, d.source_format, d.source_sha256,
       d.content_sha256, d.storage_path, d.price_adjustment, d.quality, d.licence_note, d.uploaded_by_id, u.name,
       d.created_at
FROM candle_datasets d LEFT JOIN users u ON u.id = d.uploaded_by_id
"""
_LIST: LiteralString = _SELECT + "WHERE d.archived_at IS NULL ORDER BY d.symbol, d.timeframe, d.created_at DESC, d.id"
_ONE: LiteralString = _SELECT + "WHERE d.id = %(id)s"


def import_dataset(
    session: Session,
    imported: ImportedCandles,
    *,
    storage_key: str,
    name: str,
    symbol: str,
    timeframe: str,
    licence_note: str | None = None,
    price_adjustment: str | None = None,
    actor: Actor,
) -> DatasetRow:
    """Records checked candles whose Parquet the edge has stored under `storage_key`.

    The same candles again, from whatever file, are the dataset that is there already, unchanged, with `existed` True; one
    that was put away is brought back.
    `price_adjustment` None takes what the import found. Raises InvalidInput for a name, symbol, timeframe, note or
    adjustment that cannot be used.
    """
    require(actor, "import_candles")
    adjustment = price_adjustment or imported.price_adjustment
    if adjustment not in PRICE_ADJUSTMENTS:
        raise InvalidInput(f"The price adjustment must be one of {', '.join(PRICE_ADJUSTMENTS)}.")
    values = {
        "id": new_id(), "name": clean_name(name), "symbol": clean_symbol(symbol), "timeframe": clean_timeframe(timeframe),
        "rows": len(imported.frame), "start_at": imported.frame["time"].iloc[0].to_pydatetime(),
        "end_at": imported.frame["time"].iloc[-1].to_pydatetime(), "source_format": imported.source_format,
        "source_sha256": imported.source_sha256, "content_sha256": imported.content_sha256,
        "storage_path": storage_key, "price_adjustment": adjustment, "quality": imported.quality.as_json(),
        "licence_note": clean_note(licence_note), "uploaded_by_id": actor.id,
    }  # fmt: skip
    made = session.scalar(
        insert(CandleDataset).values(values).on_conflict_do_nothing(index_elements=["content_sha256"])
        .returning(CandleDataset.id)
    )  # fmt: skip
    if made is None:
        there = select(CandleDataset.id).where(CandleDataset.content_sha256 == imported.content_sha256)
        found = session.scalars(there).one()
        session.execute(update(CandleDataset).where(CandleDataset.id == found).values(archived_at=None))
        return replace(get(session, found), existed=True)
    record(
        session, actor=actor, action="import_candles", object_type="dataset", object_id=made,
        after={k: values[k] for k in ("name", "symbol", "timeframe", "rows", "source_format", "content_sha256")},
    )  # fmt: skip
    return get(session, made)


def list_datasets(session: Session) -> list[DatasetRow]:
    """All datasets that are not put away, by symbol and timeframe, the newest import first."""
    return [DatasetRow(*row) for row in fetch(session, _LIST)]


def get(session: Session, dataset_id: uuid.UUID) -> DatasetRow:
    """One dataset. Raises NotFound."""
    rows = fetch(session, _ONE, {"id": dataset_id})
    if not rows:
        raise NotFound("There is no such dataset; import its candles first.")
    return DatasetRow(*rows[0])


def clean_name(name: str) -> str:
    name = _CONTROL.sub(" ", name).strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidInput(f"A dataset's name has 1 to {MAX_NAME} characters.")
    return name


def clean_symbol(symbol: str) -> str:
    symbol = symbol.strip().upper()
    if not _SYMBOL.fullmatch(symbol):
        raise InvalidInput(
            "A symbol has 1 to 32 letters, digits and . _ : / = ^ & -, and begins with a letter, a digit or ^."
        )
    return symbol


def clean_timeframe(timeframe: str) -> str:
    timeframe = timeframe.strip()
    if not is_timeframe(timeframe):
        raise InvalidInput("A timeframe is a number and a unit, such as 1m, 15m, 1h, 4h, 1d or 1w.")
    return timeframe


def clean_note(note: str | None) -> str | None:
    text = cleaned(note)
    if len(text) > MAX_NOTE:
        raise InvalidInput(f"A licence note holds up to {MAX_NOTE:,} characters; this one has {len(text):,}.")
    return text or None
