"""Who has read what: how far each person is on a timeline, and which comments name them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, TypedDict

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.people import Actor, require


class MentionJson(TypedDict):
    """A person whom a comment names as @name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Mention:
    """A comment that names the reader and that they have not seen yet."""

    message_id: uuid.UUID
    workspace_id: uuid.UUID
    workspace_name: str
    author: str
    words: str
    at: datetime


_MARK: LiteralString = """
INSERT INTO read_markers (user_id, workspace_id, last_seq)
SELECT %(person)s, id, least(%(seq)s, message_seq) FROM pattern_workspaces WHERE id = %(w)s
ON CONFLICT (user_id, workspace_id) DO UPDATE SET last_seq = excluded.last_seq, read_at = now()
WHERE read_markers.last_seq < excluded.last_seq"""
_UNREAD: LiteralString = """
SELECT w.id, w.message_seq - r.last_seq FROM read_markers r JOIN pattern_workspaces w ON w.id = r.workspace_id
WHERE r.user_id = %(person)s AND w.message_seq > r.last_seq"""
_MENTIONS: LiteralString = """
SELECT m.id, m.workspace_id, w.name, coalesce(u.name, 'Somebody'), left(m.content, 200), m.created_at
FROM workspace_messages m
JOIN pattern_workspaces w ON w.id = m.workspace_id
LEFT JOIN users u ON u.id = m.author_id
LEFT JOIN read_markers r ON r.workspace_id = m.workspace_id AND r.user_id = %(person)s
WHERE m.type = 'comment' AND m.data ? 'mentions' AND m.data -> 'mentions' @> %(me)s::jsonb
  AND m.deleted_at IS NULL AND m.author_id IS DISTINCT FROM %(person)s AND m.seq > coalesce(r.last_seq, 0)
ORDER BY m.created_at DESC LIMIT %(n)s"""


def last_read(session: Session, workspace_id: uuid.UUID, *, actor: Actor) -> int | None:
    """The `seq` up to which the person has read the workspace's timeline; None when they never opened it."""
    require(actor, "read")
    sql: LiteralString = "SELECT last_seq FROM read_markers WHERE user_id = %(person)s AND workspace_id = %(w)s"
    rows = fetch(session, sql, {"person": actor.id, "w": workspace_id})
    return int(rows[0][0]) if rows else None


def mark_read(session: Session, workspace_id: uuid.UUID, seq: int, *, actor: Actor) -> None:
    """Notes that the person has read up to `seq`, or to the newest message. It never goes back."""
    require(actor, "read")
    fetch(session, _MARK + " RETURNING last_seq", {"person": actor.id, "w": workspace_id, "seq": seq})


def unread(session: Session, *, actor: Actor) -> dict[uuid.UUID, int]:
    """How many messages are new since the person was there last, by workspace; those they never opened are not named."""
    require(actor, "read")
    return {row[0]: int(row[1]) for row in fetch(session, _UNREAD, {"person": actor.id})}


def mentions(session: Session, *, actor: Actor, limit: int = 5) -> list[Mention]:
    """Comments that name the person and that they have not seen, the newest first."""
    require(actor, "read")
    me = json.dumps([{"id": str(actor.id)}])
    return [Mention(*row) for row in fetch(session, _MENTIONS, {"person": actor.id, "me": me, "n": limit})]


def named_in(text: str, people: Iterable[tuple[uuid.UUID, str]]) -> list[MentionJson]:
    """The people whom a text names as @name, in the order of `people`; the longest name that fits counts."""
    named: list[MentionJson] = []
    left = text
    for person_id, name in sorted(people, key=lambda person: -len(person[1])):
        pattern = re.compile(rf"(?<!\w)@{re.escape(name)}(?!\w)", re.IGNORECASE)
        if name.strip() and pattern.search(left):
            left = pattern.sub(" ", left)
            named.append({"id": str(person_id), "name": name})
    return named
