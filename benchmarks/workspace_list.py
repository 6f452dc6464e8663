"""Line 3: the list of workspaces with the latest execution, the latest message and the open corrections of each.

The floor: one statement by hand for the same columns, without the list's filters, prepared, on an open connection in
autocommit, rows as tuples. Ours is the whole unit of work, with the filters that the screen passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from benchmarks.database import connect
from benchmarks.measuring import Result, in_turns, slower
from services import workspaces
from services.database.engine import engine_for, transaction
from services.workspaces import WorkspaceRow

_FLOOR = """
SELECT w.id, w.pattern_type, w.name, w.category, w.status, w.version, w.session_count, w.feedback_count, o.n,
       w.success_rate, w.success_tp, w.success_fp, w.success_fn, w.last_tested_at, w.updated_at, w.archived_at,
       e.id, e.number, e.status, e.phase, e.progress, m.type, m.title, m.created_at,
       CASE WHEN e.status = 'running' AND e.worker_id IS NOT NULL THEN e.heartbeat_at END
FROM pattern_workspaces w
LEFT JOIN LATERAL (SELECT id, number, status, phase, progress, worker_id, heartbeat_at FROM claude_executions
                   WHERE workspace_id = w.id ORDER BY triggered_at DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (SELECT type, title, created_at FROM workspace_messages
                   WHERE workspace_id = w.id ORDER BY created_at DESC, id DESC LIMIT 1) m ON true
CROSS JOIN LATERAL (SELECT count(*) AS n FROM feedback_items
                    WHERE workspace_id = w.id AND state = 'open' AND made_by <> 'carried'
                      AND verdict NOT IN ('confirmed', 'unsure')) o
WHERE w.archived_at IS NULL ORDER BY w.category, w.name, w.id
"""


def run(url: str, *, n: int) -> list[Result]:
    """Times of the whole list as it stands, and how many statements it took."""
    engine = engine_for(url)

    def ours() -> list[WorkspaceRow]:
        with transaction(engine) as session:
            return workspaces.list_workspaces(session)

    with connect(url, autocommit=True) as connection, connection.cursor() as cursor:

        def theirs() -> list[tuple[Any, ...]]:
            return cursor.execute(_FLOOR).fetchall()

        mine, other = ours(), theirs()
        assert [tuple(getattr(row, name) for name in WorkspaceRow.__slots__) for row in mine] == other
        with _counted() as statements:
            ours()
        t = in_turns({"ours": ours, "floor": theirs}, n=n)
    name = f"list of {len(mine):,} ({len(statements)} statement{'s' if len(statements) != 1 else ''})"
    return [slower(3, name, t["ours"], t["floor"], against="hand-written SQL", limit=1.5)]


@contextmanager
def _counted() -> Iterator[list[object]]:
    """The statements of the block, wherever they come from: every cursor of the process notes what it runs."""
    seen: list[object] = []
    plain = psycopg.Cursor.execute

    def noting(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        seen.append(query)
        return plain(cursor, query, *arguments, **options)

    psycopg.Cursor.execute = noting  # type: ignore[method-assign, assignment]
    try:
        yield seen
    finally:
        psycopg.Cursor.execute = plain  # type: ignore[method-assign]
