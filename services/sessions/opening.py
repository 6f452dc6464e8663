"""What every new session is: a row over a window of candles, the coverage its person declares, and its message."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from services import timeline
from services.detectors.types import Candles
from services.errors import InvalidInput, NotFound
from services.lifecycle import MessageType, SessionStatus
from services.models import CandleDataset, DetectorVersion, PatternSession, PatternWorkspace, SessionCoverage, new_id
from services.people import Actor
from services.texts import cleaned

MAX_WINDOW = 20_000  # bars of one session
DEFAULT_WINDOW = 500  # bars, when the person gives none: the newest ones


@dataclass(frozen=True, slots=True)
class Wanted:
    """The session that a person asks for; indexes of the dataset, inclusive, the newest bars where none are given."""

    dataset_id: uuid.UUID
    start_index: int | None
    end_index: int | None
    name: str | None
    coverage: str


def add(
    session: Session,
    workspace: PatternWorkspace,
    wanted: Wanted,
    *,
    version: DetectorVersion | None,
    retest_of_id: uuid.UUID | None = None,
    actor: Actor,
) -> tuple[PatternSession, CandleDataset]:
    """The new row and its dataset: `running` with a version, else at once `active` for labels. The workspace is locked.

    Raises NotFound for an unknown dataset, InvalidInput for a window outside it or another word for the coverage.
    """
    dataset = session.get(CandleDataset, wanted.dataset_id)
    if dataset is None:
        raise NotFound("There is no such dataset; import its candles first.")
    start, end = window_of(dataset, wanted.start_index, wanted.end_index)
    if wanted.coverage not in ("partial", "exhaustive"):
        raise InvalidInput("The coverage is 'partial' or 'exhaustive'.")
    usual = f"{dataset.symbol} {dataset.timeframe} #{start}–#{end}" + ("" if version else " labels")
    row = PatternSession(
        id=new_id(),
        workspace_id=workspace.id,
        dataset_id=dataset.id,
        start_index=start,
        end_index=end,
        name=cleaned(wanted.name)[:120] or usual,
        symbol=dataset.symbol,
        timeframe=dataset.timeframe,
        coverage=wanted.coverage,
        retest_of_id=retest_of_id,
        created_by_id=actor.id,
        status=SessionStatus.RUNNING if version else SessionStatus.ACTIVE,
        pattern_type=workspace.pattern_type,
    )
    if version is not None:
        row.detector_version_id, row.pattern_version = version.id, version.version
        row.params = row.pattern_settings = version.params
    session.add(row)
    workspace.session_count += 1
    session.flush()
    session.add(SessionCoverage(session_id=row.id, person_id=actor.id, coverage=wanted.coverage))
    session.flush()
    return row, dataset


def tell(session: Session, row: PatternSession, *, marks: int, carried: int | None = None, actor: Actor) -> None:
    """The session's message on the timeline; `marks` is how many a detector found, `carried` how many verdicts came over."""
    data: dict[str, object] = {
        "session_id": row.id,
        "name": row.name,
        "symbol": row.symbol,
        "timeframe": row.timeframe,
        "candle_count": row.end_index - row.start_index + 1,
        "detection_count": marks,
    }
    if row.detector_version_id is not None:
        data |= {"version": row.pattern_version, "carried_count": carried}
    timeline.append(
        session,
        row.workspace_id,
        MessageType.SESSION_CREATED,
        data=data,
        actor=actor,
        title=row.name,
        session_id=row.id,
    )


def window_of(dataset: CandleDataset, start: int | None, end: int | None) -> tuple[int, int]:
    """The inclusive indexes of a window, the newest bars where none are given. Raises InvalidInput."""
    last = dataset.rows - 1
    end = last if end is None else end
    start = max(0, end - DEFAULT_WINDOW + 1) if start is None else start
    if not 0 <= start <= end <= last:
        raise InvalidInput(f"The window #{start} to #{end} is not inside the dataset's candles #0 to #{last}.")
    if end - start + 1 > MAX_WINDOW:
        raise InvalidInput(f"A session covers up to {MAX_WINDOW:,} candles; this window has {end - start + 1:,}.")
    return start, end


def bar_time(candles: Candles, index: int) -> datetime:
    """The open of a bar of the whole dataset, UTC."""
    return datetime.fromtimestamp(int(candles["time"][index]), UTC)
