"""Reading workspaces: the list with its latest execution and message, one in full, sparklines."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import timeline
from services.database.rows import Value, fetch
from services.errors import NotFound
from services.labels import KeptRates, kept_rates, policy_from_json
from services.models import MovedRow, PatternWorkspace, User
from services.places import ApprovalPolicy
from services.rules import is_described, open_correction_sql
from services.texts import cleaned
from services.timeline import TimelineEntry


@dataclass(frozen=True, slots=True)
class WorkspaceRow:
    """A workspace as lists show it, with its latest execution and message (None where there is none yet)."""

    id: uuid.UUID
    pattern_type: str
    name: str
    category: str
    status: str
    version: str
    session_count: int
    feedback_count: int
    open_count: int
    success_rate: float | None
    success_tp: int
    success_fp: int
    success_fn: int
    last_tested_at: datetime | None
    updated_at: datetime
    archived_at: datetime | None
    execution_id: uuid.UUID | None
    execution_number: int | None
    execution_status: str | None
    execution_phase: str | None
    execution_progress: int | None
    message_type: str | None
    message_title: str | None
    message_at: datetime | None
    execution_heartbeat_at: datetime | None = None  # while a worker has it
    stored_rate: dict[str, Any] | None = None  # read by `rates`
    stored_policy: dict[str, Any] | None = None  # read by `policy`

    @property
    def rates(self) -> KeptRates:
        """The deployed version's rates: of all places, of seen and of unseen ones."""
        return kept_rates(self.stored_rate, (self.success_tp, self.success_fp, self.success_fn))

    @property
    def policy(self) -> ApprovalPolicy:
        """What the workspace asks of an approval; under its numbers a rate is not enough judged."""
        return policy_from_json(self.stored_policy)


# Latest rows and open corrections by lateral index look-ups: three an entry of the page, however long the history is,
# and none for workspaces that are not on it. Where open corrections were one aggregate over all feedback, the prepared
# statement's general plan took 100 ms, not 4.
_LIST: LiteralString = """
SELECT w.id, w.pattern_type, w.name, w.category, w.status, w.version, w.session_count, w.feedback_count,
       o.n, w.success_rate, w.success_tp, w.success_fp, w.success_fn, w.last_tested_at, w.updated_at,
       w.archived_at, e.id, e.number, e.status, e.phase, e.progress, m.type, m.title, m.created_at,
       CASE WHEN e.status = 'running' AND e.worker_id IS NOT NULL THEN e.heartbeat_at END, w.rate, w.approval_policy
FROM (
    SELECT * FROM pattern_workspaces w WHERE {where} ORDER BY w.category, w.name, w.id LIMIT %(limit)s OFFSET %(offset)s
) w
LEFT JOIN LATERAL (
    SELECT id, number, status, phase, progress, worker_id, heartbeat_at FROM claude_executions
    WHERE workspace_id = w.id ORDER BY triggered_at DESC LIMIT 1) e ON true
LEFT JOIN LATERAL (
    SELECT type, title, created_at FROM workspace_messages
    WHERE workspace_id = w.id ORDER BY created_at DESC, id DESC LIMIT 1) m ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM feedback_items
    WHERE workspace_id = w.id AND {open_correction}) o
ORDER BY w.category, w.name, w.id
"""
# A filter that is not asked for is not in the statement: as "NULL or equal" it would keep a prepared statement's general
# plan from the index.
_FILTERS: dict[str, LiteralString] = {
    "statuses": "w.status = ANY(%(statuses)s)",
    "like": "(w.name ILIKE %(like)s OR w.pattern_type ILIKE %(like)s OR w.category ILIKE %(like)s)",
    "creator": "w.created_by_id = %(creator)s",
    "category": "w.category = %(category)s",
    "live": "w.archived_at IS NULL",
    "away": "w.archived_at IS NOT NULL",
    "after_id": "(w.category, w.name, w.id) > (%(after_category)s, %(after_name)s, %(after_id)s)",
}
Place = tuple[str, str, uuid.UUID]  # category, name and id of the last row that was shown


def like_pattern(search: str) -> str:
    """What ILIKE takes to find the words anywhere, each sign as it was typed."""
    return "%" + cleaned(search).replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"


def _asked(
    statuses: Sequence[str] | None,
    search: str | None,
    category: str | None,
    archived: bool | None,
    creator: uuid.UUID | None = None,
    after: Place | None = None,
) -> tuple[LiteralString, dict[str, Value]]:
    """The conditions that are asked for, and their parameters. `archived` None takes workspaces of both kinds."""
    like = like_pattern(search) if search else None
    given: dict[str, Value] = {
        "statuses": list(statuses) if statuses else None,
        "like": like,
        "creator": creator,
        "category": category,
        "live": True if archived is False else None,
        "away": True if archived else None,
        "after_id": after[2] if after else None,
    }
    where: list[LiteralString] = [condition for name, condition in _FILTERS.items() if given[name] is not None]
    place: dict[str, Value] = {"after_category": after[0], "after_name": after[1]} if after else {}
    return " AND ".join(where) or "true", given | place


def list_workspaces(
    session: Session,
    *,
    statuses: Sequence[str] | None = None,
    search: str | None = None,
    category: str | None = None,
    created_by_id: uuid.UUID | None = None,
    archived: bool = False,
    only_archived: bool = False,
    after: Place | None = None,
    limit: int = 1000,
    offset: int = 0,
) -> list[WorkspaceRow]:
    """Workspaces by category and name, those after a place. The number of queries is one, whatever their number."""
    which = True if only_archived else None if archived else False
    where, params = _asked(statuses, search, category, which, created_by_id, after)
    sql = _LIST.format(open_correction=open_correction_sql(), where=where)
    return [WorkspaceRow(*row) for row in fetch(session, sql, {**params, "limit": limit, "offset": offset})]


def count(
    session: Session,
    *,
    statuses: Sequence[str] | None = None,
    search: str | None = None,
    category: str | None = None,
    only_archived: bool = False,
) -> int:
    """How many workspaces these filters let through."""
    where, params = _asked(statuses, search, category, only_archived)
    counted: LiteralString = "SELECT count(*) FROM pattern_workspaces w WHERE {where}"
    return int(fetch(session, counted.format(where=where), params)[0][0])


@dataclass(frozen=True, slots=True)
class WorkspaceChoice:
    """A workspace as menus offer it."""

    id: uuid.UUID
    name: str
    pattern_type: str
    category: str
    status: str
    version: str


def choices(session: Session) -> list[WorkspaceChoice]:
    """What menus offer, in the order of the list, without the archived ones: of each workspace its own row alone."""
    sql: LiteralString = (
        "SELECT id, name, pattern_type, category, status, version FROM pattern_workspaces "
        "WHERE archived_at IS NULL ORDER BY category, name, id"
    )
    return [WorkspaceChoice(*row) for row in fetch(session, sql, {})]


def names(session: Session) -> dict[uuid.UUID, str]:
    """The name of every workspace, archived ones too, in the order of the list."""
    sql: LiteralString = "SELECT id, name FROM pattern_workspaces ORDER BY category, name, id"
    return {row[0]: row[1] for row in fetch(session, sql, {})}


def categories(session: Session) -> list[str]:
    """The categories that are in use."""
    sql: LiteralString = "SELECT DISTINCT category FROM pattern_workspaces ORDER BY category"
    return [row[0] for row in fetch(session, sql, {})]


_SPARK: LiteralString = """
SELECT s.workspace_id, sum(s.tp)::int AS tp, (sum(s.tp) + sum(s.fp) + sum(s.fn))::int AS n
FROM pattern_sessions s JOIN detector_versions v ON v.id = s.detector_version_id
WHERE s.workspace_id = ANY(%(ids)s) AND s.status = 'completed'
GROUP BY s.workspace_id, v.id, v.created_at HAVING sum(s.tp) + sum(s.fp) + sum(s.fn) > 0
ORDER BY s.workspace_id, v.created_at
"""


def sparklines(session: Session, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[float]]:
    """Success rate by version, oldest first, of each workspace that was tested."""
    lines: dict[uuid.UUID, list[float]] = {}
    for workspace_id, tp, n in fetch(session, _SPARK, {"ids": list(ids)}):
        lines.setdefault(workspace_id, []).append(tp / n)
    return lines


@dataclass(frozen=True, slots=True)
class WorkspaceDetail:
    """Everything a workspace's screen shows beside the timeline."""

    id: uuid.UUID
    pattern_type: str
    name: str
    category: str
    status: str
    version: str
    description: str | None
    user_reasoning: str | None
    identification_steps: list[str]
    attachments: list[str]
    rules: str | None
    blind_review: bool
    session_count: int
    feedback_count: int
    open_count: int
    holdout_count: int
    success_rate: float | None
    success_tp: int
    success_fp: int
    success_fn: int
    last_tested_at: datetime | None
    deployed_version_id: uuid.UUID | None
    created_at: datetime
    implemented_at: datetime | None
    approved_at: datetime | None
    verified_at: datetime | None
    archived_at: datetime | None
    created_by_name: str | None
    approved_by_id: uuid.UUID | None
    approved_by_name: str | None
    verified_by_name: str | None
    message_seq: int
    rates: KeptRates
    policy: ApprovalPolicy
    replay_policy: str | None
    holdout_share: float

    @property
    def is_described(self) -> bool:
        return is_described(self)


_COUNTS: LiteralString = f"""
SELECT (SELECT count(*) FROM feedback_items WHERE workspace_id = %(w)s AND {open_correction_sql()}),
       (SELECT count(*) FROM places WHERE workspace_id = %(w)s AND split = 'holdout' AND NOT seen)
"""


def get(session: Session, workspace_id: uuid.UUID) -> WorkspaceDetail:
    """One workspace. Raises NotFound."""
    w = session.get(PatternWorkspace, workspace_id)
    if w is None:
        raise NotFound("There is no such workspace; it may have been removed, or the link is wrong.")
    people = select(User.id, User.name).where(User.id.in_([w.created_by_id, w.approved_by_id, w.verified_by_id]))
    names = {person.id: person.name for person in session.execute(people)}
    open_count, holdout_count = fetch(session, _COUNTS, {"w": workspace_id})[0]
    return WorkspaceDetail(
        id=w.id,
        pattern_type=w.pattern_type,
        name=w.name,
        category=w.category,
        status=w.status,
        version=w.version,
        description=w.description,
        user_reasoning=w.user_reasoning,
        identification_steps=[str(s) for s in w.identification_steps or []],
        attachments=list(w.attachments),
        rules=w.rules,
        blind_review=w.blind_review,
        session_count=w.session_count,
        feedback_count=w.feedback_count,
        open_count=open_count,
        holdout_count=holdout_count,
        success_rate=w.success_rate,
        success_tp=w.success_tp,
        success_fp=w.success_fp,
        success_fn=w.success_fn,
        last_tested_at=w.last_tested_at,
        deployed_version_id=w.deployed_version_id,
        created_at=w.created_at,
        implemented_at=w.implemented_at,
        approved_at=w.approved_at,
        verified_at=w.verified_at,
        archived_at=w.archived_at,
        created_by_name=names.get(w.created_by_id),
        approved_by_id=w.approved_by_id,
        approved_by_name=names.get(w.approved_by_id) if w.approved_by_id else None,
        verified_by_name=names.get(w.verified_by_id) if w.verified_by_id else None,
        message_seq=w.message_seq,
        rates=kept_rates(w.rate, (w.success_tp, w.success_fp, w.success_fn)),
        policy=policy_from_json(w.approval_policy),
        replay_policy=w.replay_policy,
        holdout_share=w.holdout_share,
    )


def moved_id(session: Session, table: str, old_id: str) -> uuid.UUID | None:
    """Where a row of the existing system went, by its id there; None for one that never came."""
    return session.scalar(select(MovedRow.new_id).where(MovedRow.old_table == table, MovedRow.old_id == old_id.strip()))


def find_id(session: Session, pattern: str) -> uuid.UUID:
    """The workspace for a pattern type or an id, as the command line takes it; also by its id in the existing system. Raises NotFound."""
    where = PatternWorkspace.pattern_type == pattern.strip().lower()
    try:
        where = PatternWorkspace.id == uuid.UUID(pattern)
    except ValueError:
        pass
    workspace_id = session.scalar(select(PatternWorkspace.id).where(where)) or moved_id(
        session, "PatternWorkspace", pattern
    )
    if workspace_id is None:
        raise NotFound(f"There is no workspace for the pattern '{pattern}'.")
    return workspace_id


@dataclass(frozen=True, slots=True)
class FullWorkspace:
    """The seed's first sample query: the workspace, its whole timeline, five sessions, the latest execution."""

    workspace: WorkspaceDetail
    messages: list[TimelineEntry]
    sessions: list[dict[str, Any]]
    latest_execution: dict[str, Any] | None


_LAST_SESSIONS: LiteralString = (
    "SELECT id, name, status, success_rate, created_at FROM pattern_sessions WHERE workspace_id = %(w)s "
    "ORDER BY created_at DESC LIMIT 5"
)
_LAST_EXECUTION: LiteralString = (
    "SELECT id, number, status, phase, progress, triggered_at FROM claude_executions WHERE workspace_id = %(w)s "
    "ORDER BY triggered_at DESC LIMIT 1"
)


def with_timeline(session: Session, workspace_id: uuid.UUID) -> FullWorkspace:
    """The workspace with its full timeline, oldest first (the seed's first sample query)."""
    keys = ("id", "name", "status", "success_rate", "created_at")
    execution_keys = ("id", "number", "status", "phase", "progress", "triggered_at")
    latest = fetch(session, _LAST_EXECUTION, {"w": workspace_id})
    return FullWorkspace(
        workspace=get(session, workspace_id),
        messages=list(timeline.full(session, workspace_id)),
        sessions=[dict(zip(keys, r, strict=True)) for r in fetch(session, _LAST_SESSIONS, {"w": workspace_id})],
        latest_execution=dict(zip(execution_keys, latest[0], strict=True)) if latest else None,
    )
