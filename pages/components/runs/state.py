"""What an execution's row says it is doing: running, stalled, waiting for its plan or for the next attempt.

Every place that shows a run (its own screen, the list, a workspace) reads it from here. No streamlit here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pages.components import looks
from pages.components.looks import Look
from pages.components.runs.cells import Ticking
from services import rules
from services.executions import ExecutionRow
from services.lifecycle import ExecutionStatus

STALLED_AFTER: Final = timedelta(seconds=rules.STALLED_AFTER_S)
CANCELING: Final = Look("gray", "hourglass_empty", "Canceling…")
STALLED: Final = Look("orange", "heart_broken", "Stalled")
WAITS_FOR_PLAN: Final = Look("orange", "rule", "Waits for its plan")
CANCELED_PHASE: Final = Look("gray", "block", "Canceled")
NO_WORKER: Final = "No worker is connected; it starts once `patterndesk worker` runs somewhere."


def is_live(row: ExecutionRow) -> bool:
    return rules.is_live(row.status)


def is_canceling(row: ExecutionRow) -> bool:
    """Somebody asked for the end and the worker has not ended it yet."""
    return is_live(row) and row.canceled


def kind(row: ExecutionRow) -> str:
    """`live`, or how it ended; a canceled one is `failed` in the database."""
    if is_live(row):
        return "live"
    return "canceled" if row.canceled else str(row.status)


def is_stalled(row: ExecutionRow, now: datetime) -> bool:
    """A worker runs it and has sent no heartbeat for longer than a working one ever waits."""
    return (
        is_silent(row.heartbeat_at, now)
        and row.status == ExecutionStatus.RUNNING
        and row.worker_id is not None
        and not row.waits_for_plan
    )


def is_silent(heartbeat_at: datetime | None, now: datetime) -> bool:
    return heartbeat_at is not None and now - heartbeat_at > STALLED_AFTER


def waits_for_worker(row: ExecutionRow) -> bool:
    """It is queued: at its start, or after its plan was accepted."""
    queued = row.status == ExecutionStatus.RUNNING and row.worker_id is None and not row.waits_for_plan
    return not row.canceled and (row.status == ExecutionStatus.PENDING or queued)


def state(row: ExecutionRow, now: datetime) -> Look:
    """The status as people read it: never merely running when it is canceled, stalled, or waits for a person."""
    if is_canceling(row):
        return CANCELING
    if row.waits_for_plan:
        return WAITS_FOR_PLAN
    if is_stalled(row, now):
        return STALLED
    if waits_for_worker(row):
        return looks.EXECUTIONS["pending"]
    return looks.execution_look(row.status, canceled=row.canceled)


def plain_text(text: str) -> Ticking:
    """A text without a time that goes on."""
    return {"before": text, "since": None, "until": None, "after": ""}


def counting_up(since: datetime, *, before: str = "", after: str = "") -> Ticking:
    """ "6 min 41 s" between two texts, longer with each second."""
    return {"before": before, "since": since.isoformat(), "until": None, "after": after}


def spoken(text: Ticking, now: datetime) -> str:
    """The text as it reads at a moment; `ticking` in runs/component.js says the same."""
    counted = ""
    if text["since"]:
        counted = looks.duration(max(0.0, (now - datetime.fromisoformat(text["since"])).total_seconds()))
    elif text["until"]:
        left = (datetime.fromisoformat(text["until"]) - now).total_seconds()
        counted = f"in {looks.clock(left)}" if left >= 0.5 else "begins now"
    return f"{text['before']}{counted}{text['after']}"


def stalled_text(row: ExecutionRow, now: datetime, *, then: str = "") -> Ticking:
    """ "No sign of life since 13:24:10 (18 s); another worker takes over." """
    assert row.heartbeat_at is not None
    since = f"No sign of life since {second(row.heartbeat_at, now)} ("
    return counting_up(row.heartbeat_at, before=since, after=f"){f'; {then}' if then else ''}.")


def retry_text(row: ExecutionRow, reason: str | None) -> Ticking:
    """ "Retry 3 of 10 in 0:42: the build failed." """
    until = row.retry_at.isoformat() if row.retry_at else None
    before = f"Retry {row.retry_count} of {row.max_retries} " + ("" if until else "begins now")
    return {"before": before, "since": None, "until": until, "after": f": {reason}" if reason else "."}


def waiting_text(row: ExecutionRow, workers: int) -> str:
    """What a queued run waits for, given how many workers are connected."""
    accepted = "The plan is accepted. " if row.status == ExecutionStatus.RUNNING else ""
    if not workers:
        return accepted + NO_WORKER
    return f"{accepted}Waiting for a worker; {looks.count(workers, 'is', 'are')} connected. It starts when one is free."


def remark(row: ExecutionRow, now: datetime, *, workers: int | None = None) -> Ticking | None:
    """The one thing beside its phase that a reader of a list should know; None when all goes well.

    `workers` is how many are connected, None when nobody looked.
    """
    if is_canceling(row) or not is_live(row):
        return None
    if row.waits_for_plan:
        return plain_text("Waits until somebody accepts its plan.")
    if row.status == ExecutionStatus.RETRY:
        return retry_text(row, row.retry_reason)
    if is_stalled(row, now):
        return stalled_text(row, now)
    return plain_text(NO_WORKER) if workers == 0 and waits_for_worker(row) else None


def agent_name(name: str) -> str:
    return rules.agent_name(name)


def is_paid(row: ExecutionRow) -> bool:
    """Whether it costs money; the tuner is free."""
    return row.agent == "claude" or bool(row.cost_usd)


def hour(at: datetime | None, now: datetime) -> str:
    """ "13:24" in the viewer's zone."""
    return looks.MISSING if at is None else f"{at.astimezone(now.tzinfo):%H:%M}"


def second(at: datetime, now: datetime) -> str:
    """ "13:24:10" today, else with its day."""
    at = at.astimezone(now.tzinfo)
    return f"{at:%H:%M:%S}" if at.date() == now.date() else f"{moment(at, now)}:{at:%S}"


def moment(at: datetime | None, now: datetime) -> str:
    """ "13:24" today, else with its day: "3 Feb 13:24"."""
    if at is None:
        return looks.MISSING
    at = at.astimezone(now.tzinfo)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    year = "" if at.year == now.year else f" {at.year}"
    return f"{looks.day(at)}{year} {at:%H:%M}"
