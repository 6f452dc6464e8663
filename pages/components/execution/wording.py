"""What an execution's screen says, worked out from its facts alone. No streamlit here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pages.components import looks
from pages.components.looks import Look
from pages.components.runs.cells import Point, PointGroup, Ticking
from pages.components.runs.state import (
    STALLED,
    agent_name,
    counting_up,
    hour,
    is_canceling,
    is_live,
    is_paid,
    is_stalled,
    moment,
    plain_text,
    retry_text,
    stalled_text,
    state,
    waiting_text,
    waits_for_worker,
)
from services.executions import Checkpoint, ExecutionDetail
from services.lifecycle import ExecutionPhase, ExecutionStatus

TESTS_FOLDER: Final = "tests/"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line above the phases: what the run waits for, or what may be wrong with it."""

    color: str
    symbol: str
    text: Ticking


@dataclass(frozen=True, slots=True)
class Step:
    """What a person can do about a failed run. `action` is continue, run_again, tab, deploy_log or workspace."""

    action: str
    label: str
    symbol: str
    tab: str | None = None


def badge(detail: ExecutionDetail, now: datetime) -> Look:
    """The status as people read it."""
    return state(detail.row, now)


def caption(detail: ExecutionDetail, now: datetime) -> str:
    """Pattern, agent, and who started it when."""
    row = detail.row
    verb = "started" if row.started_at else "launched"
    start = moment(row.started_at or row.triggered_at, now)
    return f"{row.workspace_name} · {agent_name(row.agent)} · {verb} {start} by {row.triggered_by_name}"


def signature(detail: ExecutionDetail, now: datetime) -> tuple[Any, ...]:
    """What the header and the buttons hang on: when it changes, the whole screen is drawn again."""
    return detail.row.status, state(detail.row, now).label, tuple(child.id for child in detail.children)


def notices(detail: ExecutionDetail, now: datetime, workers: int | None = None) -> list[Notice]:
    """What a person should know about a run beside its phases. `workers` counts those connected where it matters."""
    lines = [*_about_state(detail, now, workers)]
    if tests := changed_tests(detail.files_changed):
        names = ", ".join(tests[:3]) + (f" and {len(tests) - 3} more" if len(tests) > 3 else "")
        text = f"The agent changed the pattern's own tests: {names}. See them in Diff."
        lines.append(Notice("orange", "labs", plain_text(text)))
    return lines


def _about_state(detail: ExecutionDetail, now: datetime, workers: int | None) -> list[Notice]:
    row = detail.row
    if not is_live(row) or row.waits_for_plan:
        return []
    if is_canceling(row):
        by = f" by {detail.canceled_by_name}" if detail.canceled_by_name else ""
        asked = moment(detail.canceled_at, now)
        text = f"Cancel was asked for at {asked}{by}; the worker is ending what it started."
        return [Notice("gray", "block", plain_text(text))]
    if waits_for_worker(row):
        waits = plain_text(waiting_text(row, 1 if workers is None else workers))
        return [Notice("gray", "hourglass_empty", waits) if workers != 0 else Notice("orange", "cloud_off", waits)]
    if row.status == ExecutionStatus.RETRY:
        return [Notice("orange", "replay", retry_text(row, row.retry_reason))]
    if is_stalled(row, now):
        over = "another worker takes over within seconds" if workers != 0 else "no worker is connected to take over"
        return [Notice("orange", "heart_broken", stalled_text(row, now, then=over))]
    return []


def changed_tests(files: Sequence[str]) -> list[str]:
    """Those of the changed files that are tests, which a reviewer has to look at."""
    return [name for name in files if name.startswith(TESTS_FOLDER)]


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
    if row.waits_for_plan:
        return "The plan is made; it goes on when somebody accepts it"
    if row.status == ExecutionStatus.RETRY:
        return f"Attempt {row.retry_count} failed in {phase.lower()}; the next one begins after a pause"
    phase_state = detail.phases.get(row.phase or "")
    return (phase_state.current_task if phase_state is not None else None) or phase


def figures(detail: ExecutionDetail) -> Ticking:
    """Elapsed time, attempt and cost, as far as they mean something; the time goes on while the run does."""
    row = detail.row
    ended = row.completed_at or row.errored_at
    parts = [f"attempt {row.retry_count + 1} of {row.max_retries + 1}"] if row.started_at else []
    parts += spent(row.cost_usd, row.input_tokens, row.output_tokens) if is_paid(row) else []
    after = "".join(f" · {part}" for part in parts)
    if row.status == ExecutionStatus.PENDING:
        return counting_up(row.triggered_at, before="waiting ", after=after)
    if row.started_at and not ended:
        return counting_up(row.started_at, after=after)
    took = [looks.duration((ended - row.started_at).total_seconds())] if row.started_at and ended else []
    return plain_text(" · ".join([*took, *parts]))


def spent(cost: Any, input_tokens: int, output_tokens: int) -> list[str]:
    """ "$0.42", "31k in", "2k out"; tokens only where there are any."""
    tokens = [f"{looks.tokens(input_tokens)} in", f"{looks.tokens(output_tokens)} out"]
    return [looks.money(float(cost)), *(tokens if input_tokens or output_tokens else [])]


def checkpoint_groups(detail: ExecutionDetail, now: datetime) -> list[PointGroup]:
    """Checkpoints in the order they happened, a group for each stretch of a phase; what it does now comes last."""
    several = len(detail.attempts) > 1
    groups: list[PointGroup] = []
    for point in detail.checkpoints:
        _add(groups, _group_title(point.phase, point.attempt, several), _point(point, now))
    if detail.row.status == ExecutionStatus.RUNNING and detail.row.phase and not detail.row.waits_for_plan:
        phase_state = detail.phases.get(detail.row.phase)
        if phase_state is not None and phase_state.status == "running" and phase_state.current_task:
            title = _group_title(detail.row.phase, detail.row.retry_count + 1, several)
            look = STALLED if is_stalled(detail.row, now) else looks.PHASE_STATES["now"]
            item: Point = {
                "color": look.color,
                "symbol": look.symbol,
                "time": "now",
                "details": None,
                "text": phase_state.current_task,
            }
            _add(groups, title, item)
    return groups


def _add(groups: list[PointGroup], title: str, item: Point) -> None:
    if not groups or groups[-1]["title"] != title:
        groups.append({"title": title, "items": []})
    groups[-1]["items"].append(item)


def _group_title(phase: str, attempt: int, several: bool) -> str:
    label = looks.look(looks.PHASES, phase).label
    return f"Attempt {attempt} · {label}" if several else label


def _point(point: Checkpoint, now: datetime) -> Point:
    return {
        "color": "green" if point.ok else "red",
        "symbol": "check" if point.ok else "close",
        "text": point.text,
        "details": point.details,
        "time": hour(point.at, now),
        "title": f"{moment(point.at, now)} ({looks.utc(point.at)})",
    }


def error_parts(detail: ExecutionDetail) -> tuple[str, str]:
    """Why it failed and what to do next: the last attempt keeps the reason alone, the execution both."""
    error = detail.row.error or "It failed."
    reason = detail.attempts[-1].reason or "" if detail.attempts else ""
    if reason and error.startswith(reason):
        return reason, error[len(reason) :].strip()
    return error, ""


def next_step(detail: ExecutionDetail, *, broken: int, hidden: int = 0, may_continue: bool = False) -> Step | None:
    """The one thing to do about a failed run, None for a canceled one. `broken` counts the judged places that its
    candidate broke and that the replay shows, `hidden` those that it only counts."""
    row = detail.row
    if row.canceled:
        return None
    if broken:
        return Step("tab", f"Show the {looks.count(broken, 'broken judgement')}", "rule", tab="Replay")
    if detail.test_report and not detail.test_report.passed:
        return Step("tab", "Show the tests", "labs", tab="Tests")
    spent_all = 0 < row.max_retries <= row.retry_count
    if may_continue and (row.deploy_status == "error" or spent_all):
        return Step("continue", "Continue from here", "resume")
    if row.deploy_status == "error":
        return Step("deploy_log", "Show the deploy's log", "article")
    if hidden or row.phase == ExecutionPhase.PLANNING:
        return Step("workspace", f"Open {row.workspace_name}", "forum")
    return Step("run_again", "Run again", "replay")
