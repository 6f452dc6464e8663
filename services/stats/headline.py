"""The four numbers at the top of the statistics screen, each beside what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.places import Rate, rate
from services.stats.filters import ALL, Filters, chosen_sql
from services.stats.flow import TIME_TO_FIX


@dataclass(frozen=True, slots=True)
class Metric:
    """A number and what it is compared with; None is "not known", never zero. `n` is what `value` rests on."""

    value: float | None
    previous: float | None
    n: int

    @property
    def delta(self) -> float | None:
        """value - previous; None when either is not known."""
        return None if self.value is None or self.previous is None else self.value - self.previous


@dataclass(frozen=True, slots=True)
class Headline:
    """success_rate: fraction, of the deployed versions against the versions they replaced (over their whole life, not
    the period). executions: launched. time_to_fix_s: median seconds from a correction to its fix. cost_usd: of agents.
    The last three are of the period against the period of the same length before; without a beginning there is none.
    """

    success_rate: Metric
    success: Rate
    previous_success: Rate
    executions: Metric
    time_to_fix_s: Metric
    cost_usd: Metric


# Of each workspace the deployed version, and the one deployed last before it that has judged marks.
_SUCCESS: LiteralString = f"""
WITH sums AS (
    SELECT s.workspace_id, s.detector_version_id AS id, v.deployed_at, v.created_at, sum(s.tp) AS tp, sum(s.fp) AS fp,
           sum(s.fn) AS fn
    FROM pattern_sessions s JOIN detector_versions v ON v.id = s.detector_version_id
    WHERE s.status = 'completed' AND {chosen_sql("s.workspace_id")}
    GROUP BY s.workspace_id, s.detector_version_id, v.deployed_at, v.created_at
), previous AS (
    SELECT DISTINCT ON (s.workspace_id) s.*
    FROM sums s
    JOIN pattern_workspaces w ON w.id = s.workspace_id
    JOIN detector_versions d ON d.id = w.deployed_version_id
    WHERE s.id <> d.id AND s.deployed_at IS NOT NULL AND s.tp + s.fp + s.fn > 0
      AND (s.deployed_at, s.created_at) < (coalesce(d.deployed_at, d.created_at), d.created_at)
    ORDER BY s.workspace_id, s.deployed_at DESC, s.created_at DESC
)
SELECT coalesce(sum(s.tp), 0)::int, coalesce(sum(s.fp), 0)::int, coalesce(sum(s.fn), 0)::int, false
FROM sums s JOIN pattern_workspaces w ON w.deployed_version_id = s.id
UNION ALL
SELECT coalesce(sum(tp), 0)::int, coalesce(sum(fp), 0)::int, coalesce(sum(fn), 0)::int, true FROM previous
ORDER BY 4
"""
_RUNS: LiteralString = f"""
SELECT count(*), coalesce(sum(cost_usd), 0)::float8 FROM claude_executions
WHERE {chosen_sql("workspace_id")} AND triggered_at >= %(since)s AND triggered_at < %(until)s
"""
_MEDIAN: LiteralString = (
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds), count(*) FROM (" + TIME_TO_FIX + ") fixes"
)


def headline(session: Session, filters: Filters = ALL) -> Headline:
    """The four numbers for a workspace or for all, with their change."""
    now, before = (rate(tp, fp, fn) for tp, fp, fn, _ in fetch(session, _SUCCESS, filters.params()))
    earlier = filters.before()
    runs, spent = fetch(session, _RUNS, filters.params())[0]
    median, fixes = fetch(session, _MEDIAN, filters.params())[0]
    runs_before = spent_before = median_before = None
    if earlier is not None:
        runs_before, spent_before = fetch(session, _RUNS, earlier.params())[0]
        median_before = fetch(session, _MEDIAN, earlier.params())[0][0]
    return Headline(
        success_rate=Metric(now.rate, before.rate, now.n),
        success=now,
        previous_success=before,
        executions=Metric(runs, runs_before, runs),
        time_to_fix_s=Metric(median, median_before, fixes),
        cost_usd=Metric(spent, spent_before, runs),
    )
