"""Reading the audit trail; `people.record` writes it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.people import Actor, require

PAGE = 200


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what. `actor_name` None is the application itself; `before` and `after` hold what changed."""

    id: uuid.UUID
    created_at: datetime
    actor_name: str | None
    action: str
    object_type: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


_LIST: LiteralString = """
SELECT a.id, a.created_at, u.name, a.action, a.object_type, a.object_id, a.before, a.after
FROM audit_events a LEFT JOIN users u ON u.id = a.actor_id
WHERE (%(at)s::timestamptz IS NULL OR (a.created_at, a.id) < (%(at)s, %(id)s))
ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s
"""


def list_events(
    session: Session, *, before: tuple[datetime, uuid.UUID] | None = None, limit: int = PAGE, actor: Actor
) -> list[AuditRow]:
    """The newest events before a place (created_at, id), or of all, newest first. Raises NotAllowed for viewers."""
    require(actor, "read_audit")
    at, last = before or (None, None)
    return [AuditRow(*row) for row in fetch(session, _LIST, {"at": at, "id": last, "limit": limit})]
