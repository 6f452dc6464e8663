"""Datasets: immutable sets of candles, each kept once by its content."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

import numpy as np
import numpy.typing as npt
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
    times_of: Callable[[str], npt.NDArray[np.int64]] | None = None,
    actor: Actor,
) -> DatasetRow:
    """Records checked candles whose Parquet the edge has stored under `storage_key`.

    Candles of a symbol, timeframe and adjustment that are there already belong to the same series; `times_of` gives
    the opens of a stored dataset (UTC seconds), by which the new one finds its bar in the series.

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
        "id": new_id(),
        "name": clean_name(name),
        "symbol": clean_symbol(symbol),
        "timeframe": clean_timeframe(timeframe),
        "rows": len(imported.frame),
        "start_at": imported.frame["time"].iloc[0].to_pydatetime(),
        "end_at": imported.frame["time"].iloc[-1].to_pydatetime(),
        "source_format": imported.source_format,
        "source_sha256": imported.source_sha256,
        "content_sha256": imported.content_sha256,
        "storage_path": storage_key,
        "price_adjustment": adjustment,
        "quality": imported.quality.as_json(),
        "licence_note": clean_note(licence_note),
        "uploaded_by_id": actor.id,
    }
    values |= _series(session, values, imported, times_of)._asdict()
    made = session.scalar(
        insert(CandleDataset)
        .values(values)
        .on_conflict_do_nothing(index_elements=["content_sha256"])
        .returning(CandleDataset.id)
    )
    if made is None:
        there = select(CandleDataset.id).where(CandleDataset.content_sha256 == imported.content_sha256)
        found = session.scalars(there).one()
        session.execute(update(CandleDataset).where(CandleDataset.id == found).values(archived_at=None))
        return replace(get(session, found), existed=True)
    record(
        session,
        actor=actor,
        action="import_candles",
        object_type="dataset",
        object_id=made,
        after={k: values[k] for k in ("name", "symbol", "timeframe", "rows", "source_format", "content_sha256")},
    )
    return get(session, made)


_SERIES: LiteralString = """
SELECT series_id, series_offset, storage_path, start_at, end_at, rows FROM candle_datasets
WHERE symbol = %(symbol)s AND timeframe = %(timeframe)s AND price_adjustment = %(price_adjustment)s
ORDER BY rows DESC, created_at, id LIMIT 1
"""
_NAMES = uuid.UUID("2f6f4c0e-8f1a-5c1e-9d0b-6a1f00000088")


class _SeriesPart(NamedTuple):
    """Where new candles stand: their series, and the number of its bar that they begin at."""

    series_id: uuid.UUID
    series_offset: int


def _series(
    session: Session,
    values: Mapping[str, Any],
    imported: ImportedCandles,
    times_of: Callable[[str], npt.NDArray[np.int64]] | None,
) -> _SeriesPart:
    """The series that new candles belong to, and the bar of it that they begin at.

    The first id is made of the names, so that the hold-out's blocks are the same on every installation; it then stays,
    whatever the dataset is called later.
    """
    there = fetch(session, _SERIES, values)
    if not there:
        name = f"{values['symbol']}|{values['timeframe']}|{values['price_adjustment']}"
        made = uuid.uuid5(_NAMES, name)
        taken = session.scalar(select(CandleDataset.id).where(CandleDataset.series_id == made).limit(1))
        return _SeriesPart(new_id() if taken else made, 0)
    series_id, offset, path, start_at, end_at, rows = there[0]
    first = int(values["start_at"].timestamp())
    if times_of is not None:
        times = times_of(path)
        at = int(np.searchsorted(times, first))
        if at < len(times) and times[at] == first:
            return _SeriesPart(series_id, offset + at)
        own = (imported.frame["time"].astype("int64") // 1_000_000).to_numpy()  # the frame's times are in microseconds
        at = int(np.searchsorted(own, times[0]))
        if at < len(own) and own[at] == times[0]:
            return _SeriesPart(series_id, offset - at)
    pace = (end_at - start_at).total_seconds() / max(rows - 1, 1)
    apart = round((first - start_at.timestamp()) / pace) if pace else 0
    return _SeriesPart(series_id, offset + apart)


def list_datasets(session: Session) -> list[DatasetRow]:
    """All datasets that are not put away, by symbol and timeframe, the newest import first."""
    return [DatasetRow(*row) for row in fetch(session, _LIST)]


def symbols(session: Session) -> list[str]:
    """The symbols that there are candles of, put away or not, for filters."""
    return [symbol for (symbol,) in fetch(session, "SELECT DISTINCT symbol FROM candle_datasets ORDER BY symbol")]


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
