"""Reading a timeline: pages by keyset, everything after a place, one entry, and a search.

The related rows come by one query a kind (author, session, feedback, execution), all in one round trip, never by a
wide join: that is the shape the measured floor has, and it stays flat however long the timeline is.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from sqlalchemy.orm import Session

from services.database.rows import Value, fetch, fetch_together
from services.lifecycle import AuthorType
from services.lifecycle import MessageType as T
from services.people import Actor
from services.rules import agent_name, is_live, kept_back_sql
from services.texts import storable
from services.timeline.json import AuthorJson, EntryJson, ExecutionJson, FeedbackJson, SessionJson, phase_json

PAGE = 50
Place = tuple[datetime, uuid.UUID]  # where a message stands: its created_at and its id

FILTERS: Mapping[str, tuple[T, ...]] = {
    "people": (
        T.COMMENT,
        T.PATTERN_DESCRIPTION_SUBMITTED,
        T.USER_APPROVED,
        T.ADMIN_VERIFIED,
        T.REVIEW_RETURNED,
        T.CLAUDE_ANSWER,
    ),
    "corrections": (T.FEEDBACK_ADDED, T.FEEDBACK_BATCH_SENT, T.SESSION_COMPLETED, T.SESSION_REOPENED, T.MARK_DISPUTED),
    "executions": (T.CLAUDE_STARTED, T.CLAUDE_PHASE_UPDATE, T.CLAUDE_CHECKPOINT, T.CLAUDE_COMPLETED, T.CLAUDE_FAILED),
    "deploys": (
        T.DEPLOY_STARTED,
        T.DEPLOY_BUILDING,
        T.DEPLOY_SUCCESS,
        T.DEPLOY_FAILED,
        T.DEPLOY_RETRY,
        T.VERSION_UPDATED,
        T.VERSION_ROLLED_BACK,
    ),
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One message with what it refers to, the related values as they go to the browser."""

    id: uuid.UUID
    seq: int
    type: str
    created_at: datetime
    author: AuthorJson | None
    author_type: str
    title: str | None
    content: str | None
    data: dict[str, Any]
    attachments: list[str]
    session: SessionJson | None
    feedback: FeedbackJson | None
    execution: ExecutionJson | None
    status: str | None
    progress: int | None
    edited_at: datetime | None
    deleted_at: datetime | None

    def as_json(self) -> EntryJson:
        """The entry for the timeline component: strings, numbers and nulls alone."""
        return {
            "id": str(self.id),
            "seq": self.seq,
            "type": self.type,
            "created_at": self.created_at.isoformat(),
            "author": self.author,
            "author_type": AuthorType(self.author_type),
            "title": self.title,
            "content": self.content,
            "data": self.data,
            "attachments": self.attachments,
            "session": self.session,
            "feedback": self.feedback,
            "execution": self.execution,
            "status": self.status,
            "progress": self.progress,
            "edited_at": _iso(self.edited_at),
            "deleted_at": _iso(self.deleted_at),
        }


# What is referred to goes by the text of its id: making and hashing UUID objects was a tenth of a page's time.
_COLUMNS: LiteralString = (
    "id, seq, type, created_at, author_id::text, author_type, title, content, data, attachments, session_id::text, "
    "feedback_id::text, execution_id::text, status, progress, edited_at, deleted_at"
)


class _Statement(NamedTuple):
    """A read of messages for everybody, and for a person from whom a blind review keeps something back."""

    everybody: LiteralString
    viewer: LiteralString

    def of(self, viewer: Actor | None) -> LiteralString:
        """The statement; who only looks on gives no verdict that could be swayed."""
        return self.viewer if viewer is not None and viewer.may("judge") else self.everybody


def _messages(where: LiteralString, order: LiteralString = "") -> _Statement:
    start: LiteralString = f"SELECT {_COLUMNS} FROM workspace_messages WHERE {where}"
    return _Statement(f"{start} {order}", f"{start} AND NOT {kept_back_sql('workspace_messages')} {order}")


_BACKWARD: LiteralString = "ORDER BY created_at DESC, id DESC LIMIT %(n)s"
_NEWEST = _messages("workspace_id = %(w)s", _BACKWARD)
_BEFORE = _messages("workspace_id = %(w)s AND (created_at, id) < (%(at)s, %(id)s)", _BACKWARD)
_FILTERED = _messages(
    "workspace_id = %(w)s AND (created_at, id) < (%(at)s, %(id)s) "
    "AND (%(types)s::text[] IS NULL OR type = ANY(%(types)s)) "
    "AND (%(like)s::text IS NULL OR content ILIKE %(like)s OR title ILIKE %(like)s "
    "OR data ->> 'candle_index' = %(candle)s)",
    _BACKWARD,
)
_AFTER = _messages("workspace_id = %(w)s AND seq > %(seq)s", "ORDER BY seq LIMIT %(n)s")
_ONE = _messages("id = %(id)s")
_FORWARD = _messages(
    "workspace_id = %(w)s AND (created_at, id) > (%(at)s, %(id)s)", "ORDER BY created_at, id LIMIT %(n)s"
)
_KEPT_BACK: LiteralString = (
    f"SELECT id::text FROM workspace_messages WHERE id = ANY(%(ids)s::uuid[]) AND {kept_back_sql('workspace_messages')}"
)
_PLACE: LiteralString = "SELECT created_at, id FROM workspace_messages WHERE workspace_id = %(w)s AND id = %(id)s"
_FROM: LiteralString = (
    "SELECT created_at, id FROM workspace_messages WHERE workspace_id = %(w)s AND created_at >= %(at)s "
    "ORDER BY created_at, id LIMIT 1"
)
_AUTHORS: LiteralString = "SELECT id::text, name, image FROM users WHERE id = ANY(%(ids)s::uuid[])"
_SESSIONS: LiteralString = "SELECT id::text, name FROM pattern_sessions WHERE id = ANY(%(ids)s::uuid[])"
_FEEDBACK: LiteralString = (
    "SELECT f.id::text, f.verdict, f.state, f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, "
    "f.price, e.number FROM feedback_items f LEFT JOIN claude_executions e ON e.id = f.execution_id "
    "WHERE f.id = ANY(%(ids)s::uuid[])"
)
_EXECUTIONS: LiteralString = (
    "SELECT id::text, number, status, phase, progress, agent, canceled_at IS NOT NULL, cost_usd, "
    "cardinality(feedback_ids), coalesce(started_at, triggered_at), coalesce(completed_at, errored_at), phases "
    "FROM claude_executions WHERE id = ANY(%(ids)s::uuid[])"
)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def page(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    before: Place | None = None,
    limit: int = PAGE,
    kinds: str | None = None,
    search: str | None = None,
    viewer: Actor | None = None,
) -> list[TimelineEntry]:
    """The newest `limit` entries before a place (or the newest of all), oldest first, without what a blind review keeps
    from the viewer.

    `before` is (created_at, id) of the oldest entry one has; `kinds` a key of FILTERS; `search` words in the text,
    or a candle's number ("312", "#312").
    """
    params: dict[str, Any] = {"w": workspace_id, "n": limit}
    if kinds or search:
        at, last = before or (datetime.max, uuid.UUID(int=2**128 - 1))
        wanted = [t.value for t in FILTERS[kinds]] if kinds else None
        pattern = f"%{_escaped(search)}%" if search else None
        params |= {"at": "infinity" if before is None else at, "id": last, "types": wanted, "like": pattern}
        number = re.fullmatch(r"#?(\d{1,9})", search.strip()) if search else None
        params["candle"] = number[1] if number else None
        statement = _FILTERED
    elif before is None:
        statement = _NEWEST
    else:
        statement = _BEFORE
        params |= {"at": before[0], "id": before[1]}
    rows = _rows(session, statement, params, viewer)
    rows.reverse()
    return _entries(session, rows)


def position(session: Session, workspace_id: uuid.UUID | None = None) -> int:
    """How far the timeline of a workspace has come, or all of them together: another number when something was said."""
    all_of_them: LiteralString = "SELECT coalesce(sum(message_seq), 0)::bigint FROM pattern_workspaces"
    one: LiteralString = "SELECT coalesce(sum(message_seq), 0)::bigint FROM pattern_workspaces WHERE id = %(w)s"
    rows = fetch(session, all_of_them if workspace_id is None else one, {"w": workspace_id})
    return int(rows[0][0])


def place_of(session: Session, workspace_id: uuid.UUID, message_id: uuid.UUID) -> Place | None:
    """Where a message of the workspace stands; None when it has no such message."""
    rows = fetch(session, _PLACE, {"w": workspace_id, "id": message_id})
    return (rows[0][0], rows[0][1]) if rows else None


def day_start(session: Session, workspace_id: uuid.UUID, at: datetime) -> Place | None:
    """Where the first message from a moment on stands; None when there is none so late."""
    rows = fetch(session, _FROM, {"w": workspace_id, "at": at})
    return (rows[0][0], rows[0][1]) if rows else None


def page_after(
    session: Session, workspace_id: uuid.UUID, place: Place, *, limit: int = PAGE, viewer: Actor | None = None
) -> list[TimelineEntry]:
    """The message at a place and those after it, oldest first."""
    first = _entries(session, _rows(session, _ONE, {"id": place[1]}, viewer))
    params: dict[str, Value] = {"w": workspace_id, "at": place[0], "id": place[1], "n": limit}
    return [*first, *_entries(session, _rows(session, _FORWARD, params, viewer))]


def entries_after(
    session: Session, workspace_id: uuid.UUID, after_seq: int, limit: int = 200, *, viewer: Actor | None = None
) -> list[TimelineEntry]:
    """What came after a place, in the order of `seq`, for readers that catch up."""
    return _entries(session, _rows(session, _AFTER, {"w": workspace_id, "seq": after_seq, "n": limit}, viewer))


def kept_back(session: Session, message_ids: Sequence[str], *, viewer: Actor) -> set[str]:
    """Which of these messages a blind review keeps from the viewer."""
    if not viewer.may("judge"):
        return set()
    return {row[0] for row in fetch(session, _KEPT_BACK, {"ids": list(message_ids), "viewer": viewer.id})}


def entry(session: Session, message_id: uuid.UUID) -> TimelineEntry | None:
    """One entry as it is now."""
    found = _entries(session, _rows(session, _ONE, {"id": message_id}, None))
    return found[0] if found else None


def full(session: Session, workspace_id: uuid.UUID, *, batch: int = 2000) -> Iterator[TimelineEntry]:
    """The whole timeline, oldest first, a batch at a time so that memory stays flat."""
    at: datetime | str = "-infinity"
    last = uuid.UUID(int=0)
    while True:
        params: dict[str, Value] = {"w": workspace_id, "at": at, "id": last, "n": batch}
        rows = _rows(session, _FORWARD, params, None)
        yield from _entries(session, rows)
        if len(rows) < batch:
            return
        at, last = rows[-1][3], rows[-1][0]


def _escaped(text: str) -> str:
    return storable(text).replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _rows(
    session: Session, statement: _Statement, params: Mapping[str, Value], viewer: Actor | None
) -> list[tuple[Any, ...]]:
    person = {"viewer": viewer.id} if viewer is not None else {}
    return fetch(session, statement.of(viewer), {**params, **person})


def _entries(session: Session, rows: list[tuple[Any, ...]]) -> list[TimelineEntry]:
    authors, sessions, feedback, executions = _related(session, rows)
    return [
        TimelineEntry(
            r[0],
            r[1],
            r[2],
            r[3],
            authors.get(r[4]),
            r[5],
            r[6],
            r[7],
            r[8] or {},
            r[9],
            sessions.get(r[10]),
            feedback.get(r[11]),
            executions.get(r[12]),
            r[13],
            r[14],
            r[15],
            r[16],
        )
        for r in rows
    ]


def _related(session: Session, rows: list[tuple[Any, ...]]) -> list[dict[str | None, Any]]:
    """Authors, sessions, feedback and executions of the messages by id, in one round trip for all four."""
    queries, makers, found = [], [], []
    for column, sql, make in _RELATED:
        by_id: dict[str | None, Any] = {}
        found.append(by_id)
        if ids := list({row[column] for row in rows} - {None}):
            queries.append((sql, {"ids": ids}))
            makers.append((by_id, make))
    if queries:
        for (by_id, make), related in zip(makers, fetch_together(session, queries), strict=True):
            by_id.update((r[0], make(r)) for r in related)
    return found


def _author(r: tuple[Any, ...]) -> AuthorJson:
    return {"id": r[0], "name": r[1], "image": r[2]}


def _session(r: tuple[Any, ...]) -> SessionJson:
    return {"id": r[0], "name": r[1]}


def _feedback(r: tuple[Any, ...]) -> FeedbackJson:
    return {
        "id": r[0],
        "verdict": r[1],
        "state": r[2],
        "kind": r[3],
        "direction": r[4],
        "candle_index": r[5],
        "candle_time": _iso(r[6]),
        "price": r[7],
        "execution_number": r[8],
    }


def _execution(r: tuple[Any, ...]) -> ExecutionJson:
    return {
        "id": r[0],
        "number": r[1],
        "status": r[2],
        "phase": r[3],
        "progress": r[4],
        "agent": r[5],
        "canceled": r[6],
        "cost_usd": float(r[7]),
        "feedback_count": r[8],
        "started_at": _iso(r[9]),
        "completed_at": _iso(r[10]),
        "phases": {name: phase_json(kept) for name, kept in (r[11] or {}).items()},
        "live": is_live(r[2]),
        "agent_name": agent_name(r[5]),
    }


# The column of a message's reference, the query for what it refers to, and the value made of a row.
_RELATED: tuple[tuple[int, LiteralString, Callable[[tuple[Any, ...]], Any]], ...] = (
    (4, _AUTHORS, _author),
    (10, _SESSIONS, _session),
    (11, _FEEDBACK, _feedback),
    (12, _EXECUTIONS, _execution),
)


class AttachmentName(NamedTuple):
    """A stored attachment as a list names it."""

    name: str
    kind: str
    content_type: str


def attachment_names(session: Session, keys: Sequence[str]) -> dict[str, AttachmentName]:
    """Name, kind and type of stored attachments, by storage key."""
    sql: LiteralString = (
        "SELECT storage_key, name, kind, content_type FROM attachments WHERE storage_key = ANY(%(keys)s)"
    )
    return {row[0]: AttachmentName(*row[1:]) for row in fetch(session, sql, {"keys": list(keys)})}
