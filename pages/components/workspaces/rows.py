"""Workspaces as cards and as a table: what the list's rows come to. No streamlit calls but the columns' settings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

import streamlit as st

from pages.components import looks
from pages.components import rates as shown
from pages.components.columns import Column
from pages.components.runs.state import is_silent
from services import rules
from services.lifecycle import ExecutionStatus
from services.places import Rate
from services.workspaces import WorkspaceRow

NO_VERSION: Final = "0.0.0"


def is_live(row: WorkspaceRow) -> bool:
    """Whether the newest execution is under way or waits."""
    return rules.is_live(row.execution_status)


def card(row: WorkspaceRow, spark: Sequence[float]) -> dict[str, Any]:
    """A card of the grid."""
    rates, policy = row.rates, row.policy
    judged = rates.all
    live = {
        "phase": row.execution_phase,
        "progress": row.execution_progress,
        "status": row.execution_status,
        "stalled": is_silent(row.execution_heartbeat_at, datetime.now(UTC)),
    }
    return {
        "id": str(row.id),
        "name": row.name,
        "category": row.category,
        "version": None if row.version == NO_VERSION else row.version,
        "status": row.status,
        "rate": row.success_rate,
        "ci_low": judged.ci_low,
        "ci_high": judged.ci_high,
        "n": judged.n,
        "note": shown.shortage(judged, policy.judged),
        "unseen": shown.unseen(rates, policy),
        "before": shown.before(rates),
        "spark": list(spark),
        "sessions": row.session_count,
        "open_feedback": row.open_count,
        "last_tested_at": row.last_tested_at,
        "live": live if is_live(row) else None,
    }


def columns(sparks: Mapping[uuid.UUID, Sequence[float]]) -> list[Column[WorkspaceRow]]:
    """The list's columns; `sparks` are the success rates of each workspace's versions, the oldest first."""
    kinds = st.column_config
    statuses = list(looks.STATUSES.values())
    small = kinds.TextColumn(width="small")
    times = kinds.TextColumn(width="small", help=looks.zone_help())
    count = kinds.NumberColumn(width="small")
    status = kinds.MultiselectColumn(
        options=[look.label for look in statuses], color=[look.color for look in statuses], width="small"
    )
    trend = kinds.LineChartColumn(y_min=0, y_max=1, width="small", help="Success rate by version")
    progress = kinds.ProgressColumn(min_value=0, max_value=100, format="%d%%", width="small", color="blue")

    def sparkline(row: WorkspaceRow) -> list[float] | None:
        rates = sparks.get(row.id, [])
        return list(rates) if len(rates) > 1 else None

    return [
        Column("Pattern", attrgetter("name"), kinds.TextColumn(width="medium")),
        Column("Category", attrgetter("category")),
        Column("Status", _status, status),
        Column("Version", lambda row: looks.MISSING if row.version == NO_VERSION else row.version, small),
        Column(
            "Success",
            lambda row: looks.percent(row.success_rate),
            kinds.TextColumn(width="small", alignment="right"),
        ),
        Column("95% interval, n", _interval, small),
        Column("Unseen, 95% interval, n", lambda row: shown.unseen(row.rates, row.policy), small),
        Column("Trend", sparkline, trend),
        Column("Execution", _execution),
        Column("Progress", lambda row: row.execution_progress if is_live(row) else None, progress),
        Column("Sessions", attrgetter("session_count"), count),
        Column("Open", attrgetter("open_count"), kinds.NumberColumn(width="small", help="Open corrections")),
        Column("Tested", lambda row: looks.ago(row.last_tested_at).capitalize(), times),
    ]


def _score(row: WorkspaceRow) -> Rate:
    return row.rates.all


def _status(row: WorkspaceRow) -> list[str]:
    return [looks.look(looks.STATUSES, row.status).label]


def _interval(row: WorkspaceRow) -> str:
    if row.success_rate is None:
        return " · ".join(part for part in (shown.NOT_JUDGED, shown.before(row.rates)) if part)
    return shown.evidence(_score(row), row.policy.judged)


def _execution(row: WorkspaceRow) -> str:
    if not is_live(row):
        return looks.MISSING
    if row.execution_status == ExecutionStatus.PENDING or row.execution_phase is None:
        return "Waiting"
    phase = looks.look(looks.PHASES, row.execution_phase).label
    if is_silent(row.execution_heartbeat_at, datetime.now(UTC)):
        return f"Stalled, {phase.lower()}"
    return f"Retrying, {phase.lower()}" if row.execution_status == ExecutionStatus.RETRY else phase
