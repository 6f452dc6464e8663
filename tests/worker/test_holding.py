"""What holds runs: an admin's pause and a full disk. They wait, can be canceled, and go on by themselves."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from services import holding
from services.database.engine import transaction
from services.errors import Conflict, InvalidInput, NotAllowed
from services.models import AgentUsage
from services.settings import get_settings
from tests.support.installation import Installation
from tests.support.processes import eventually


def log_of(installation: Installation, execution_id: uuid.UUID) -> str:
    file = Path(installation.root) / "work" / str(execution_id) / "log.txt"
    return file.read_text() if file.exists() else ""


def test_paused_runs_wait_and_go_on(installation: Installation) -> None:
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
    assert installation.wait(waiting).row.status == "completed"


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


def test_without_a_cap_nothing_is_held(installation: Installation) -> None:
    with transaction() as session:
        assert holding.left_today(session, installation.workspace_id()) is None
        assert holding.why_runs_wait(session, get_settings()) is None
