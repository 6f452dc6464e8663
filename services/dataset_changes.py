"""What becomes of a dataset after its import: other names, a note, putting away; and how files of a shape are read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from sqlalchemy import exists, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.candles.mapping import Reading
from services.database.rows import fetch
from services.datasets import clean_name, clean_note, clean_symbol, clean_timeframe
from services.errors import NotFound
from services.models import CandleDataset, FeedbackItem, ImportReading, now
from services.people import Actor, record, require


@dataclass(frozen=True, slots=True)
class DatasetUse:
    """A session that runs on a dataset. `judged` counts the verdicts on its bars."""

    session_id: uuid.UUID
    session_name: str
    workspace_id: uuid.UUID
    workspace_name: str
    status: str
    start_index: int
    end_index: int
    judged: int
    created_at: datetime


_USES: LiteralString = """
SELECT s.id, s.name, w.id, w.name, s.status, s.start_index, s.end_index,
       (SELECT count(*) FROM feedback_items f WHERE f.session_id = s.id), s.created_at
FROM pattern_sessions s JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.dataset_id = %(id)s ORDER BY s.created_at DESC, s.id LIMIT 200
"""


def uses(session: Session, dataset_id: uuid.UUID) -> list[DatasetUse]:
    """The newest 200 sessions on a dataset."""
    return [DatasetUse(*row) for row in fetch(session, _USES, {"id": dataset_id})]


def archived_at(session: Session, dataset_id: uuid.UUID) -> datetime | None:
    """When a dataset was put away; None for one in use. Raises NotFound."""
    return _load(session, dataset_id).archived_at


def rename(
    session: Session,
    dataset_id: uuid.UUID,
    *,
    name: str,
    symbol: str,
    timeframe: str,
    licence_note: str | None,
    actor: Actor,
) -> None:
    """Other words for the same candles; sessions and judgements keep their bars. Raises InvalidInput, NotFound."""
    require(actor, "import_candles")
    row = _load(session, dataset_id)
    before = {"name": row.name, "symbol": row.symbol, "timeframe": row.timeframe, "licence_note": row.licence_note}
    row.name, row.symbol, row.timeframe = clean_name(name), clean_symbol(symbol), clean_timeframe(timeframe)
    row.licence_note = clean_note(licence_note)
    after = {"name": row.name, "symbol": row.symbol, "timeframe": row.timeframe, "licence_note": row.licence_note}
    if after != before:
        session.flush()
        if row.symbol != before["symbol"]:
            _count_under(session, dataset_id, row.symbol)
        record(
            session,
            actor=actor,
            action="rename_dataset",
            object_type="dataset",
            object_id=dataset_id,
            before=before,
            after=after,
        )


_MOVES: LiteralString = """
UPDATE correction_moves SET symbol = %(symbol)s
WHERE feedback_id IN (SELECT id FROM feedback_items WHERE dataset_id = %(id)s) RETURNING 1
"""


def _count_under(session: Session, dataset_id: uuid.UUID, symbol: str) -> None:
    """The statistics keep their sums by symbol, so those of a renamed dataset's judgements are made again."""
    judged = session.scalar(select(exists().where(FeedbackItem.dataset_id == dataset_id)))
    if judged:
        fetch(session, _MOVES, {"symbol": symbol, "id": dataset_id})
        session.execute(text("SELECT stat_refill()"))


def put_away(session: Session, dataset_id: uuid.UUID, *, away: bool, actor: Actor) -> None:
    """Takes a dataset out of the lists, or brings it back. What rests on it stays."""
    require(actor, "import_candles")
    row = _load(session, dataset_id)
    if (row.archived_at is not None) == away:
        return
    row.archived_at = now() if away else None
    session.flush()
    action = "archive_dataset" if away else "restore_dataset"
    record(session, actor=actor, action=action, object_type="dataset", object_id=dataset_id)


def remembered(session: Session, shape: str) -> Reading | None:
    """How a file of this shape was read last, when a person had to say it."""
    row = session.get(ImportReading, shape)
    return Reading.from_json(row.reading) if row else None


def remember(session: Session, shape: str, reading: Reading, *, actor: Actor) -> None:
    """Keeps a person's answers for the next file of this shape."""
    require(actor, "import_candles")
    values = {"reading": reading.as_json(), "updated_by_id": actor.id, "updated_at": now()}
    session.execute(
        insert(ImportReading).values(shape=shape, **values).on_conflict_do_update(index_elements=["shape"], set_=values)
    )


def _load(session: Session, dataset_id: uuid.UUID) -> CandleDataset:
    row = session.scalars(select(CandleDataset).where(CandleDataset.id == dataset_id).with_for_update()).one_or_none()
    if row is None:
        raise NotFound("There is no such dataset; import its candles first.")
    return row
