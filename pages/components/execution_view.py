"""What an execution's screen says, worked out from its facts alone. No streamlit here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pages.components import looks
from pages.components.looks import Look
from services.executions import SPANS, ExecutionDetail
from services.lifecycle import LIVE_EXECUTION, ExecutionPhase, ExecutionStatus

STALLED_AFTER: Final = timedelta(seconds=10)
CANCELING: Final = Look("gray", "hourglass_empty", "Canceling…")
AGENTS: Final = {"claude": "Claude", "tuner": "Tuner"}


@dataclass(frozen=True, slots=True)
class Notice:
    """A line above the phases: what the run waits for, or what may be wrong with it."""

    color: str
    symbol: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a person can do about a failed run. `action` is run_again, tab, deploy_log or workspace."""

    action: str
    label: str
    symbol: str
    tab: str | None = None


def is_live(detail: ExecutionDetail) -> bool:
    return detail.row.status in LIVE_EXECUTION


def is_canceling(detail: ExecutionDetail) -> bool:
    """Somebody asked for the end and the worker has not ended it yet."""
    return is_live(detail) and detail.canceled_at is not None


def waits_for_plan(detail: ExecutionDetail) -> bool:
    """The plan is made, and nobody has accepted it yet."""
    return (
        detail.row.status == ExecutionStatus.RUNNING
        and detail.stop_after_planning
        and detail.plan is not None
        and detail.plan_accepted_at is None
        and detail.row.phase == ExecutionPhase.PLANNING
        and detail.phases.get(ExecutionPhase.PLANNING, {}).get("status") == "completed"
    )


def badge(detail: ExecutionDetail) -> Look:
    """The status as people read it; a run that is being canceled or waits for its plan says so."""
    if is_canceling(detail):
        return CANCELING
    if waits_for_plan(detail):
        return Look("orange", "rule", "Waits for its plan")
    return looks.execution_look(detail.row.status, canceled=detail.row.canceled)


def caption(detail: ExecutionDetail, now: datetime) -> str:
    """Pattern, agent, and who started it when."""
    row = detail.row
    verb = "started" if row.started_at else "launched"
    start = moment(row.started_at or row.triggered_at, now)
    return f"{row.workspace_name} · {agent(row.agent)} · {verb} {start} by {row.triggered_by_name}"


def agent(name: str) -> str:
    return AGENTS.get(name, name.capitalize())


def signature(detail: ExecutionDetail) -> tuple[Any, ...]:
    """What the header and the buttons hang on: when it changes, the whole screen is drawn again."""
    return detail.row.status, detail.canceled_at is not None, waits_for_plan(detail)


def notices(detail: ExecutionDetail, now: datetime) -> list[Notice]:
    """What a person should know about a live run beside its phases."""
    row = detail.row
    if not is_live(detail):
        return []
    if is_canceling(detail):
        by = f" by {detail.canceled_by_name}" if detail.canceled_by_name else ""
        asked = moment(detail.canceled_at, now)
        return [Notice("gray", "block", f"Cancel was asked for at {asked}{by}; the worker is ending what it started.")]
    if row.status == ExecutionStatus.PENDING:
        return [Notice("gray", "hourglass_empty", "Waiting for a worker. It starts as soon as one is free.")]
    if row.status == ExecutionStatus.RETRY:
        why = f" {detail.retry_reason}" if detail.retry_reason else ""
        return [Notice("orange", "replay", f"Retry {row.retry_count} of {detail.max_retries} begins shortly.{why}")]
    if waits_for_plan(detail):
        return []
    if detail.worker_id is None:  # between the worker that planned and the one that goes on
        return [Notice("gray", "hourglass_empty", "The plan is accepted; waiting for a worker.")]
    return _stalled(detail, now)


def _stalled(detail: ExecutionDetail, now: datetime) -> list[Notice]:
    if detail.heartbeat_at is None or now - detail.heartbeat_at <= STALLED_AFTER:
        return []
    since = moment(detail.heartbeat_at, now)
    text = f"No sign of life since {since}; another worker takes over within seconds."
    return [Notice("orange", "heart_broken", text)]


def phase_run(detail: ExecutionDetail) -> dict[str, Any]:
    """The run as the phase bar draws it: `progress` is how full the current phase's segment is, 0 to 100."""
    row = detail.row
    phases = {name: dict(entry) for name, entry in detail.phases.items()}
    if row.status == ExecutionStatus.FAILED and row.phase in phases:
        phases[row.phase]["status"] = "failed"  # a phase may end well and what it came to end the run
    return {
        "status": row.status, "phase": row.phase, "phases": phases, "canceled": row.canceled,
        "progress": round(100 * phase_fraction(row.phase, row.progress)),
    }  # fmt: skip


def phase_fraction(phase: str | None, progress: int) -> float:
    """How much of the current phase is done, 0 to 1, from the progress of the whole."""
    if phase is None:
        return 0.0
    low, high = SPANS[ExecutionPhase(phase)]
    return min(max((progress - low) / (high - low), 0.0), 1.0)


def task(detail: ExecutionDetail) -> str:
    """What it does now, or what came of it."""
    row = detail.row
    if row.status == ExecutionStatus.PENDING:
        return "Waiting for a worker"
    if row.status == ExecutionStatus.COMPLETED:
        return detail.summary or "Completed"
    phase = looks.look(looks.PHASES, row.phase).label if row.phase else "the start"
    if row.status == ExecutionStatus.FAILED:
        return f"{'Canceled' if row.canceled else 'Failed'} in {phase.lower()}"
    if waits_for_plan(detail):
        return "The plan is made; it goes on when somebody accepts it"
    said = detail.phases.get(row.phase or "", {}).get("current_task")
    return str(said or phase)


def figures(detail: ExecutionDetail, now: datetime) -> list[str]:
    """Elapsed time, attempt and cost, as far as they mean something."""
    row = detail.row
    ended = row.completed_at or row.errored_at or now
    found = [looks.duration((ended - row.started_at).total_seconds())] if row.started_at else []
    if row.status == ExecutionStatus.PENDING:
        found.append(f"waiting {looks.duration((now - row.triggered_at).total_seconds())}")
    if row.started_at:
        found.append(f"attempt {row.retry_count + 1} of {detail.max_retries + 1}")
    if row.agent == "claude" or row.cost_usd:
        found.append(looks.money(float(row.cost_usd)))
    return found


def checkpoint_groups(detail: ExecutionDetail, now: datetime) -> list[dict[str, Any]]:
    """Checkpoints in the order they happened, a group for each stretch of a phase; what it does now comes last."""
    several = len(detail.attempts) > 1
    groups: list[dict[str, Any]] = []
    for point in detail.checkpoints:
        _add(groups, _group_title(point, several), _point(point, now))
    if detail.row.status == ExecutionStatus.RUNNING and detail.row.phase and not waits_for_plan(detail):
        entry = detail.phases.get(detail.row.phase, {})
        if entry.get("status") == "running" and entry.get("current_task"):
            title = _group_title({"phase": detail.row.phase, "attempt": detail.row.retry_count + 1}, several)
            now_item = {"color": "blue", "symbol": "progress_activity", "time": "now", "details": None}
            _add(groups, title, now_item | {"text": entry["current_task"]})
    return groups


def _add(groups: list[dict[str, Any]], title: str, item: dict[str, Any]) -> None:
    if not groups or groups[-1]["title"] != title:
        groups.append({"title": title, "items": []})
    groups[-1]["items"].append(item)


def _group_title(point: dict[str, Any], several: bool) -> str:
    phase = looks.look(looks.PHASES, point.get("phase")).label
    return f"Attempt {point.get('attempt', 1)} · {phase}" if several else phase


def _point(point: dict[str, Any], now: datetime) -> dict[str, Any]:
    ok = bool(point.get("ok", True))
    return {
        "color": "green" if ok else "red",
        "symbol": "check" if ok else "close",
        "text": str(point.get("text") or ""),
        "details": point.get("details"),
        "time": hour(parse(point.get("at")), now),
        "title": moment(parse(point.get("at")), now),
    }


def error_parts(detail: ExecutionDetail) -> tuple[str, str]:
    """Why it failed and what to do next: the last attempt keeps the reason alone, the execution both."""
    error = detail.row.error or "It failed."
    reason = str(detail.attempts[-1]["reason"] or "") if detail.attempts else ""
    if reason and error.startswith(reason):
        return reason, error[len(reason) :].strip()
    return error, ""


def next_step(detail: ExecutionDetail, *, broken: int, hidden: int = 0) -> Step | None:
    """The one thing to do about a failed run, None for a canceled one. `broken` counts the judged places that its
    candidate broke and that the replay shows, `hidden` those that it tells as a whole only."""
    row = detail.row
    if row.canceled:
        return None
    if broken:
        return Step("tab", f"Show the {looks.count(broken, 'broken case')}", "rule", tab="Replay")
    if detail.test_report and not detail.test_report.get("passed", True):
        return Step("tab", "Show the tests", "labs", tab="Tests")
    if row.deploy_status == "error":
        return Step("deploy_log", "Show the deploy's log", "article")
    if hidden or row.phase == ExecutionPhase.PLANNING:
        return Step("workspace", f"Open {row.workspace_name}", "forum")
    return Step("run_again", "Run again", "replay")


def parse(text: object) -> datetime | None:
    """An ISO time of the database's JSON, or None."""
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def hour(at: datetime | None, now: datetime) -> str:
    """ "13:24" in the viewer's zone."""
    return looks.MISSING if at is None else f"{at.astimezone(now.tzinfo):%H:%M}"


def moment(at: datetime | None, now: datetime) -> str:
    """ "13:24" today, else with its day: "3 Feb 13:24"."""
    if at is None:
        return looks.MISSING
    at = at.astimezone(now.tzinfo)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    year = "" if at.year == now.year else f" {at.year}"
    return f"{looks.day(at)}{year} {at:%H:%M}"
