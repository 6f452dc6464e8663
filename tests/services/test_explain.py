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

from services import executions, feedback, timeline, workspaces
from services.database.rows import driver
from services.executions import ExecutionFilter
from services.stats import Filters, executions_by_day, kept

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
INSERT INTO claude_executions (id, workspace_id, number, triggered_by, triggered_at, status, completed_at, error,
                               canceled_at, agent, deploy_status, retry_count)
SELECT gen_random_uuid(), w.id, n, w.created_by_id, now() - n * interval '1 day',
       CASE WHEN n = 1 AND w.pattern_type LIKE '%0' THEN 'running' WHEN n % 20 = 7 THEN 'failed' ELSE 'completed' END,
       now(), 'It failed.', CASE WHEN n = 47 THEN now() END, CASE WHEN n % 30 = 11 THEN 'claude' ELSE 'tuner' END,
       CASE WHEN n % 30 = 13 THEN 'error' END, CASE WHEN n % 30 = 17 THEN 3 ELSE 0 END
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
        connection.execute(
            text("ANALYZE users, pattern_workspaces, workspace_messages, claude_executions, stat_changes")
        )
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


@pytest.mark.long
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


@pytest.mark.long
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


def test_a_page_of_workspaces_looks_up_its_own_rows_alone(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    first = workspaces.list_workspaces(session, limit=100)
    place = (first[-1].category, first[-1].name, first[-1].id)
    caught.clear()
    second = workspaces.list_workspaces(session, category="price_action", after=place, limit=100)
    assert len(second) == 100 and (second[0].category, second[0].name, second[0].id) > place
    query, params = caught[0]
    row = driver(session).execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {query}", params).fetchone()
    assert row is not None
    looked_up = {name: n for name, n in loops(row[0][0]["Plan"]) if name in ("claude_executions", "workspace_messages")}
    assert looked_up and set(looked_up.values()) == {100}, "one look-up a row of the page, none for the others"


def test_a_page_of_workspaces_is_read_in_the_order_of_its_index(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    first = workspaces.list_workspaces(session, limit=100)
    place = (first[-1].category, first[-1].name, first[-1].id)
    for after in (None, place):
        _, indexes = explained(
            session, caught, lambda after=after: workspaces.list_workspaces(session, after=after, limit=100),  # type: ignore[misc]
            "pattern_workspaces",
        )  # fmt: skip
        assert indexes == {"ix_pattern_workspaces_category_name_id"}, after


def test_menus_read_the_rows_of_workspaces_alone(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    caught.clear()
    offered = workspaces.choices(session)
    assert len(caught) == 1 and "JOIN" not in str(caught[0][0])
    assert [(one.category, one.name) for one in offered] == sorted((one.category, one.name) for one in offered)


def loops(plan: dict[str, Any]) -> Iterator[tuple[str, int]]:
    if "Relation Name" in plan:
        yield plan["Relation Name"], plan["Actual Loops"]
    for part in plan.get("Plans", []):
        yield from loops(part)


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


def test_the_list_of_executions_is_read_in_the_order_of_an_index_whatever_is_asked(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    """Each filter of the list, and a page deep in it: a range of an index, never all rows."""
    first = executions.page_of(session, ExecutionFilter(), limit=50)
    place = (first[-1].triggered_at, first[-1].id)
    person_id = session.execute(
        text("SELECT created_by_id FROM pattern_workspaces WHERE id = :id"), {"id": home}
    ).scalar_one()
    today = datetime.now(UTC).date()
    wanted = {
        "ix_claude_executions_triggered_at_id": ExecutionFilter(since=today - timedelta(days=9), until=today),
        "ix_claude_executions_workspace_id_triggered_at": ExecutionFilter(workspace_id=home),
        "ix_claude_executions_listed_person": ExecutionFilter(person_id=person_id),
        "ix_claude_executions_listed_agent": ExecutionFilter(agent="claude"),
        "ix_claude_executions_listed_failed": ExecutionFilter(outcomes=["failed"]),
        "ix_claude_executions_listed_canceled": ExecutionFilter(outcomes=["canceled"]),
        "ix_claude_executions_listed_deploy": ExecutionFilter(deploy="error"),
        "ix_claude_executions_listed_retries": ExecutionFilter(retries=3),
    }
    for index, narrowed in wanted.items():
        for before in (None, place):
            _, indexes = explained(
                session, caught, lambda f=narrowed, b=before: executions.page_of(session, f, before=b, limit=50),  # type: ignore[misc]
                "claude_executions", general=False,
            )  # fmt: skip
            # Few rows of one workspace are found by either of its indexes.
            assert indexes <= {index, "uq_claude_executions_workspace_id_number"}, (narrowed, before)


def test_a_first_launch_is_one_row_of_an_index(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    caught.clear()
    executions.first_launch(session, home)
    query, params = caught[0]
    plan = driver(session).execute(f"EXPLAIN (FORMAT JSON, ANALYZE) {query}", params).fetchone()
    assert plan is not None
    below = plan[0][0]["Plan"]["Plans"][0]
    assert below["Index Name"] == "ix_claude_executions_workspace_id_triggered_at" and below["Actual Rows"] == 1


def test_a_statistic_reads_the_kept_sums_by_their_key(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    session.execute(text("SELECT stat_refill()"))
    session.execute(text("ANALYZE stat_days"))
    week = Filters(home, datetime.now(UTC) - timedelta(days=7))
    for statistic in (kept.runs, kept.deploys, kept.flow, kept.causes, kept.retries):
        caught.clear()
        statistic(session, week)
        query, params = caught[0]
        row = driver(session).execute(f"EXPLAIN (FORMAT JSON) {query}", params).fetchone()
        assert row is not None
        assert ("stat_days", "pk_stat_days") in set(scans(row[0][0]["Plan"])) or any(
            index == "pk_stat_days" for _, index in scans(row[0][0]["Plan"])
        )


@pytest.mark.long
def test_corrections_are_listed_in_the_order_of_an_index(
    session: Session, home: uuid.UUID, caught: list[tuple[Any, Any]]
) -> None:
    session.execute(
        text(
            "INSERT INTO feedback_items (id, workspace_id, author_id, verdict, state, created_at, updated_at) "
            "SELECT gen_random_uuid(), w.id, w.created_by_id, 'comment', "
            "CASE WHEN n % 190 = 0 THEN 'disputed' ELSE 'open' END, now() - n * interval '1 hour', now() "
            "FROM (SELECT * FROM pattern_workspaces WHERE pattern_type LIKE 'explained_%' LIMIT 20) w "
            "CROSS JOIN generate_series(1, 200) n"
        )
    )
    session.execute(text("ANALYZE feedback_items"))
    wanted = {
        "ix_feedback_items_listed": feedback.CorrectionFilter(),
        "ix_feedback_items_listed_state": feedback.CorrectionFilter(states=["disputed"]),
    }
    for index, narrowed in wanted.items():
        rows, indexes = explained(
            session, caught, lambda f=narrowed: feedback.corrections(session, f, limit=50),  # type: ignore[misc]
            "feedback_items", general=False,
        )  # fmt: skip
        assert len(rows) == (20 if narrowed.states else 50) and {
            name for name in indexes if "feedback_items" in name or "Scan" in name
        } == {index}
