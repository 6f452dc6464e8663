"""The list of executions: the newest first, narrowed in SQL, read from where the page before it ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import Value, fetch
from services.executions.reading import COLUMNS, ExecutionRow
from services.rules import live_sql

# The kinds of executions in filters: a canceled one is `failed` in the database, and a failed deploy is a failure too.
OUTCOMES: Final = ("live", "completed", "failed", "canceled", "deploy_failed")


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """What a list is narrowed to; None lets everything through. Days are those of UTC, `until` is not in it.

    `outcomes` are some of OUTCOMES, any of which may hold; one that nobody knows lets nothing through. `cause` is the
    kind of a failure that an attempt had within the days; the other filters' days are those of the launch.
    """

    workspace_id: uuid.UUID | None = None
    category: str | None = None
    outcomes: Sequence[str] | None = None
    agent: str | None = None
    target: str | None = None
    person_id: uuid.UUID | None = None
    since: date | None = None
    until: date | None = None
    retries: int | None = None
    deploy: str | None = None
    cause: str | None = None


Cursor = tuple[datetime, uuid.UUID]  # the launch and the id of the last row that was shown

_OUTCOME: Final[dict[str, LiteralString]] = {
    "live": live_sql("e"),
    "completed": "e.status = 'completed'",
    "failed": "e.status = 'failed' AND e.canceled_at IS NULL",
    "canceled": "e.status = 'failed' AND e.canceled_at IS NOT NULL",
    "deploy_failed": "e.status = 'failed' AND e.canceled_at IS NULL AND e.deploy_status = 'error'",
}
# A filter that is not asked for is not in the statement: as "NULL or equal" it would keep a prepared statement's general
# plan from the index.
_FILTERS: Final[dict[str, LiteralString]] = {
    "workspace": "e.workspace_id = %(workspace)s",
    "category": "e.workspace_id IN (SELECT id FROM pattern_workspaces WHERE category = %(category)s)",
    "agent": "e.agent = %(agent)s",
    "target": "e.deploy_target = %(target)s",
    "person": "e.triggered_by = %(person)s",
    "retries": "e.retry_count = %(retries)s AND e.retry_count > 0",
    "deploy": "e.deploy_status = %(deploy)s",
    "cause": (
        "e.id IN (SELECT a.execution_id FROM execution_attempts a WHERE a.decision->>'kind' = %(cause)s "
        "AND a.ended_at >= %(since)s AND a.ended_at < %(until)s)"
    ),
    "launched": "e.triggered_at >= %(since)s AND e.triggered_at < %(until)s",
    "before": "(e.triggered_at, e.id) < (%(before_at)s, %(before_id)s)",
}


def _asked(wanted: ExecutionFilter, before: Cursor | None) -> tuple[LiteralString, dict[str, Value]]:
    """The conditions, and the parameters of all of them."""
    days = wanted.since is not None or wanted.until is not None
    given: dict[str, Value] = {
        "workspace": wanted.workspace_id,
        "category": wanted.category,
        "agent": wanted.agent,
        "target": wanted.target,
        "person": wanted.person_id,
        "retries": wanted.retries,
        "deploy": wanted.deploy,
        "cause": wanted.cause,
        "launched": True if days and wanted.cause is None else None,
        "before": True if before else None,
    }
    where: list[LiteralString] = [sql for name, sql in _FILTERS.items() if given[name] is not None]
    if wanted.retries == 0:
        where[where.index(_FILTERS["retries"])] = "e.retry_count = 0"
    if wanted.outcomes:
        known: list[LiteralString] = [f"({sql})" for name, sql in _OUTCOME.items() if name in wanted.outcomes]
        where.append(f"({' OR '.join(known)})" if known else "false")
    params: dict[str, Value] = given | {
        # A day without its zone would be one of the server's zone.
        "since": f"{wanted.since} 00:00 UTC" if wanted.since else "-infinity",
        "until": f"{wanted.until} 00:00 UTC" if wanted.until else "infinity",
        "before_at": before[0] if before else None,
        "before_id": before[1] if before else None,
    }
    return " AND ".join(where) or "true", params


def list_executions(
    session: Session,
    *,
    workspace_id: uuid.UUID | None = None,
    outcomes: Sequence[str] | None = None,
    agent: str | None = None,
    limit: int = 200,
) -> list[ExecutionRow]:
    """The newest executions first. `outcomes` are some of OUTCOMES."""
    wanted = ExecutionFilter(workspace_id=workspace_id, outcomes=outcomes, agent=agent)
    return page_of(session, wanted, limit=limit)


def page_of(
    session: Session, wanted: ExecutionFilter, *, before: Cursor | None = None, limit: int = 200
) -> list[ExecutionRow]:
    """A page of the list, the newest first; `before` is the last row of the page above it.

    One index range a page, whatever the number of executions and however deep it is.
    """
    where, params = _asked(wanted, before)
    sql = COLUMNS + "WHERE " + where + "\nORDER BY e.triggered_at DESC, e.id DESC LIMIT %(limit)s"
    return [ExecutionRow(*row) for row in fetch(session, sql, params | {"limit": limit})]


_FIRST: LiteralString = (
    "SELECT triggered_at FROM claude_executions WHERE workspace_id = %(workspace)s ORDER BY triggered_at LIMIT 1"
)


def first_launch(session: Session, workspace_id: uuid.UUID) -> datetime | None:
    """When a workspace's first execution was launched: one row of an index."""
    rows = fetch(session, _FIRST, {"workspace": workspace_id})
    return rows[0][0] if rows else None
