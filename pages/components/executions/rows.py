"""The list of executions: live ones as cards, the others as a table. No streamlit calls but the columns' settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.execution.wording import phase_run
from pages.components.runs.component import RunCard
from pages.components.runs.state import agent, is_paid, kind, moment, remark, state
from services.executions import OUTCOMES, ExecutionRow
from services.lifecycle import ExecutionStatus

# What can be filtered by, in the words of the badges; a failed deploy is a kind of failure.
FILTERS: Final = OUTCOMES
COLUMNS: Final = (
    "Execution", "Pattern", "Status", "Ended in", "Corrections", "Agent", "Started", "Took", "Retries", "Deploy",
    "Commit", "By", "Cost", "Why",
)  # fmt: skip


def fits(row: ExecutionRow, chosen: Sequence[str]) -> bool:
    """Whether a row is one of what was chosen; nothing chosen lets everything through."""
    failed_deploy = kind(row) == "failed" and row.deploy_status == "error"
    return not chosen or kind(row) in chosen or (failed_deploy and "deploy_failed" in chosen)


def filter_label(name: str) -> str:
    if name == "deploy_failed":
        return ":red[:material/rocket_launch:] Deploy failed"
    look = looks.EXECUTIONS["running"] if name == "live" else looks.EXECUTIONS[name]
    return f":{look.color}[{look.icon}] {'Live' if name == 'live' else look.label}"


def live_card(row: ExecutionRow, now: datetime, workers: int | None = None) -> RunCard:
    """A live execution as its card. `workers` is how many are connected, None when nobody looked."""
    look = state(row, now)
    since = row.started_at or row.triggered_at
    facts = [agent(row.agent), looks.count(row.feedback_count, "correction") if row.feedback_count else "",
             looks.duration((now - since).total_seconds()), f"by {row.triggered_by_name}",
             looks.money(float(row.cost_usd)) if is_paid(row) else ""]  # fmt: skip
    return {
        "id": str(row.id),
        "name": row.workspace_name,
        "number": row.number,
        "look": look.data(),
        "facts": " · ".join(part for part in facts if part),
        "remark": remark(row, now, workers=workers),
        "percent": f"{row.progress}%" if row.status == ExecutionStatus.RUNNING else "",
        "phases": phase_run(row, {}, now),
    }  # fmt: skip


def table(rows: Sequence[ExecutionRow], now: datetime) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    return pd.DataFrame([_line(row, now) for row in rows], columns=list(COLUMNS))


def _line(row: ExecutionRow, now: datetime) -> tuple[Any, ...]:
    look = looks.execution_look(row.status, canceled=row.canceled)
    ended = row.completed_at or row.errored_at
    took = (ended - row.started_at).total_seconds() if ended and row.started_at else None
    return (
        f"#{row.number}",
        row.workspace_name,
        [look.label],
        looks.look(looks.PHASES, row.phase).label if row.phase and row.status == "failed" else looks.MISSING,
        row.feedback_count,
        agent(row.agent),
        moment(row.started_at or row.triggered_at, now),
        looks.duration(took),
        row.retry_count,
        looks.look(looks.DEPLOYS, row.deploy_status).label if row.deploy_status else looks.MISSING,
        (row.commit_hash or looks.MISSING)[:7],
        row.triggered_by_name,
        looks.money(float(row.cost_usd)) if is_paid(row) else looks.MISSING,
        row.error or looks.MISSING,
    )


def columns() -> dict[str, Any]:
    """How the table's columns look."""
    kinds = st.column_config
    states = [looks.EXECUTIONS[name] for name in ("completed", "failed", "canceled")]
    return {
        "Execution": kinds.TextColumn(width=80),
        "Pattern": kinds.TextColumn(width="medium"),
        "Status": kinds.MultiselectColumn(
            options=[look.label for look in states], color=[look.color for look in states], width=105
        ),
        "Ended in": kinds.TextColumn(width=105),
        "Corrections": kinds.NumberColumn(width="small"),
        "Agent": kinds.TextColumn(width="small"),
        "Started": kinds.TextColumn(width="small"),
        "Took": kinds.TextColumn(width="small", alignment="right"),
        "Retries": kinds.NumberColumn(width="small"),
        "Deploy": kinds.TextColumn(width="small"),
        "Commit": kinds.TextColumn(width="small"),
        "Cost": kinds.TextColumn(width="small", alignment="right"),
        "Why": kinds.TextColumn(width="large", help="Why it failed"),
    }
