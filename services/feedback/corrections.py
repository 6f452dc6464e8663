"""The list of corrections over all workspaces: the newest first, narrowed in SQL, read from where the page before ended."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import Value, fetch
from services.feedback.reading import split_sql
from services.people import Actor
from services.rules import correction_sql, masked_sql

STAGES: Final = ("given", "sent", "fixed", "held")
COUNTED_TO: Final = 10_000  # a longer list says "more than"
Cursor = tuple[datetime, uuid.UUID]  # when the last row that was shown was given, and its id


@dataclass(frozen=True, slots=True)
class CorrectionFilter:
    """What the list is narrowed to; None lets everything through. Days are those of UTC, `until` is not in it.

    With `moved` the days are those of a move to that state ("reopened" is one back to open), and `fix_low` and
    `fix_high` bound how many seconds a fix took that still holds. `stood` is the state at the beginning of the day
    `on`. `stage` is how far a correction came at least (STAGES). Else the days are those it was given in.
    """

    workspace_id: uuid.UUID | None = None
    category: str | None = None
    person_id: uuid.UUID | None = None
    symbol: str | None = None
    states: Sequence[str] | None = None
    verdicts: Sequence[str] | None = None
    since: date | None = None
    until: date | None = None
    moved: str | None = None
    fix_low: float | None = None
    fix_high: float | None = None
    stood: str | None = None
    on: date | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class CorrectionRow:
    """A correction as the list shows it, with what became of it."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    workspace_name: str
    pattern_type: str
    session_id: uuid.UUID | None
    session_name: str | None
    verdict: str
    state: str
    kind: str | None
    direction: int | None
    symbol: str | None
    timeframe: str | None
    candle_index: int | None
    candle_time: datetime | None
    price: float | None
    expected_index: int | None
    expected_time: datetime | None
    reason: str | None
    author_id: uuid.UUID
    author_name: str
    created_at: datetime
    sent_at: datetime | None
    execution_id: uuid.UUID | None
    execution_number: int | None
    resolved_version: str | None
    updated_at: datetime
    split: str | None
    mark_id: uuid.UUID  # what it is about on the board: a detection, or itself where the detector said nothing


_SELECT: LiteralString = f"""
SELECT f.id, f.workspace_id, w.name, w.pattern_type, f.session_id, s.name, f.verdict, f.state, f.expected_kind,
       f.expected_direction, d.symbol, d.timeframe, f.candle_index, f.candle_time, f.price, f.expected_index,
       f.expected_time, f.reason, f.author_id, u.name, f.created_at, f.sent_to_claude_at, f.execution_id, e.number,
       v.version, f.updated_at, {split_sql()}, coalesce(f.detection_id, f.id)
FROM feedback_items f
JOIN pattern_workspaces w ON w.id = f.workspace_id
JOIN users u ON u.id = f.author_id
LEFT JOIN pattern_sessions s ON s.id = f.session_id
LEFT JOIN candle_datasets d ON d.id = f.dataset_id
LEFT JOIN claude_executions e ON e.id = f.execution_id
LEFT JOIN detector_versions v ON v.id = f.resolved_version_id
"""
_FILTERS: Final[dict[str, LiteralString]] = {
    "workspace": "f.workspace_id = %(workspace)s",
    "category": "f.workspace_id IN (SELECT id FROM pattern_workspaces WHERE category = %(category)s)",
    "person": "f.author_id = %(person)s",
    "symbol": "f.dataset_id IN (SELECT id FROM candle_datasets WHERE symbol = %(symbol)s)",
    "state": "f.state = %(state)s",  # one alone is a range of an index in the order of the list
    "states": "f.state = ANY(%(states)s)",
    "verdicts": "f.verdict = ANY(%(verdicts)s)",
    "moved": (
        "f.id IN (SELECT m.feedback_id FROM correction_moves m WHERE m.target = %(moved)s AND m.at >= %(since)s "
        "AND m.at < %(until)s AND (NOT %(again)s OR m.source IS NOT NULL) "
        "AND (%(fix_low)s::float8 IS NULL OR (m.stands AND m.seconds >= %(fix_low)s)) "
        "AND (%(fix_high)s::float8 IS NULL OR (m.stands AND m.seconds < %(fix_high)s)))"
    ),
    "stood": (
        "f.id IN (SELECT m.feedback_id FROM correction_moves m WHERE m.target = %(stood)s AND m.at < %(on)s "
        "AND NOT EXISTS (SELECT 1 FROM correction_moves n WHERE n.feedback_id = m.feedback_id AND n.id > m.id "
        "AND n.at < %(on)s))"
    ),
    "given": "f.created_at >= %(since)s AND f.created_at < %(until)s",
    "before": "(f.created_at, f.id) < (%(before_at)s, %(before_id)s)",
}
_STAGES: Final[dict[str, LiteralString]] = {
    "given": "true",
    "sent": "(f.sent_to_claude_at IS NOT NULL OR f.state IN ('addressed', 'verified'))",
    "fixed": "f.state IN ('addressed', 'verified')",
    "held": "f.state = 'verified'",
}


_SEEN: Final[LiteralString] = f"NOT {masked_sql('f')}"


def _asked(
    wanted: CorrectionFilter, before: Cursor | None, viewer: Actor | None
) -> tuple[LiteralString, dict[str, Value]]:
    days = wanted.since is not None or wanted.until is not None
    again = wanted.moved == "reopened"
    given: dict[str, Value] = {
        "workspace": wanted.workspace_id,
        "category": wanted.category,
        "person": wanted.person_id,
        "symbol": wanted.symbol,
        "state": wanted.states[0] if wanted.states and len(wanted.states) == 1 else None,
        "states": list(wanted.states) if wanted.states and len(wanted.states) > 1 else None,
        "verdicts": list(wanted.verdicts) if wanted.verdicts else None,
        "moved": "open" if again else wanted.moved,
        "stood": wanted.stood if wanted.on else None,
        "given": True if days and wanted.moved is None else None,
        "before": True if before else None,
    }
    where: list[LiteralString] = [correction_sql("f")]
    where += [sql for name, sql in _FILTERS.items() if given[name] is not None]
    blind = viewer is not None and viewer.may("judge")
    if blind:
        where.append(_SEEN)
    if wanted.stage is not None:
        where.append(_STAGES.get(wanted.stage, "false"))
    params: dict[str, Value] = given | {
        "viewer": viewer.id if viewer is not None and blind else None,
        "again": again,
        "fix_low": wanted.fix_low,
        "fix_high": wanted.fix_high,
        "since": f"{wanted.since} 00:00 UTC" if wanted.since else "-infinity",
        "until": f"{wanted.until} 00:00 UTC" if wanted.until else "infinity",
        "on": f"{wanted.on} 00:00 UTC" if wanted.on else None,
        "before_at": before[0] if before else None,
        "before_id": before[1] if before else None,
    }
    return " AND ".join(where), params


def corrections(
    session: Session,
    wanted: CorrectionFilter,
    *,
    before: Cursor | None = None,
    limit: int = 200,
    viewer: Actor | None = None,
) -> list[CorrectionRow]:
    """A page of corrections, the newest first; `before` is the last row of the page above it. Copies are left out, and
    so is what a blind review keeps from the viewer."""
    where, params = _asked(wanted, before, viewer)
    sql = _SELECT + "WHERE " + where + "\nORDER BY f.created_at DESC, f.id DESC LIMIT %(limit)s"
    return [CorrectionRow(*row) for row in fetch(session, sql, params | {"limit": limit})]


def count_corrections(session: Session, wanted: CorrectionFilter, *, viewer: Actor | None = None) -> int:
    """How many there are for the viewer, looked at up to COUNTED_TO and one more."""
    where, params = _asked(wanted, None, viewer)
    sql = "SELECT count(*) FROM (SELECT 1 FROM feedback_items f WHERE " + where + " LIMIT %(most)s) counted"
    return int(fetch(session, sql, params | {"most": COUNTED_TO + 1})[0][0])
