"""Success rates from completed sessions: by version, and over time."""

from __future__ import annotations

import uuid
from typing import Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services import labels
from services.places import LabelSet, Rate, rate
from services.rules import is_provisional
from services.stats.filters import ALL, Filters, chosen_sql, frame

_BY_VERSION: LiteralString = f"""
SELECT w.name, w.pattern_type, v.id::text, v.version, v.status, v.origin, v.created_at, v.deployed_at, count(*),
       max(s.completed_at), sum(s.tp)::int, sum(s.fp)::int, sum(s.fn)::int, w.id, bool_or(s.dataset_id IS NOT NULL)
FROM pattern_sessions s
JOIN detector_versions v ON v.id = s.detector_version_id
JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.status = 'completed' AND {chosen_sql("s.workspace_id")}
  AND s.completed_at >= %(since)s AND s.completed_at < %(until)s
GROUP BY w.id, v.id
ORDER BY w.name, w.id, v.created_at, v.id
"""
_BY_VERSION_COLUMNS = (
    "workspace",
    "pattern_type",
    "version_id",
    "version",
    "status",
    "origin",
    "created_at",
    "deployed_at",
    "sessions",
    "last_completed_at",
    "tp",
    "fp",
    "fn",
    "workspace_id",
    "placed",
)


def success_by_version(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """One row a detector version that has completed sessions, by workspace, oldest version first.

    Columns: workspace, pattern_type, version_id, version, status, origin, created_at, deployed_at, sessions,
    last_completed_at, tp, fp, fn, n (judged places), rate, ci_low, ci_high (fractions, NaN when nothing was judged),
    provisional. Source of rate and interval: `services.places.rates`. A place counts once, in however many of the
    sessions it lies; the frozen counts are added up only of sessions that were there before places.
    """
    table = frame(
        session, _BY_VERSION, filters, _BY_VERSION_COLUMNS, times=("created_at", "deployed_at", "last_completed_at")
    )
    scores = _scores(session, table, filters)
    table = table.drop(columns=["workspace_id", "placed"])
    for name in ("tp", "fp", "fn"):
        table[name] = pd.Series([getattr(s, name) for s in scores], dtype="int64")
    table["n"] = pd.Series([s.n for s in scores], dtype="int64")
    for name in ("rate", "ci_low", "ci_high"):
        table[name] = pd.Series([getattr(s, name) for s in scores], dtype="float64")
    table["provisional"] = pd.Series([s.provisional for s in scores], dtype="bool")
    return table


def _scores(session: Session, table: pd.DataFrame, filters: Filters) -> list[Rate]:
    known: dict[uuid.UUID, LabelSet] = {}
    asked = filters.params()
    scores = []
    for row in table.to_dict("records"):
        if not row["placed"]:
            scores.append(rate(row["tp"], row["fp"], row["fn"]))
            continue
        home, version_id = row["workspace_id"], uuid.UUID(row["version_id"])
        if home not in known:
            known[home] = labels.label_set(session, home)
        period = asked["since"], asked["until"]
        scores.append(labels.version_rates(session, home, version_id, labels=known[home], period=period).all)
    return scores


# The running sums are those of the version's whole life, so that the line does not start anew with the period.
OVER_TIME: LiteralString = f"""
SELECT workspace, pattern_type, session_id, session, version_id, version, completed_at, tp, fp, fn, tp + fp + fn AS n,
       rate, ci_low, ci_high, version_tp, version_n, version_tp::float8 / nullif(version_n, 0) AS version_rate
FROM (
    SELECT s.workspace_id, w.name AS workspace, w.pattern_type, s.id::text AS session_id, s.name AS session,
           s.detector_version_id::text AS version_id, coalesce(v.version, s.pattern_version) AS version,
           s.completed_at, s.tp, s.fp, s.fn, s.success_rate AS rate, s.ci_low, s.ci_high,
           sum(s.tp) OVER life AS version_tp, sum(s.tp + s.fp + s.fn) OVER life AS version_n
    FROM pattern_sessions s
    JOIN pattern_workspaces w ON w.id = s.workspace_id
    LEFT JOIN detector_versions v ON v.id = s.detector_version_id
    WHERE s.status = 'completed' AND s.completed_at IS NOT NULL
      AND {chosen_sql("s.workspace_id")}
    WINDOW life AS (PARTITION BY s.workspace_id, s.detector_version_id, coalesce(v.version, s.pattern_version)
                    ORDER BY s.completed_at, s.id)
) points
WHERE completed_at >= %(since)s AND completed_at < %(until)s
ORDER BY completed_at, session_id
"""
OVER_TIME_COLUMNS: Final = (
    "workspace",
    "pattern_type",
    "session_id",
    "session",
    "version_id",
    "version",
    "completed_at",
    "tp",
    "fp",
    "fn",
    "n",
    "rate",
    "ci_low",
    "ci_high",
    "version_tp",
    "version_n",
    "version_rate",
)


def success_over_time(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """One row a completed session, in the order of completion: its own score, and its version's so far.

    Columns: workspace, pattern_type, session_id, session, version_id, version, completed_at, tp, fp, fn, n, rate,
    ci_low, ci_high (frozen at completion; NaN when nothing was judged), version_tp, version_n, version_rate (the sums
    of all sessions of the version up to this one), provisional (of the session).
    """
    floats = ("rate", "ci_low", "ci_high", "version_rate")
    table = frame(session, OVER_TIME, filters, OVER_TIME_COLUMNS, times=("completed_at",), floats=floats)
    table = table.astype({"version_tp": "int64", "version_n": "int64"})
    table["provisional"] = table["n"].map(is_provisional).astype("bool")
    return table
