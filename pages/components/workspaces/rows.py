"""Workspaces as cards and as a table: what the list's rows come to. No streamlit calls but the columns' settings."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.runs.state import is_silent
from services import rules
from services.lifecycle import ExecutionStatus
from services.places import rate
from services.workspaces import WorkspaceRow

NO_VERSION: Final = "0.0.0"
_COLUMNS: Final = (
    "Pattern", "Category", "Status", "Version", "Success", "95% interval, n", "Trend", "Execution", "Progress",
    "Sessions", "Open", "Tested",
)  # fmt: skip


def is_live(row: WorkspaceRow) -> bool:
    """Whether the newest execution is under way or waits."""
    return rules.is_live(row.execution_status)


def card(row: WorkspaceRow, spark: Sequence[float]) -> dict[str, Any]:
    """A card of the grid."""
    found = rate(row.success_tp, row.success_fp, row.success_fn)
    live = {"phase": row.execution_phase, "progress": row.execution_progress, "status": row.execution_status,
            "stalled": is_silent(row.execution_heartbeat_at, datetime.now(UTC))}  # fmt: skip
    return {
        "id": str(row.id),
        "name": row.name,
        "category": row.category,
        "version": None if row.version == NO_VERSION else row.version,
        "status": row.status,
        "rate": row.success_rate,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "n": found.n,
        "provisional": found.provisional,
        "spark": list(spark),
        "sessions": row.session_count,
        "open_feedback": row.open_count,
        "last_tested_at": row.last_tested_at,
        "live": live if is_live(row) else None,
    }


def table(rows: Sequence[WorkspaceRow], sparks: Mapping[uuid.UUID, Sequence[float]]) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    return pd.DataFrame([_line(row, sparks.get(row.id, [])) for row in rows], columns=list(_COLUMNS))


def _line(row: WorkspaceRow, spark: Sequence[float]) -> tuple[Any, ...]:
    found = rate(row.success_tp, row.success_fp, row.success_fn)
    tested = row.success_rate is not None
    interval = f"{looks.interval(found.ci_low, found.ci_high)}, n {found.n}" if tested else looks.MISSING
    return (
        row.name,
        row.category,
        [looks.look(looks.STATUSES, row.status).label],
        looks.MISSING if row.version == NO_VERSION else row.version,
        looks.percent(row.success_rate),
        interval,
        list(spark) if len(spark) > 1 else None,
        _execution(row),
        row.execution_progress if is_live(row) else None,
        row.session_count,
        row.open_count,
        looks.ago(row.last_tested_at).capitalize(),
    )


def _execution(row: WorkspaceRow) -> str:
    if not is_live(row):
        return looks.MISSING
    if row.execution_status == ExecutionStatus.PENDING or row.execution_phase is None:
        return "Waiting"
    phase = looks.look(looks.PHASES, row.execution_phase).label
    if is_silent(row.execution_heartbeat_at, datetime.now(UTC)):
        return f"Stalled, {phase.lower()}"
    return f"Retrying, {phase.lower()}" if row.execution_status == ExecutionStatus.RETRY else phase


def as_csv(rows: Sequence[WorkspaceRow], sparks: Mapping[uuid.UUID, Sequence[float]]) -> pd.DataFrame:
    """The same rows with the numbers as numbers, for the download."""
    frame = table(rows, sparks)
    scores = [rate(row.success_tp, row.success_fp, row.success_fn) for row in rows]
    frame["Status"] = [row.status for row in rows]
    frame["Success"] = [row.success_rate for row in rows]
    frame["Tested"] = [row.last_tested_at for row in rows]
    frame.insert(5, "Interval low", [found.ci_low for found in scores])
    frame.insert(6, "Interval high", [found.ci_high for found in scores])
    frame.insert(7, "n", [found.n for found in scores])
    return frame.drop(columns=["95% interval, n"])


def table_columns() -> dict[str, Any]:
    """How the table's columns look."""
    kinds = st.column_config
    statuses = list(looks.STATUSES.values())
    return {
        "Pattern": kinds.TextColumn(width="medium"),
        "Status": kinds.MultiselectColumn(
            options=[look.label for look in statuses], color=[look.color for look in statuses], width="small"
        ),
        "Version": kinds.TextColumn(width="small"),
        "Success": kinds.TextColumn(width="small", alignment="right"),
        "95% interval, n": kinds.TextColumn(width="small"),
        "Trend": kinds.LineChartColumn(y_min=0, y_max=1, width="small", help="Success rate by version"),
        "Progress": kinds.ProgressColumn(min_value=0, max_value=100, format="%d%%", width="small", color="blue"),
        "Sessions": kinds.NumberColumn(width="small"),
        "Open": kinds.NumberColumn(width="small", help="Open corrections"),
        "Tested": kinds.TextColumn(width="small"),
    }
