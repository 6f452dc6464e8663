"""The list of executions: live ones as cards, the others as a table. No streamlit calls but the columns' settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

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
    """The list's columns, as a reader sees them at `now`; the CSV also has what the table has no room for."""
    kinds = st.column_config
    states = [looks.EXECUTIONS[name] for name in ("completed", "failed", "canceled")]
    small = kinds.TextColumn(width="small")
    right = kinds.TextColumn(width="small", alignment="right")
    count = kinds.NumberColumn(width="small")
    status = kinds.MultiselectColumn(
        options=[look.label for look in states], color=[look.color for look in states], width=105
    )
    return [
        Column("Execution", lambda row: f"#{row.number}", kinds.TextColumn(width=80), _raw("number"), "number"),
        Column(
            "Pattern",
            _raw("workspace_name"),
            kinds.TextColumn(width="medium"),
            _raw("workspace_name"),
            "workspace_name",
        ),
        Column("pattern_type", raw=_raw("pattern_type")),
        Column("Status", _status, status, _raw("status"), "status"),
        Column("canceled", raw=_raw("canceled")),
        Column("Ended in", _ended_in, kinds.TextColumn(width=105), _raw("phase"), "phase"),
        Column("progress", raw=_raw("progress")),
        Column("Corrections", _raw("feedback_count"), count, _raw("feedback_count"), "feedback_count"),
        Column("Agent", lambda row: agent_name(row.agent), small, _raw("agent"), "agent"),
        Column("triggered_at", raw=_raw("triggered_at")),
        Column(
            "Started",
            lambda row: moment(row.started_at or row.triggered_at, now),
            kinds.TextColumn(width="small", help=looks.zone_help()),
            _raw("started_at"),
            "started_at",
        ),
        Column("Took", _took, right),
        Column("completed_at", raw=_raw("completed_at")),
        Column("errored_at", raw=_raw("errored_at")),
        Column("Retries", _raw("retry_count"), count, _raw("retry_count"), "retry_count"),
        Column("retry_at", raw=_raw("retry_at")),
        Column("waits_for_plan", raw=_raw("waits_for_plan")),
        Column("deploy_target", raw=_raw("deploy_target")),
        Column("Deploy", _deploy, small, _raw("deploy_status"), "deploy_status"),
        Column("Commit", lambda row: (row.commit_hash or looks.MISSING)[:7], small, _raw("commit_hash"), "commit_hash"),
        Column("By", _raw("triggered_by_name"), None, _raw("triggered_by_name"), "triggered_by_name"),
        Column("Cost", _cost, right, _raw("cost_usd"), "cost_usd"),
        Column("input_tokens", raw=_raw("input_tokens")),
        Column("output_tokens", raw=_raw("output_tokens")),
        Column(
            "Why",
            lambda row: row.error or looks.MISSING,
            kinds.TextColumn(width="large", help="Why it failed"),
            _raw("error"),
            "error",
        ),
        Column("id", raw=_raw("id")),
    ]


def _raw(name: str) -> Callable[[ExecutionRow], Any]:
    return attrgetter(name)


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
