"""The seed's five critical queries, as the product runs them, use the seed's indexes.

Each is caught on its way to the database while the service's own function runs, and explained with its own parameters.
There are as many rows as make a difference, freshly analysed, and no plan is switched off.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services import executions, timeline, workspaces
from services.database.rows import driver
from services.stats import Filters, executions_by_day

WORKSPACES, RUNS, MESSAGES = 4_000, 60, 300  # of all; a workspace among 300 of them; a workspace among 30

_WORKSPACES = """
INSERT INTO users (id, email, name, role)
SELECT gen_random_uuid(), 'someone' || n || '@example.com', 'Someone ' || n, 'member' FROM generate_series(1, 400) n;
INSERT INTO pattern_workspaces (id, pattern_type, name, category, status, created_by_id, message_seq, execution_seq)
SELECT gen_random_uuid(), 'explained_' || n, 'Explained ' || n, 'price_action',
       CASE WHEN n % 100 = 0 THEN 'implementing' ELSE 'beta' END, u.id, :messages, :runs
FROM generate_series(1, :workspaces) n
JOIN (SELECT id, row_number() OVER () AS number FROM users WHERE email LIKE 'someone%') u ON u.number = n % 400 + 1
"""
_EXECUTIONS = """
INSERT INTO claude_executions (id, workspace_id, number, triggered_by, triggered_at, status, completed_at)
SELECT gen_random_uuid(), w.id, n, w.created_by_id, now() - n * interval '1 day',
       CASE WHEN n = 1 AND w.pattern_type LIKE '%0' THEN 'running' ELSE 'completed' END, now()
FROM (SELECT * FROM pattern_workspaces WHERE pattern_type LIKE 'explained_%' ORDER BY pattern_type LIMIT 300) w
CROSS JOIN generate_series(1, :runs) n
"""
_MESSAGES = """
INSERT INTO workspace_messages (id, workspace_id, seq, type, created_at, author_type, content, data)
SELECT gen_random_uuid(), w.id, n, 'comment', now() - n * interval '1 minute', 'system', 'Said ' || n, '{}'
FROM (SELECT * FROM pattern_workspaces WHERE pattern_type LIKE 'explained_%' ORDER BY pattern_type LIMIT 30) w
CROSS JOIN generate_series(1, :messages) n
"""


@pytest.fixture(scope="module")
def session(engine: Engine) -> Iterator[Session]:
    """A session with the rows in it, made once for all tests here; all of it is gone after them."""
    sizes = {"workspaces": WORKSPACES, "runs": RUNS, "messages": MESSAGES}
    with engine.connect() as connection, connection.begin() as transaction:
        for statements in (_WORKSPACES, _EXECUTIONS, _MESSAGES):
            for statement in statements.split(";\n"):
                used = {name: size for name, size in sizes.items() if f":{name}" in statement}
                connection.execute(text(statement), used)
        connection.execute(text("ANALYZE users, pattern_workspaces, workspace_messages, claude_executions"))
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        transaction.rollback()


@pytest.fixture(scope="module")
def home(session: Session) -> uuid.UUID:
    """A workspace among many, with messages and executions."""
    found = session.execute(text("SELECT id FROM pattern_workspaces WHERE pattern_type = 'explained_1'")).scalar_one()
    assert isinstance(found, uuid.UUID)
    return found


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """Every statement that a cursor of psycopg runs, with its parameters."""
    seen: list[tuple[Any, Any]] = []
    plain = psycopg.Cursor.execute

    def noting(cursor: psycopg.Cursor[Any], query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        seen.append((query, params))
        return plain(cursor, query, params, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", noting)
    return seen


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(table, index) of each scan in a plan; for a bitmap the index is that of the scan under it."""
    if "Index Name" in plan:
        yield plan.get("Relation Name", ""), plan["Index Name"]
    elif "Relation Name" in plan and "Plans" not in plan:
        yield plan["Relation Name"], plan["Node Type"]
    for part in plan.get("Plans", []):
        yield from scans(part)


def explained(
    session: Session, caught: list[tuple[Any, Any]], run: Callable[[], Any], table: str, *, general: bool = True
) -> tuple[list[Any], set[str]]:
    """What the service's function returned, and the indexes on `table` of the statement it ran.

    With `general` the plan that a prepared statement may settle on, whatever its parameters, must use the same.
    """
    caught.clear()
    returned = run()
    statements = [(query, params) for query, params in caught if f"FROM {table}" in str(query)]
    assert len(statements) == 1, f"one statement on {table}, not {len(statements)}"
    found = _indexes(session, *statements[0], table, mode="force_custom_plan")
    if general:
        assert _indexes(session, *statements[0], table, mode="force_generic_plan") == found
    return list(returned), found


def _indexes(session: Session, query: str, params: Any, table: str, *, mode: str) -> set[str]:
    connection = driver(session)
    connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {query}", params, prepare=True).fetchone()
    connection.execute("SET LOCAL plan_cache_mode = auto")
    assert row is not None
    return {index for name, index in scans(row[0][0]["Plan"]) if name in ("", table)}


def test_a_timeline_is_read_in_the_order_of_its_index(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    newest, indexes = explained(session, caught, lambda: timeline.page(session, home), "workspace_messages")
    assert len(newest) == 50
    assert indexes == {"ix_workspace_messages_workspace_id_created_at_id"}
    place = (newest[0].created_at, newest[0].id)
    older, indexes = explained(
        session, caught, lambda: timeline.page(session, home, before=place), "workspace_messages"
    )
    assert [entry.seq for entry in older] == list(range(100, 50, -1))
    assert indexes == {"ix_workspace_messages_workspace_id_created_at_id"}


def test_a_timeline_needs_no_sort(session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]) -> None:
    caught.clear()
    timeline.page(session, home)
    query, params = caught[0]
    lines = driver(session).execute(f"EXPLAIN {query}", params).fetchall()
    assert not any("Sort" in line for (line,) in lines), lines


def test_the_workspaces_of_a_person(session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]) -> None:
    creator = session.execute(
        text("SELECT created_by_id FROM pattern_workspaces WHERE id = :id"), {"id": home}
    ).scalar_one()
    rows, indexes = explained(
        session, caught, lambda: workspaces.list_workspaces(session, created_by_id=creator), "pattern_workspaces"
    )
    assert len(rows) == WORKSPACES / 400 and home in {row.id for row in rows}
    assert "ix_pattern_workspaces_created_by_id" in indexes


def test_the_workspaces_of_a_status(session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]) -> None:
    rows, indexes = explained(
        session, caught, lambda: workspaces.list_workspaces(session, statuses=["implementing"]), "pattern_workspaces"
    )
    assert {row.status for row in rows} == {"implementing"} and len(rows) == WORKSPACES / 100
    assert "ix_pattern_workspaces_status" in indexes


def test_active_executions(session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]) -> None:
    rows, indexes = explained(session, caught, lambda: executions.list_active(session), "claude_executions")
    assert rows and {row.status for row in rows} == {"running"}
    assert "ix_claude_executions_status" in indexes


def test_the_statistics_of_a_workspace_by_time(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    filters = Filters(workspace_id=home, since=datetime.now(UTC) - timedelta(days=7, hours=-1))
    frame, indexes = explained(
        session, caught, lambda: [executions_by_day(session, filters)], "claude_executions", general=False
    )
    assert frame[0]["count"].sum() == 6
    assert indexes == {"ix_claude_executions_workspace_id_triggered_at"}
