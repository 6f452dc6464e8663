"""The list of executions: live ones as cards, the others as a table. No streamlit calls but the columns' settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.columns import Column
from pages.components.runs.component import RunCard
from pages.components.runs.phases import phase_run
from pages.components.runs.state import agent_name, counting_up, is_paid, kind, moment, remark, state
from services.executions import OUTCOMES, ExecutionRow
from services.lifecycle import ExecutionStatus

# What can be filtered by, in the words of the badges; a failed deploy is a kind of failure.
FILTERS: Final = OUTCOMES


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
    sent = f"{looks.count(row.feedback_count, 'correction')} · " if row.feedback_count else ""
    cost = f" · {looks.money(float(row.cost_usd))}" if is_paid(row) else ""
    return {
        "id": str(row.id),
        "name": row.workspace_name,
        "number": row.number,
        "look": look.data(),
        "facts": counting_up(
            row.started_at or row.triggered_at,
            before=f"{agent_name(row.agent)} · {sent}",
            after=f" · by {row.triggered_by_name}{cost}",
        ),
        "remark": remark(row, now, workers=workers),
        "percent": f"{row.progress}%" if row.status == ExecutionStatus.RUNNING else "",
        "phases": phase_run(row, {}, now),
    }


def columns(now: datetime) -> list[Column[ExecutionRow]]:
    """The list's columns, as a reader sees them at `now`. Those of its CSV are in `services/exports/sheets.py`."""
    kinds = st.column_config
    states = [looks.EXECUTIONS[name] for name in ("completed", "failed", "canceled")]
    small = kinds.TextColumn(width="small")
    right = kinds.TextColumn(width="small", alignment="right")
    count = kinds.NumberColumn(width="small")
    status = kinds.MultiselectColumn(
        options=[look.label for look in states], color=[look.color for look in states], width=105
    )
    return [
        Column("Execution", lambda row: f"#{row.number}", kinds.TextColumn(width=80)),
        Column("Pattern", attrgetter("workspace_name"), kinds.TextColumn(width="medium")),
        Column("Status", _status, status),
        Column("Ended in", _ended_in, kinds.TextColumn(width=105)),
        Column("Corrections", attrgetter("feedback_count"), count),
        Column("Agent", lambda row: agent_name(row.agent), small),
        Column(
            "Started",
            lambda row: moment(row.started_at or row.triggered_at, now),
            kinds.TextColumn(width="small", help=looks.zone_help()),
        ),
        Column("Took", _took, right),
        Column("Retries", attrgetter("retry_count"), count),
        Column("Deploy", _deploy, small),
        Column("Commit", lambda row: (row.commit_hash or looks.MISSING)[:7], small),
        Column("By", attrgetter("triggered_by_name")),
        Column("Cost", _cost, right),
        Column("Why", lambda row: row.error or looks.MISSING, kinds.TextColumn(width="large", help="Why it failed")),
    ]


def _status(row: ExecutionRow) -> list[str]:
    return [looks.execution_look(row.status, canceled=row.canceled).label]


def _ended_in(row: ExecutionRow) -> str:
    return looks.look(looks.PHASES, row.phase).label if row.phase and row.status == "failed" else looks.MISSING


def _took(row: ExecutionRow) -> str:
    ended = row.completed_at or row.errored_at
    return looks.duration((ended - row.started_at).total_seconds() if ended and row.started_at else None)


def _deploy(row: ExecutionRow) -> str:
    return looks.look(looks.DEPLOYS, row.deploy_status).label if row.deploy_status else looks.MISSING


def _cost(row: ExecutionRow) -> str:
    return looks.money(float(row.cost_usd)) if is_paid(row) else looks.MISSING
