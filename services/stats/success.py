"""Success rates from completed sessions: by version, and over time."""

from __future__ import annotations

import uuid
from typing import Final, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services import labels
from services.places import Rate, rate
from services.rules import is_provisional
from services.stats.filters import ALL, Filters, chosen_sql, frame

_BY_VERSION: LiteralString = f"""
SELECT w.id::text, w.name, w.pattern_type, v.id::text, v.version, v.status, v.origin, v.created_at, v.deployed_at, count(*),
       max(s.completed_at), sum(s.tp)::int, sum(s.fp)::int, sum(s.fn)::int
FROM pattern_sessions s
JOIN detector_versions v ON v.id = s.detector_version_id
JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.status = 'completed' AND {chosen_sql("s.workspace_id")}
  AND s.completed_at >= %(since)s AND s.completed_at < %(until)s
GROUP BY w.id, v.id
ORDER BY w.name, w.id, v.created_at, v.id
"""
_BY_VERSION_COLUMNS = (
    "workspace_id",
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
)


def success_by_version(session: Session, filters: Filters = ALL) -> pd.DataFrame:
    """One row a detector version that completed a session in the period, by workspace, oldest version first.

    Columns: workspace, pattern_type, version_id, version, status, origin, created_at, deployed_at, sessions,
    last_completed_at (both of the period), tp, fp, fn, n (judged places of all its sessions, each once), rate, ci_low,
    ci_high (fractions, NaN when nothing was judged), n_effective, provisional. Rate and interval are those of
    `services.labels`, as on every screen.
    """
    table = frame(
        session, _BY_VERSION, filters, _BY_VERSION_COLUMNS, times=("created_at", "deployed_at", "last_completed_at")
    )
    rates = _rates(session, table)
    for name in ("tp", "fp", "fn", "n"):
        table[name] = pd.Series([getattr(rate, name) for rate in rates], dtype="int64")
    for name in ("rate", "ci_low", "ci_high", "n_effective"):
        table[name] = pd.Series([getattr(rate, name) for rate in rates], dtype="float64")
    table["provisional"] = pd.Series([rate.provisional for rate in rates], dtype="bool")
    return table.drop(columns="workspace_id")


def _rates(session: Session, table: pd.DataFrame) -> list[Rate]:
    """The rate of each row's version. One whose sessions came from the existing system, without candles, has no places;
    its frozen counts stand for them."""
    made: list[Rate] = []
    its, known = "", None
    for row in table.to_dict("records"):
        if known is None or row["workspace_id"] != its:
            its, known = str(row["workspace_id"]), labels.label_set(session, uuid.UUID(row["workspace_id"]))
        counted = labels.version_rates(session, uuid.UUID(its), uuid.UUID(str(row["version_id"])), labels=known).all
        frozen = (row["tp"], row["fp"], row["fn"])
        made.append(rate(*frozen) if counted.n == 0 and any(frozen) else counted)
    return made


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
