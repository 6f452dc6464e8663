"""What becomes of corrections and of deploys."""

from __future__ import annotations

from typing import Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services.rules import correction_sql
from services.stats.filters import ALL, Filters, frame

_CORRECTIONS: LiteralString = f"{correction_sql('f')} AND (%(w)s::uuid IS NULL OR f.workspace_id = %(w)s)"
_FLOW: LiteralString = (
    """
SELECT date_trunc('week', at, 'UTC'), state, count(*)
FROM (
    SELECT f.created_at AS at, 'open' AS state FROM feedback_items f WHERE """
    + _CORRECTIONS
    + """
    UNION ALL
    SELECT e.triggered_at, 'sent' FROM execution_feedback x
    JOIN feedback_items f ON f.id = x.feedback_id JOIN claude_executions e ON e.id = x.execution_id
    WHERE """
    + _CORRECTIONS
    + """
    UNION ALL
    SELECT coalesce(e.completed_at, e.errored_at), CASE x.outcome WHEN 'fixed' THEN 'addressed' ELSE 'reopened' END
    FROM execution_feedback x
    JOIN feedback_items f ON f.id = x.feedback_id JOIN claude_executions e ON e.id = x.execution_id
    WHERE x.outcome IS NOT NULL AND e.status IN ('completed', 'failed') AND """
    + _CORRECTIONS
    + """
    UNION ALL
    SELECT f.updated_at, CASE f.state WHEN 'open' THEN 'reopened' ELSE f.state END FROM feedback_items f
    WHERE (f.state IN ('verified', 'disputed', 'withdrawn') OR (f.state = 'open' AND f.resolved_version_id IS NOT NULL))
      AND """
    + _CORRECTIONS
    + """
) events
WHERE at >= %(since)s AND at < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
)
_FIXED: LiteralString = (
    "x.outcome = 'fixed' AND e.status = 'completed' AND e.completed_at >= %(since)s AND e.completed_at < %(until)s "
    "AND f.state IN ('addressed', 'verified') AND (%(w)s::uuid IS NULL OR f.workspace_id = %(w)s)"
)
# A correction that was fixed, reopened and fixed again counts once, with the fix that stands.
TIME_TO_FIX: LiteralString = (
    """
SELECT DISTINCT ON (f.id) f.id::text AS feedback_id, w.name AS workspace, f.verdict, e.number AS execution_number,
       f.created_at, e.completed_at AS fixed_at, extract(epoch FROM e.completed_at - f.created_at)::float8 AS seconds
FROM execution_feedback x
JOIN feedback_items f ON f.id = x.feedback_id
JOIN claude_executions e ON e.id = x.execution_id
JOIN pattern_workspaces w ON w.id = f.workspace_id
WHERE """
    + _FIXED
    + """
ORDER BY f.id, e.completed_at DESC
"""
)
TIME_TO_FIX_COLUMNS: Final = (
    "feedback_id",
    "workspace",
    "verdict",
    "execution_number",
    "created_at",
    "fixed_at",
    "seconds",
)
_DEPLOYS: LiteralString = """
SELECT date_trunc('day', coalesce(deploy_started_at, triggered_at), 'UTC'), deploy_target, deploy_status, count(*)
FROM claude_executions
WHERE deploy_status IS NOT NULL AND (%(w)s::uuid IS NULL OR workspace_id = %(w)s)
  AND triggered_at >= %(since)s AND triggered_at < %(until)s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def feedback_flow(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """How many corrections came to a state in each week; one that was sent twice counts twice as sent.

    Columns: week (UTC, its Monday), state (open: given; sent; addressed: fixed in the replay; reopened: not fixed, or
    the fix did not hold; verified, disputed, withdrawn), count.
    """
    return frame(session, _FLOW, filters, ("week", "state", "count"), times=("week",))


def time_to_fix(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """One row a correction whose fix stands: from when it was given to the end of the execution that fixed it.

    The period is that of the fix. Columns: feedback_id, workspace, verdict, execution_number, created_at, fixed_at,
    seconds.
    """
    times = ("created_at", "fixed_at")
    return frame(session, TIME_TO_FIX, filters, TIME_TO_FIX_COLUMNS, times=times, floats=("seconds",))


def deploy_outcomes(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """How the deploys of executions stand, each by its last attempt (`retries` tells how many it took).

    Columns: day (UTC, of its start), target (local, vercel), status (queued, building, ready, error, canceled), count.
    """
    return frame(session, _DEPLOYS, filters, ("day", "target", "status", "count"), times=("day",))
