"""The sums that the database keeps (`stat_days`), read: one narrow range of an index, whatever the number of rows.

Days are those of UTC. Triggers keep the sums in the transaction that changes the rows (migration of the statistics);
`patterndesk recount` counts them again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services.database.rows import Value, fetch
from services.lifecycle import FeedbackState
from services.stats.filters import Filters
from services.stats.histogram import Histogram, merged

GRAINS: Final = ("hour", "day", "week", "month")
_CHOSEN: LiteralString = """
    WHERE scope = %(scope)s AND measure = %(measure)s AND day >= %(first)s AND day < %(last)s
      AND (%(agent)s::text IS NULL OR agent = %(agent)s) AND (%(target)s::text IS NULL OR target = %(target)s)
      AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
"""
_BOTH: LiteralString = (
    "FROM (SELECT day, target, item, n, total FROM stat_days"
    + _CHOSEN
    + "UNION ALL SELECT day, target, item, n, total FROM stat_changes"
    + _CHOSEN
    + ") kept "
)
SUMS: LiteralString = (
    "SELECT date_trunc(%(grain)s, day)::date, target, item, sum(n)::bigint, sum(total)::float8 "
    + _BOTH
    + "GROUP BY 1, 2, 3 HAVING sum(n) <> 0 OR sum(total) <> 0 ORDER BY 1, 2, 3"
)
TOTALS: LiteralString = (
    "SELECT item, sum(n)::bigint, sum(total)::float8 "
    + _BOTH
    + "GROUP BY 1 HAVING sum(n) <> 0 OR sum(total) <> 0 ORDER BY 1"
)
# Of runs alone; corrections have neither agent nor target. Of corrections alone: runs have no symbol.
_OF_RUNS: Final = frozenset({"run", "retry", "deploy", "phase", "phase.month", "cause", "question"})
# A day is too short for sums of days: its hours are counted from the rows of its runs.
_HOURS: LiteralString = """
SELECT date_trunc('hour', e.triggered_at, 'UTC'),
       CASE WHEN e.status IN ('pending', 'running', 'retry') THEN 'live'
            WHEN e.status = 'failed' AND e.canceled_at IS NOT NULL THEN 'canceled' ELSE e.status END,
       count(*), sum(e.cost_usd)::float8
FROM claude_executions e
WHERE e.triggered_at >= %(since)s AND e.triggered_at < %(until)s
  AND (%(w)s::uuid IS NULL OR e.workspace_id = %(w)s)
  AND (%(category)s::text IS NULL OR e.workspace_id IN (SELECT id FROM pattern_workspaces WHERE category = %(category)s))
  AND (%(person)s::uuid IS NULL OR e.triggered_by = %(person)s)
  AND (%(agent)s::text IS NULL OR e.agent = %(agent)s) AND (%(target)s::text IS NULL OR e.deploy_target = %(target)s)
GROUP BY 1, 2 ORDER BY 1, 2
"""
RUN_COLUMNS: Final = ("day", "outcome", "count", "cost_usd")


def _params(filters: Filters, measure: str, *, first: date | None = None, last: date | None = None) -> dict[str, Value]:
    own = filters.days
    runs = measure in _OF_RUNS
    return {
        "scope": filters.scope,
        "measure": measure,
        "first": own[0] if first is None else first,
        "last": own[1] if last is None else last,
        "agent": filters.agent if runs else None,
        "target": filters.target if runs else None,
        "symbol": None if runs else filters.symbol,
    }


def _rows(session: Session, filters: Filters, measure: str, grain: str) -> list[tuple[date, str, str, int, float]]:
    params = _params(filters, measure) | {"grain": grain}
    return [(row[0], row[1], row[2], row[3], row[4]) for row in fetch(session, SUMS, params)]


def totals(session: Session, filters: Filters, measure: str) -> dict[str, tuple[int, float]]:
    """How many there were of each item in the period, and the sum of what is summed of them."""
    return {item: (n, total) for item, n, total in fetch(session, TOTALS, _params(filters, measure))}


def runs(session: Session, filters: Filters, grain: str = "day") -> pd.DataFrame:
    """Runs by launch and outcome (live, completed, failed, canceled). Columns: day, outcome, count, cost_usd."""
    if grain == "hour":
        return _frame([tuple(row) for row in fetch(session, _HOURS, filters.params())], RUN_COLUMNS)
    sums: dict[tuple[date, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for day, _target, outcome, n, total in _rows(session, filters, "run", grain):
        sums[day, outcome][0] += n
        sums[day, outcome][1] += total
    return _frame([(*key, int(n), spent) for key, (n, spent) in sorted(sums.items())], RUN_COLUMNS)


_QUESTION_HOURS: LiteralString = """
SELECT date_trunc('hour', q.created_at, 'UTC'), count(*), sum(q.cost_usd)::float8
FROM questions q
WHERE q.created_at >= %(since)s AND q.created_at < %(until)s AND %(target)s::text IS NULL
  AND (%(w)s::uuid IS NULL OR q.workspace_id = %(w)s)
  AND (%(category)s::text IS NULL OR q.workspace_id IN (SELECT id FROM pattern_workspaces WHERE category = %(category)s))
  AND (%(person)s::uuid IS NULL OR q.asked_by_id = %(person)s) AND (%(agent)s::text IS NULL OR %(agent)s = 'claude')
GROUP BY 1 ORDER BY 1
"""


def questions(session: Session, filters: Filters, grain: str = "day") -> pd.DataFrame:
    """Questions that the agent was asked on timelines. Columns: day, count, cost_usd."""
    if grain == "hour":
        found = [tuple(row) for row in fetch(session, _QUESTION_HOURS, filters.params())]
    else:
        found = [(day, n, total) for day, _, _, n, total in _rows(session, filters, "question", grain)]
    return _frame(found, ("day", "count", "cost_usd"))


def spent(session: Session, filters: Filters, grain: str = "day") -> pd.DataFrame:
    """What agents cost: runs by launch, and answers to questions. Columns: day, executions, questions, cost_usd."""
    launched = runs(session, filters, grain).rename(columns={"count": "executions"})
    asked = questions(session, filters, grain).rename(columns={"count": "questions"})
    columns = ["executions", "questions", "cost_usd"]
    both = pd.concat([launched.drop(columns="outcome"), asked]).fillna(dict.fromkeys(columns, 0))
    return both.groupby("day", as_index=False)[columns].sum()


def run_totals(session: Session, filters: Filters) -> dict[str, int]:
    """How many runs were launched in the period, by outcome."""
    return {outcome: n for outcome, (n, _) in totals(session, filters, "run").items()}


def retries(session: Session, filters: Filters) -> pd.DataFrame:
    """Ended runs by how often they were tried again. Columns: retries, outcome, count."""
    made = [
        (int(item.split(":")[0]), item.split(":")[1], n) for item, (n, _) in totals(session, filters, "retry").items()
    ]
    return pd.DataFrame(sorted(made), columns=["retries", "outcome", "count"])


def deploys(session: Session, filters: Filters, grain: str = "day") -> pd.DataFrame:
    """Deploys by their start and how they stand. Columns: day, target, status, count."""
    grain = "day" if grain == "hour" else grain
    found = [(day, target, status, n) for day, target, status, n, _ in _rows(session, filters, "deploy", grain)]
    return _frame(found, ("day", "target", "status", "count"))


def causes(session: Session, filters: Filters) -> pd.DataFrame:
    """Attempts that failed, by the kind of the failure, most first. Columns: cause, count."""
    found = sorted(
        ((kind, n) for kind, (n, _) in totals(session, filters, "cause").items()), key=lambda r: (-r[1], r[0])
    )
    return pd.DataFrame(found, columns=["cause", "count"])


def phase_times(session: Session, filters: Filters) -> dict[str, Histogram]:
    """How long each phase took, by its name."""
    found: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for item, n, total in _bucketed(session, filters, "phase"):
        phase, _, number = item.rpartition(":")
        found[phase].append((int(number), n, total))
    return {phase: merged(rows) for phase, rows in found.items()}


def fix_times(session: Session, filters: Filters) -> Histogram:
    """From when a correction was given to its fix, of fixes in the period that still hold."""
    return merged((int(item), n, total) for item, n, total in _bucketed(session, filters, "fix"))


def waits(session: Session, filters: Filters) -> Histogram:
    """From when a correction was given to when an agent first had it, of those first sent in the period."""
    return merged((int(item), n, total) for item, n, total in _bucketed(session, filters, "wait"))


def _bucketed(session: Session, filters: Filters, measure: str) -> list[tuple[str, int, float]]:
    """Histograms of days have many rows, so whole months are read from the sums of months."""
    first, last = filters.days
    begin = first if first == date.min or first.day == 1 else _next_month(first)
    end = last if last == date.max else last.replace(day=1)
    if begin >= end:
        parts = [(measure, first, last)]
    else:
        parts = [(measure, first, begin), (f"{measure}.month", begin, end), (measure, end, last)]
    found: list[tuple[str, int, float]] = []
    for name, since, until in parts:
        if since < until:
            rows = fetch(session, TOTALS, _params(filters, measure) | {"measure": name, "first": since, "last": until})
            found += [(item, n, total) for item, n, total in rows]
    return found


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def flow(session: Session, filters: Filters, grain: str = "week") -> pd.DataFrame:
    """How many corrections came to a state. Columns: day, state, count; back to open is `reopened`."""
    sums: dict[tuple[date, str], int] = defaultdict(int)
    for day, _target, item, n, _total in _rows(session, filters, "move", "day" if grain == "hour" else grain):
        source, target = item.split(">")
        if target:
            sums[day, "reopened" if target == "open" and source else target] += n
    return _frame([(day, state, n) for (day, state), n in sorted(sums.items()) if n], ("day", "state", "count"))


def stock(session: Session, filters: Filters, grain: str = "day") -> pd.DataFrame:
    """How many corrections stood in each state at the end of each day (week, month) of the period.

    Columns: day (the first of the span), state, count. Withdrawn ones ask for nothing and are left out.
    """
    grain = "day" if grain == "hour" else grain
    first, last = filters.days
    params = _params(filters, "move", first=date.min, last=last) | {"grain": grain}
    net: dict[date, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for day, _target, item, n, _total in fetch(session, SUMS, params):
        source, target = item.split(">")
        net[day][target] += n
        net[day][source] -= n
    if not net:
        return _frame([], ("day", "state", "count"))
    start = _truncated(max(first, min(net)), grain)
    stop = min(last, max(*net, date.today()) + timedelta(days=1))
    standing: dict[str, int] = defaultdict(int)
    for day in [d for d in sorted(net) if d < start]:
        _add(standing, net[day])
    found: list[tuple[date, str, int]] = []
    while start < stop:
        _add(standing, net.get(start, {}))
        found += [(start, str(s), standing[s]) for s in FeedbackState if s != FeedbackState.WITHDRAWN]
        start = _next(start, grain)
    return _frame(found, ("day", "state", "count"))


def _add(sums: dict[str, int], more: dict[str, int]) -> None:
    for state, n in more.items():
        sums[state] += n


def _truncated(day: date, grain: str) -> date:
    match grain:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case _:
            return day


def _next(day: date, grain: str) -> date:
    return _next_month(day) if grain == "month" else day + timedelta(days=7 if grain == "week" else 1)


def funnel(session: Session, filters: Filters) -> pd.DataFrame:
    """What became of the corrections that were given in the period. Columns: stage (given, sent, fixed, held), count.

    Sent also counts what was fixed along with others; fixed is what is fixed now, held what a retest confirmed.
    """
    by_state = {item: n for item, (n, _) in totals(session, filters, "given").items()}
    fixed = sum(n for item, n in by_state.items() if item.rstrip("+") in ("addressed", "verified"))
    sent = sum(n for item, n in by_state.items() if item.endswith("+") or item in ("addressed", "verified"))
    held = sum(n for item, n in by_state.items() if item.rstrip("+") == "verified")
    stages = [("given", sum(by_state.values())), ("sent", sent), ("fixed", fixed), ("held", held)]
    return pd.DataFrame(stages if stages[0][1] else [], columns=["stage", "count"])


def _frame(rows: Sequence[tuple[object, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    table["day"] = pd.to_datetime(table["day"], utc=True).astype("datetime64[us, UTC]")
    return table
