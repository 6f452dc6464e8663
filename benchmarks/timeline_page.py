"""Line 1: a page of a timeline with author, session, feedback and execution of its 50 entries.

The floor: the same columns by the fastest way we found by hand. That is a split of queries, prepared, on an open
connection in autocommit, the related rows in one pipeline, references as text, rows left as tuples. (Waiting for each
query in turn, or UUIDs as objects, is slower and would flatter us.) Ours is the whole unit of work: a connection from
the pool, the transaction, the entries as the screens get them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg

from benchmarks.database import connect
from benchmarks.dataset import BIGGEST, SMALLEST
from benchmarks.measuring import Call, Result, in_turns, slower
from services import timeline
from services.database.engine import engine_for, transaction
from services.timeline import PAGE, TimelineEntry

Place = tuple[Any, uuid.UUID]  # created_at and id of the entry before which a page ends
Rows = list[tuple[Any, ...]]

_COLUMNS = """SELECT id, seq, type, created_at, author_id::text, author_type, title, content, data, attachments,
session_id::text, feedback_id::text, execution_id::text, status, progress, edited_at, deleted_at FROM workspace_messages WHERE workspace_id = %s """
_NEWEST = _COLUMNS + "ORDER BY created_at DESC, id DESC LIMIT %s"
_BEFORE = _COLUMNS + "AND (created_at, id) < (%s, %s) ORDER BY created_at DESC, id DESC LIMIT %s"
_RELATED = (
    (4, "SELECT id::text, name, image FROM users WHERE id = ANY(%s::uuid[])"),
    (10, "SELECT id::text, name, status FROM pattern_sessions WHERE id = ANY(%s::uuid[])"),
    (
        11,
        "SELECT f.id::text, f.verdict, f.state, f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, "
        "f.price, f.made_by, e.number FROM feedback_items f LEFT JOIN claude_executions e ON e.id = f.execution_id "
        "WHERE f.id = ANY(%s::uuid[])",
    ),
    (
        12,
        "SELECT id::text, number, status, phase, progress, agent, canceled_at IS NOT NULL, cost_usd, "
        "cardinality(feedback_ids), coalesce(started_at, triggered_at), coalesce(completed_at, errored_at), phases, "
        "retry_count FROM claude_executions "
        "WHERE id = ANY(%s::uuid[])",
    ),
)


@contextmanager
def floor(url: str) -> Iterator[Any]:
    """A function (workspace, place or None) → messages and their related rows, on one open connection."""
    with connect(url, autocommit=True) as connection:
        cursors = [connection.cursor() for _ in _RELATED]
        yield lambda workspace_id, before=None: _floor_page(connection, cursors, workspace_id, before)


def _floor_page(
    connection: psycopg.Connection[Any],
    cursors: list[psycopg.Cursor[Any]],
    workspace_id: uuid.UUID,
    before: Place | None,
) -> tuple[Rows, list[Rows]]:
    cursor = cursors[0]
    if before is None:
        rows = cursor.execute(_NEWEST, (workspace_id, PAGE)).fetchall()
    else:
        rows = cursor.execute(_BEFORE, (workspace_id, *before, PAGE)).fetchall()
    asked = []
    with connection.pipeline():
        for cursor, (column, statement) in zip(cursors, _RELATED, strict=True):
            if ids := list({row[column] for row in rows if row[column] is not None}):
                cursor.execute(statement, (ids,))
                asked.append(cursor)
        related = [cursor.fetchall() for cursor in asked]
    return rows, related


def run(url: str, *, n: int, deep: int) -> list[Result]:
    """Times of the newest page of the biggest and of the smallest workspace, and of the one `deep` entries back."""
    engine = engine_for(url)

    def ours(workspace_id: uuid.UUID, before: Place | None = None) -> list[TimelineEntry]:
        with transaction(engine) as session:
            return timeline.page(session, workspace_id, before=before)

    with floor(url) as theirs, connect(url, autocommit=True) as connection:
        big, small = (_workspace(connection, number) for number in (BIGGEST, SMALLEST))
        place = _place(connection, big, deep)
        pages: dict[str, tuple[Any, ...]] = {"big": (big,), "small": (small,), "deep": (big, place)}
        calls: dict[str, Call] = {}
        for name, arguments in pages.items():
            _same(ours(*arguments), *theirs(*arguments))
            calls[f"{name} ours"] = partial(ours, *arguments)
            calls[f"{name} floor"] = partial(theirs, *arguments)
        t = in_turns(calls, n=n)
        entries = _count(connection, big)
    against = "hand-written SQL"
    return [
        slower(1, f"newest page of {entries:,}", t["big ours"], t["big floor"], against=against, limit=1.5),
        slower(1, "newest page of 100", t["small ours"], t["small floor"], against=against, limit=1.5),
        slower(1, f"page {deep:,} entries deep", t["deep ours"], t["deep floor"], against=against, limit=1.5),
        slower(1, f"newest of {entries:,} to newest of 100", t["big ours"], t["small ours"],
               against="the workspace with 100", limit=1.2),
        slower(1, f"{deep:,} deep to newest", t["deep ours"], t["big ours"], against="the newest page", limit=1.2),
    ]  # fmt: skip


def _same(entries: list[TimelineEntry], rows: Rows, related: list[Rows]) -> None:
    """Both sides must have read the same; otherwise their times say nothing."""
    assert [(e.id, e.seq, e.type, e.content, e.data) for e in entries] == [
        (r[0], r[1], r[2], r[7], r[8]) for r in reversed(rows)
    ]
    assert len(rows) == PAGE, f"the page has {len(rows)} entries"
    for name, found in zip(("author", "session", "feedback", "execution"), related, strict=True):
        ids = {part["id"] for e in entries if (part := getattr(e, name)) is not None}
        assert ids == {r[0] for r in found}, name
        assert ids, f"no entry of the page has a {name}"


def _workspace(connection: psycopg.Connection[Any], number: int) -> uuid.UUID:
    sql = "SELECT id FROM pattern_workspaces WHERE pattern_type = %s"
    row = connection.execute(sql, (f"pattern_{number:04}",)).fetchone()
    assert row is not None
    found: uuid.UUID = row[0]
    return found


def _count(connection: psycopg.Connection[Any], workspace_id: uuid.UUID) -> int:
    row = connection.execute(
        "SELECT count(*) FROM workspace_messages WHERE workspace_id = %s", (workspace_id,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _place(connection: psycopg.Connection[Any], workspace_id: uuid.UUID, deep: int) -> Place:
    sql = ("SELECT created_at, id FROM workspace_messages WHERE workspace_id = %s "
           "ORDER BY created_at DESC, id DESC OFFSET %s LIMIT 1")  # fmt: skip
    row = connection.execute(sql, (workspace_id, deep)).fetchone()
    assert row is not None
    return row[0], row[1]
