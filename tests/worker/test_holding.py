"""What holds runs: an admin's pause and a full disk. They wait, can be canceled, and go on by themselves."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from services import executions, holding, limiting
from services.database.engine import transaction
from services.errors import Conflict, InvalidInput, NotAllowed, TooMany
from services.models import AgentUsage
from services.settings import get_settings
from services.worker import workflow
from services.worker.context import RunContext
from tests.support.installation import Installation
from tests.support.processes import eventually


def log_of(installation: Installation, execution_id: uuid.UUID) -> str:
    file = Path(installation.root) / "work" / str(execution_id) / "log.txt"
    return file.read_text() if file.exists() else ""


def test_paused_runs_wait_and_begin_once_it_is_over(installation: Installation) -> None:
    with transaction() as session:
        holding.pause(session, reason="The exchange changes its feed.", actor=installation.admin)
    with transaction() as session, pytest.raises(Conflict):
        holding.pause(session, actor=installation.admin)
    with transaction() as session, pytest.raises(NotAllowed):
        holding.resume(session, actor=installation.member)
    installation.worker()
    workspace_id = installation.workspace_id()
    waiting = installation.launch(workspace_id)
    assert eventually(lambda: "Adam paused all runs" in log_of(installation, waiting), 60), log_of(
        installation, waiting
    )
    installation.cancel(waiting)
    assert installation.wait(waiting).row.canceled
    waiting = installation.launch(workspace_id)
    assert eventually(lambda: "The exchange changes its feed." in log_of(installation, waiting), 60)
    # Longer than a worker may be silent before it counts as frozen.
    assert not eventually(lambda: installation.get(waiting).row.status != "pending", 10)
    with transaction() as session:
        holding.resume(session, actor=installation.admin)
    assert eventually(lambda: installation.get(waiting).row.status == "running", 60)
    installation.cancel(waiting)
    assert installation.wait(waiting).row.canceled


@pytest.mark.long
def test_runs_wait_while_the_disk_is_full(installation: Installation) -> None:
    worker = installation.worker(DISK_FULL_MB=str(10**9))
    waiting = installation.launch(installation.workspace_id())
    assert eventually(lambda: "The disk is full" in log_of(installation, waiting), 60)
    with transaction() as session:
        [(state, sentence)] = holding.other_disks(session).values()
    assert (state, sentence.startswith("The disk is full")) == ("full", True)
    worker.signal(15)
    assert worker.ended()
    installation.worker()
    assert installation.wait(waiting).row.status == "completed"


@pytest.mark.long
def test_a_cap_of_the_day_stops_launches_of_agents_that_cost(installation: Installation) -> None:
    workspace_id = installation.workspace_id()
    [(earlier,)] = installation.sql("SELECT id FROM claude_executions ORDER BY triggered_at LIMIT 1")
    with transaction() as session:
        session.add(
            AgentUsage(
                execution_id=earlier,
                message_id="m1",
                attempt=1,
                turn="plan",
                model="x",
                cost_usd=3.5,
                input_tokens=1,
                output_tokens=1,
            )
        )
    for usd in (float("nan"), float("inf"), -1.0):
        with transaction() as session, pytest.raises(InvalidInput):
            holding.set_cap(session, None, usd, actor=installation.admin)
    with transaction() as session:
        holding.set_cap(session, None, 3.0, actor=installation.admin)
        assert holding.left_today(session, workspace_id) == 0.0
        holding.set_cap(session, workspace_id, 10.0, actor=installation.admin)
        assert holding.left_today(session, workspace_id) == 6.5
        holding.set_cap(session, workspace_id, None, actor=installation.admin)
        assert holding.left_today(session, workspace_id) == 0.0
    with pytest.raises(Conflict, match=r"have spent today's cap of \$3.00"):
        installation.launch(workspace_id, agent="claude")
    installation.cancel(installation.launch(workspace_id, agent="tuner"))
    installation.sql("UPDATE agent_usage SET created_at = now() - interval '1 day'")
    with transaction() as session:
        assert holding.left_today(session, workspace_id) == 3.0


@pytest.mark.long
def test_launches_of_a_person_are_limited(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one within the time is refused before anything is queued, and goes when the time is over."""
    workspace_id = installation.workspace_id()
    monkeypatch.setenv("LIMITS", "launch=1/5 seconds")
    get_settings.cache_clear()
    limiting.forget()
    installation.cancel(installation.launch(workspace_id))
    before = installation.sql("SELECT count(*) FROM claude_executions")
    with pytest.raises(TooMany, match=r"more than 1 launches in one 5 seconds; try again in \d seconds"):
        installation.launch(workspace_id)
    assert installation.sql("SELECT count(*) FROM claude_executions") == before

    def again() -> bool:
        try:
            installation.cancel(installation.launch(workspace_id))
        except TooMany:
            return False
        return True

    assert eventually(again)
    limiting.forget()


@pytest.mark.long
def test_what_a_full_disk_broke_is_done_again(installation: Installation) -> None:
    """Neither the agent's change nor the record of a failure is lost, and no attempt is spent."""
    worker = installation.worker(prepare="tests.support.worker_overrides:no_room_at_first")
    found = installation.run(installation.workspace_id())
    assert (found.row.retry_count, len(found.attempts)) == (0, 1)
    assert worker.said().count("step_waits_for_room") == 3


@pytest.mark.long
def test_a_run_whose_end_cannot_be_recorded_yet_waits_for_the_database(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = installation.launch(installation.workspace_id())
    with transaction() as session:
        epoch = executions.take_over(session, execution_id, worker_id="w")
    fail, refused = executions.fail, [OperationalError("UPDATE", {}, Exception("No space left on device"))] * 2

    def fails_later(*given: Any, **named: Any) -> None:
        if refused:
            raise refused.pop()
        fail(*given, **named)

    monkeypatch.setattr(executions, "fail", fails_later)
    assert workflow._give_up(RunContext(execution_id, epoch, "w"), ValueError("broken")) == "failed"
    assert not refused
    assert "Something went wrong. Reference" in str(installation.get(execution_id).row.error)


@pytest.mark.long
def test_without_a_cap_nothing_is_held(installation: Installation) -> None:
    with transaction() as session:
        assert holding.left_today(session, installation.workspace_id()) is None
        assert holding.why_runs_wait(session, get_settings()) is None
