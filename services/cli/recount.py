"""Counting everything again from the judgements, by SQL written apart from the services, and saying what differs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services import labels, sessions
from services.database.rows import driver, fetch
from services.models import PatternSession, PatternWorkspace

_SQL = Path(__file__).with_name("recount.sql")
_STATISTICS = Path(__file__).with_name("recount_statistics.sql")


@dataclass(frozen=True, slots=True)
class Difference:
    """What is kept beside what the recount says."""

    what: str
    where: str
    kept: str
    counted: str


_COUNTERS: LiteralString = """
SELECT w.name, c.what, c.kept::text, c.counted::text FROM pattern_workspaces w CROSS JOIN LATERAL (VALUES
    ('sessions', w.session_count, (SELECT count(*) FROM pattern_sessions s WHERE s.workspace_id = w.id)),
    ('feedback', w.feedback_count, (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id
        AND f.verdict NOT IN ('confirmed', 'unsure'))),
    ('messages', w.message_seq, (SELECT count(*) FROM workspace_messages m WHERE m.workspace_id = w.id)),
    ('executions', w.execution_seq, (SELECT count(*) FROM claude_executions e WHERE e.workspace_id = w.id))
) c(what, kept, counted) WHERE c.kept <> c.counted ORDER BY 1, 2
"""
# A table of places that is older than the newest judgement is not wrong: it is derived again before it is read.
_PLACES: LiteralString = """
SELECT w.name, coalesce(k.founder_id, r.founder_id)::text || repeat('+', coalesce(k.part, r.part)),
       coalesce(k.status || ' #' || k.anchor_bar, 'none'), coalesce(r.status || ' #' || r.bar, 'none')
FROM places k FULL JOIN rc_place r ON r.founder_id = k.founder_id AND r.part = k.part
JOIN pattern_workspaces w ON w.id = coalesce(k.workspace_id, r.workspace_id)
WHERE (k.status, k.anchor_bar) IS DISTINCT FROM (r.status, r.bar)
  AND w.places_at >= coalesce((SELECT max(updated_at) FROM feedback_items WHERE workspace_id = w.id), w.places_at)
  AND w.places_at >= coalesce((SELECT max(created_at) FROM place_decisions WHERE workspace_id = w.id), w.places_at)
ORDER BY 1, 2
"""
_RATES: LiteralString = """
SELECT w.name, concat_ws('/', w.success_tp, w.success_fp, w.success_fn), concat_ws('/', r.tp, r.fp, r.fn)
FROM pattern_workspaces w JOIN rc_score r ON r.scope = w.id
WHERE (w.success_tp, w.success_fp, w.success_fn) <> (r.tp, r.fp, r.fn)
  AND NOT EXISTS (SELECT 1 FROM feedback_items f JOIN pattern_sessions s ON s.id = f.session_id
                  WHERE f.workspace_id = w.id AND s.status = 'active' AND f.updated_at > w.last_tested_at)
ORDER BY 1
"""
# A frozen score stays when others judge the same bars later, settle a place or declare bars fully checked; it is looked at
# only while nothing of that happened since.
_SESSIONS: LiteralString = """
SELECT s.name, concat_ws('/', s.tp, s.fp, s.fn), concat_ws('/', r.tp, r.fp, r.fn)
FROM pattern_sessions s JOIN rc_score r ON r.scope = s.id
WHERE s.status = 'completed' AND (s.tp, s.fp, s.fn) <> (r.tp, r.fp, r.fn) AND s.score_note IS NULL
  AND NOT EXISTS (SELECT 1 FROM feedback_items f WHERE f.workspace_id = s.workspace_id
                  AND greatest(f.created_at, f.judged_at) > s.completed_at)
  AND NOT EXISTS (SELECT 1 FROM feedback_items f WHERE f.workspace_id = s.workspace_id AND f.state = 'withdrawn'
                  AND f.updated_at > s.completed_at)
  AND NOT EXISTS (SELECT 1 FROM place_decisions d WHERE d.workspace_id = s.workspace_id AND d.created_at > s.completed_at)
  AND NOT EXISTS (SELECT 1 FROM pattern_sessions o WHERE o.workspace_id = s.workspace_id
                  AND o.completed_at > s.completed_at AND (o.coverage = 'exhaustive' OR EXISTS (
                      SELECT 1 FROM session_coverage c WHERE c.session_id = o.id AND c.coverage = 'exhaustive')))
ORDER BY 1
"""


def recount(session: Session, *, fix: bool) -> list[Difference]:
    """What differs from the recount. With `fix` the services write counters, rates and places again; frozen scores stay,
    with a note of what the rule says now."""
    session.flush()
    statement: Any = _SQL.read_text(encoding="utf-8")
    with psycopg.ClientCursor(driver(session)) as cursor:
        cursor.execute(statement)
    found = [Difference(what, where, kept, counted) for where, what, kept, counted in fetch(session, _COUNTERS)]
    found += [
        Difference(f"place {place}", where, kept, counted) for where, place, kept, counted in fetch(session, _PLACES)
    ]
    found += [Difference("success rate", *row) for row in fetch(session, _RATES)]
    found += [Difference("frozen score", *row) for row in fetch(session, _SESSIONS)]
    found += recount_statistics(session)
    if fix and found:
        _fix(session)
    return found


def recount_statistics(session: Session) -> list[Difference]:
    """Where the sums of the statistics differ from their rows, 200 at most."""
    session.flush()
    statement: Any = _STATISTICS.read_text(encoding="utf-8")
    connection = driver(session)
    connection.execute("SET LOCAL jit = off")  # compiling this statement takes longer than running it
    rows = connection.execute(statement, {}).fetchall()
    return [Difference(f"sum of {what}", where, kept, counted) for where, what, kept, counted in rows]


def _fix(session: Session) -> None:
    session.execute(
        text(
            "UPDATE pattern_workspaces w SET "
            "session_count = (SELECT count(*) FROM pattern_sessions s WHERE s.workspace_id = w.id), "
            "feedback_count = (SELECT count(*) FROM feedback_items f WHERE f.workspace_id = w.id "
            "AND f.verdict NOT IN ('confirmed', 'unsure')), "
            "message_seq = greatest(message_seq, (SELECT count(*) FROM workspace_messages m WHERE m.workspace_id = w.id)), "
            "execution_seq = greatest(execution_seq, (SELECT count(*) FROM claude_executions e WHERE e.workspace_id = w.id))"
        )
    )
    session.expire_all()
    for workspace in session.scalars(select(PatternWorkspace)):
        known = labels.keep(session, workspace.id)
        labels.note_rate(session, workspace, known)
        rows = select(PatternSession).where(
            PatternSession.workspace_id == workspace.id, PatternSession.status == "completed"
        )
        for row in session.scalars(rows):
            sessions.note_difference(session, row, known)
    session.flush()
    session.execute(text("SELECT stat_refill()"))


def as_json(found: list[Difference]) -> dict[str, Any]:
    """What the command prints."""
    return {"differences": [asdict(one) for one in found]}
