"""A session without a detector: a window on candles in which people mark what they see, before there is any version."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from services import timeline, workspaces
from services.detectors.types import Candles
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import MessageType, SessionStatus
from services.models import CandleDataset, PatternSession, SessionCoverage, new_id
from services.people import Actor, require
from services.sessions.running import bar_time, window_of
from services.texts import cleaned


def open_for_labels(
    session: Session,
    workspace_id: uuid.UUID,
    candles: Candles,
    *,
    dataset_id: uuid.UUID,
    start_index: int | None = None,
    end_index: int | None = None,
    name: str | None = None,
    coverage: str = "partial",
    actor: Actor,
) -> uuid.UUID:
    """An active session with no marks and no version; what people add in it becomes the first launch's corrections.

    `candles` is the whole dataset (shape (rows,)). Raises Conflict where a detector is deployed or the workspace is
    archived, InvalidInput for a window outside the dataset (indexes are inclusive).
    """
    require(actor, "run_session")
    workspace = workspaces.lock(session, workspace_id)
    if workspace.archived_at is not None:
        raise Conflict(f"{workspace.name} is archived; restore it first.", link=workspaces.link(workspace.id))
    if workspace.deployed_version_id is not None:
        raise Conflict(f"{workspace.name} has a detector; run a session with it.", link=workspaces.link(workspace.id))
    dataset = session.get(CandleDataset, dataset_id)
    if dataset is None:
        raise NotFound("There is no such dataset; import its candles first.")
    start, end = window_of(dataset, start_index, end_index)
    if coverage not in ("partial", "exhaustive"):
        raise InvalidInput("The coverage is 'partial' or 'exhaustive'.")
    row = PatternSession(
        id=new_id(),
        workspace_id=workspace_id,
        dataset_id=dataset_id,
        start_index=start,
        end_index=end,
        start_time=bar_time(candles, start),
        end_time=bar_time(candles, end),
        name=cleaned(name)[:120] or f"{dataset.symbol} {dataset.timeframe} #{start}–#{end} labels",
        symbol=dataset.symbol,
        timeframe=dataset.timeframe,
        coverage=coverage,
        created_by_id=actor.id,
        status=SessionStatus.ACTIVE,
        pattern_type=workspace.pattern_type,
    )
    session.add(row)
    workspace.session_count += 1
    session.flush()
    session.add(SessionCoverage(session_id=row.id, person_id=actor.id, coverage=coverage))
    timeline.append(
        session,
        workspace_id,
        MessageType.SESSION_CREATED,
        actor=actor,
        title=row.name,
        session_id=row.id,
        data={
            "session_id": row.id,
            "name": row.name,
            "symbol": row.symbol,
            "timeframe": row.timeframe,
            "candle_count": end - start + 1,
            "detection_count": 0,
        },
    )
    return row.id
