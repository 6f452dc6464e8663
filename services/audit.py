"""Reading the audit trail, in the words of its readers and with the names of what it speaks of; `people.record` writes it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from sqlalchemy.orm import Session

from services import words
from services.database.rows import fetch
from services.people import Actor, require
from services.texts import cleaned

PAGE = 200


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who did what. `actor_name` None is the application itself; `object_name` what the thing is called now, None where
    it is gone or has no name; `link` its screen; `before` and `after` hold what changed."""

    id: uuid.UUID
    created_at: datetime
    actor_name: str | None
    action: str
    object_type: str
    object_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    object_name: str | None = None

    @property
    def what(self) -> str:
        """The action in words: "launched", "changed the role of"."""
        return words.AUDIT_ACTIONS.get(self.action, self.action.replace("_", " "))

    @property
    def link(self) -> str | None:
        """The address of the screen that shows the thing."""
        screen = _SCREENS.get(self.object_type)
        return f"/{screen}?id={self.object_id}" if screen and self.object_name else None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What the trail is narrowed to. `search` looks in names of people and things, actions, and what changed."""

    actor_id: uuid.UUID | None = None
    object_type: str | None = None
    search: str | None = None


# What the trail speaks of, in words.
OBJECTS: Final = words.AUDIT_OBJECTS
_SCREENS: Final = {"workspace": "workspace", "execution": "execution", "session": "session", "dataset": "dataset"}
_FILTERS: Final[dict[str, LiteralString]] = {
    "at": "(a.created_at, a.id) < (%(at)s, %(id)s)",
    "actor": "a.actor_id = %(actor)s",
    "object_type": "a.object_type = %(object_type)s",
    "like": """(u.name ILIKE %(like)s OR a.action = ANY(%(actions)s) OR a.before::text ILIKE %(like)s
        OR a.after::text ILIKE %(like)s
        OR (a.object_type = 'workspace' AND a.object_id IN (
            SELECT id::text FROM pattern_workspaces WHERE name ILIKE %(like)s OR pattern_type ILIKE %(like)s))
        OR (a.object_type = 'user' AND a.object_id IN (SELECT id::text FROM users WHERE name ILIKE %(like)s)))""",
}
# Names are looked up for the rows of the page alone; an id is one only where its kind of thing has such ids.
_LIST: LiteralString = """
WITH page AS (
    SELECT a.id, a.created_at, u.name, a.action, a.object_type, a.object_id, a.before, a.after,
           CASE WHEN a.object_id ~ '^[0-9a-f]{{8}}-[0-9a-f-]{{27}}$' THEN a.object_id::uuid END AS thing
    FROM audit_events a LEFT JOIN users u ON u.id = a.actor_id
    WHERE {where}
    ORDER BY a.created_at DESC, a.id DESC LIMIT %(limit)s
)
SELECT p.id, p.created_at, p.name, p.action, p.object_type, p.object_id, p.before, p.after, CASE p.object_type
    WHEN 'workspace' THEN (SELECT name FROM pattern_workspaces WHERE id = p.thing)
    WHEN 'user' THEN (SELECT name FROM users WHERE id = p.thing)
    WHEN 'session' THEN (SELECT name FROM pattern_sessions WHERE id = p.thing)
    WHEN 'dataset' THEN (SELECT name FROM candle_datasets WHERE id = p.thing)
    WHEN 'execution' THEN (
        SELECT 'execution ' || e.number || ' of ' || w.name FROM claude_executions e
        JOIN pattern_workspaces w ON w.id = e.workspace_id WHERE e.id = p.thing)
    ELSE coalesce(p.after->>'name', p.before->>'name', p.after->>'title')
END
FROM page p ORDER BY p.created_at DESC, p.id DESC
"""


def list_events(
    session: Session,
    wanted: AuditFilter | None = None,
    *,
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int = PAGE,
    actor: Actor,
) -> list[AuditRow]:
    """The newest events before a place (created_at, id), or of all, newest first. Raises NotAllowed for viewers."""
    require(actor, "read_audit")
    wanted = wanted or AuditFilter()
    search = cleaned(wanted.search or "")
    like = "%" + search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%" if search else None
    at, last = before or (None, None)
    given = {"at": at, "actor": wanted.actor_id, "object_type": wanted.object_type, "like": like}
    where: Sequence[LiteralString] = [sql for name, sql in _FILTERS.items() if given[name] is not None]
    sql = _LIST.format(where=" AND ".join(where) or "true")
    rows = fetch(session, sql, {**given, "id": last, "limit": limit, "actions": _said_so(search)})
    return [AuditRow(*row) for row in rows]


def _said_so(search: str) -> list[str]:
    """The actions whose words hold what was searched for."""
    sought = search.casefold()
    return [action for action, said in words.AUDIT_ACTIONS.items() if sought and sought in said.casefold()]
