"""The attempts of an execution and what they cost, as cells and as frames. No streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pages.components import looks
from pages.components.looks import Look
from pages.components.runs.cells import Cell
from pages.components.runs.state import is_paid, moment, second, state
from services import words
from services.executions import AttemptRow, ExecutionDetail, ExecutionRow, FollowUp, UsageSum

_OUTCOMES: Final = {
    "completed": looks.EXECUTIONS["completed"],
    "failed": looks.EXECUTIONS["failed"],
    "retry": Look("orange", "replay", "Retried"),
    "canceled": looks.EXECUTIONS["canceled"],
}


def attempt_head(*, paid: bool) -> list[Cell]:
    names = ("Attempt", "Started", "Took", "Outcome", "Ended in", "Why", "Commit", *(["Cost"] if paid else []))
    return [{"t": name, "right": name in ("Took", "Cost")} for name in names]


def attempt_cells(detail: ExecutionDetail, now: datetime) -> list[list[Cell]]:
    paid = is_paid(detail.row)
    return [_attempt(a, detail.row, now, paid=paid) for a in detail.attempts]


def _attempt(attempt: AttemptRow, row: ExecutionRow, now: datetime, *, paid: bool) -> list[Cell]:
    look = outcome_look(attempt, row, now)
    commit = str(attempt.commit_hash or "")
    took = ((attempt.ended_at or now) - attempt.started_at).total_seconds()
    time: Cell = {"t": looks.clock(took) if took >= 0 else looks.MISSING, "right": True}
    if attempt.ended_at is None and took >= 0:
        time["since"] = attempt.started_at.isoformat()
    reason = str(attempt.reason or "")
    cells: list[Cell] = [
        {"t": str(attempt.number)},
        {"t": moment(attempt.started_at, now), "title": looks.utc(attempt.started_at)},
        time,
        {"t": look.label, "badge": look.color, "icon": look.symbol},
        {"t": phase_label(attempt.phase, row, attempt)},
        {"t": reason or looks.MISSING, "long": True, "title": reason or None},
        {"t": commit[:7] or looks.MISSING, "mono": True, "title": commit or None},
    ]
    return [*cells, {"t": looks.money(float(attempt.cost_usd)), "right": True}] if paid else cells


def outcome_look(attempt: AttemptRow, row: ExecutionRow, now: datetime) -> Look:
    """How an attempt ended, or how it goes."""
    if attempt.ended_at is None and attempt.started_at > now:
        return Look("gray", "hourglass_empty", "Not begun")
    if attempt.ended_at is None:
        return state(row, now)
    return _OUTCOMES.get(str(attempt.outcome)) or looks.UNKNOWN


def phase_label(phase: str | None, row: ExecutionRow, attempt: AttemptRow) -> str:
    """The phase an attempt ended in, or is in."""
    at = phase or (row.phase if attempt.ended_at is None and row.status != "retry" else None)
    return looks.look(looks.PHASES, at).label if at else looks.MISSING


def decision_text(attempt: AttemptRow) -> str:
    """What followed an attempt: tried again after a pause, went back to the agent, or ended for good with advice."""
    follow_up = attempt.follow_up or FollowUp()
    after = f" after {looks.duration(follow_up.pause_s)}" if follow_up.pause_s else ""
    if follow_up.action == "retry":
        return f"Tried again{after}"
    if follow_up.action == "refine":
        what = "with the deploy's log" if attempt.deploy_log_key or attempt.deployment_id else "with the reason"
        return f"Went back to the agent{after}, {what}"
    if follow_up.action == "fail":
        return f"Failed for good: {follow_up.advice}" if follow_up.advice else "Failed for good"
    if attempt.outcome == "completed":
        return "Nothing: it ended well"
    return looks.MISSING


def attempt_span(attempt: AttemptRow, now: datetime) -> str:
    """ "13:24 – 13:27, 2 min 31 s"; the table counts the time of one that goes on."""
    started, ended = moment(attempt.started_at, now), attempt.ended_at
    if attempt.started_at > now:
        return f"begins at {second(attempt.started_at, now)}"
    if ended is None:
        return f"since {started}"
    return f"{started} – {moment(ended, now)}, {looks.duration((ended - attempt.started_at).total_seconds())}"


def usage_head() -> list[Cell]:
    names = ("Attempt", "Turn", "Model", "Answers", "In", "Out", "Cost")
    return [{"t": name, "right": name in ("Answers", "In", "Out", "Cost")} for name in names]


def usage_cells(usage: Sequence[UsageSum]) -> list[list[Cell]]:
    """A row a turn and model, and the sum below them."""
    rows = [_used(str(one.attempt), words.turn(one.turn), one.model, [one]) for one in usage]
    return [*rows, _used("All", "", "", usage)]


def _used(attempt: str, turn: str, model: str, used: Sequence[UsageSum]) -> list[Cell]:
    counts = (sum(one.input_tokens for one in used), sum(one.output_tokens for one in used))
    tokens: list[Cell] = [{"t": looks.tokens(count), "title": f"{count:,}", "right": True} for count in counts]
    return [
        {"t": attempt},
        {"t": turn},
        {"t": model, "mono": True},
        {"t": f"{sum(one.messages for one in used):,}", "right": True},
        *tokens,
        {"t": looks.money(float(sum(one.cost_usd for one in used))), "right": True},
    ]
