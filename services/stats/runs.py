"""Executions counted: by day and outcome, by retries, by phase, by cost. The period is that of the launch."""

from __future__ import annotations

from typing import Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services.stats.filters import ALL, Filters, chosen_sql, frame

# The seed has no canceled status: a canceled run is a failed one with the time of its cancellation.
_OUTCOME: LiteralString = "CASE WHEN status = 'failed' AND canceled_at IS NOT NULL THEN 'canceled' ELSE status END"
_ENDED: LiteralString = f"""
FROM claude_executions
WHERE status IN ('completed', 'failed') AND {chosen_sql("workspace_id")}
  AND triggered_at >= %(since)s AND triggered_at < %(until)s
"""
_BY_DAY: LiteralString = (
    "SELECT date_trunc('day', triggered_at, 'UTC'), " + _OUTCOME + ", count(*)" + _ENDED + "GROUP BY 1, 2 ORDER BY 1, 2"
)
_RETRIES: LiteralString = "SELECT retry_count, " + _OUTCOME + ", count(*)" + _ENDED + "GROUP BY 1, 2 ORDER BY 1, 2"
_COST: LiteralString = f"""
SELECT date_trunc('day', at, 'UTC'), agent, sum(execution), sum(question), sum(cost_usd)::float8,
       sum(input_tokens)::bigint, sum(output_tokens)::bigint
FROM (
    SELECT workspace_id, triggered_at AS at, agent, 1 AS execution, 0 AS question, cost_usd, input_tokens, output_tokens
    FROM claude_executions
    UNION ALL
    SELECT workspace_id, created_at, 'claude', 0, 1, cost_usd, input_tokens, output_tokens FROM questions
) used
WHERE {chosen_sql("workspace_id")} AND at >= %(since)s AND at < %(until)s
GROUP BY 1, 2 ORDER BY 1, 2
"""
# The CASE keeps a row whose phases are no object from ending the whole statement.
DURATIONS: LiteralString = (
    r"""
SELECT execution_id, workspace, number, agent, triggered_at, phase, phase_status,
       extract(epoch FROM completed_at - started_at)::float8 AS seconds
FROM (
    SELECT e.id::text AS execution_id, w.name AS workspace, e.number, e.agent, e.triggered_at, p.key AS phase,
           p.value->>'status' AS phase_status,
           CASE WHEN p.value->>'started_at' ~ '^\d{4}-\d\d-\d\dT\d\d:' THEN (p.value->>'started_at')::timestamptz END
               AS started_at,
           CASE WHEN p.value->>'completed_at' ~ '^\d{4}-\d\d-\d\dT\d\d:' THEN (p.value->>'completed_at')::timestamptz
               END AS completed_at
    FROM claude_executions e
    JOIN pattern_workspaces w ON w.id = e.workspace_id
    CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(e.phases) = 'object' THEN e.phases ELSE '{}' END) p
    WHERE """
    + chosen_sql("e.workspace_id")
    + r""" AND e.triggered_at >= %(since)s
      AND e.triggered_at < %(until)s
) timed
WHERE completed_at >= started_at
ORDER BY triggered_at, execution_id, started_at
"""
)
DURATION_COLUMNS: Final = (
    "execution_id",
    "workspace",
    "number",
    "agent",
    "triggered_at",
    "phase",
    "phase_status",
    "seconds",
)


def executions_by_day(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """Ended executions. Columns: day (UTC midnight of the launch), outcome (completed, failed, canceled), count."""
    return frame(session, _BY_DAY, filters, ("day", "outcome", "count"), times=("day",))


def retries(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """Ended executions by how often they were retried. Columns: retries, outcome, count."""
    return frame(session, _RETRIES, filters, ("retries", "outcome", "count"))


def cost(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """What executions took, live ones too, and answers to questions. Columns: day (UTC), agent, executions, questions,
    cost_usd, input_tokens, output_tokens."""
    columns = ("day", "agent", "executions", "questions", "cost_usd", "input_tokens", "output_tokens")
    return frame(session, _COST, filters, columns, times=("day",), floats=("cost_usd",))


def duration_by_phase(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """One row a phase that ended, of the attempt that entered it last, for medians and box plots.

    Columns: execution_id, workspace, number, agent, triggered_at, phase, phase_status (completed or failed), seconds.
    """
    return frame(session, DURATIONS, filters, DURATION_COLUMNS, times=("triggered_at",), floats=("seconds",))
