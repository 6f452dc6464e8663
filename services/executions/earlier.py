"""How executions were kept before workspaces: the deprecated table `implementation_sessions`, which is only read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.people import Actor, require

PAGE = 500


@dataclass(frozen=True, slots=True)
class EarlierRow:
    """An implementation as the first app kept it. `workspace` is that of the session it belonged to."""

    id: uuid.UUID
    title: str
    workspace: str
    workspace_id: uuid.UUID
    session_id: uuid.UUID
    session_name: str
    status: str
    phase: str | None
    progress: int
    feedback_count: int
    files_changed: list[str]
    commit_hash: str | None
    deployment_url: str | None
    retry_count: int
    description: str | None
    created_by: str
    created_at: datetime
    completed_at: datetime | None


_LIST: LiteralString = """
SELECT i.id, i.title, w.name, w.id, s.id, coalesce(s.name, ''), i.status, i.phase, i.progress,
       cardinality(i.feedback_ids), i.files_changed, i.commit_hash, i.deployment_url, i.retry_count, i.description,
       u.name, i.created_at, i.completed_at
FROM implementation_sessions i
JOIN pattern_sessions s ON s.id = i.session_id
JOIN pattern_workspaces w ON w.id = s.workspace_id
JOIN users u ON u.id = i.created_by_id
ORDER BY i.created_at DESC, i.id DESC LIMIT %(limit)s
"""


def list_earlier(session: Session, *, limit: int = PAGE, actor: Actor) -> list[EarlierRow]:
    """The newest first."""
    require(actor, "read")
    return [EarlierRow(*row) for row in fetch(session, _LIST, {"limit": limit})]


def has_earlier(session: Session) -> bool:
    """Whether anything was moved here from before workspaces."""
    return bool(fetch(session, "SELECT 1 FROM implementation_sessions LIMIT 1"))
