"""A session without a detector: a window on candles in which people mark what they see, before there is any version."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from services import workspaces
from services.detectors.types import Candles
from services.errors import Conflict
from services.people import Actor, require
from services.sessions import opening
from services.sessions.opening import bar_time


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
    wanted = opening.Wanted(dataset_id, start_index, end_index, name, coverage)
    row, _ = opening.add(session, workspace, wanted, version=None, actor=actor)
    row.start_time, row.end_time = bar_time(candles, row.start_index), bar_time(candles, row.end_index)
    opening.tell(session, row, marks=0, actor=actor)
    return row.id
