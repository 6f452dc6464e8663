"""Workers killed and frozen at every point: nothing is done twice, nothing is lost, nothing is left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from services import releases
from services.detectors.repository import git
from tests.worker.house import House, Worker, gone
from tests.worker.test_loop import PHASES, assert_told_once

pytestmark = pytest.mark.fault

INSIDE = {
    "planning": ("claude_checkpoint", "Reproduced%"),
    "implementing": ("claude_checkpoint", "Tried%"),
    "testing": ("claude_checkpoint", "Detector contract%"),
    "refining": ("claude_checkpoint", "Nothing to refine%"),
    "deploying": ("deploy_building", "%"),
}


def kill(worker: Worker) -> None:
    children = worker.signal(signal.SIGKILL)
    assert worker.ended()
    assert gone(children), [c.cmdline() for c in children]


def holder(house: House) -> Worker:
    """The worker that has the run."""
    ((name,),) = house.sql("SELECT worker_id FROM claude_executions WHERE status = 'running'")
    return next(w for w in house.workers if f"-{w.pid}-" in name)


def test_killed_in_every_phase_the_run_completes_once(
    house: House, record_property: Callable[[str, object], None]
) -> None:
    """One run, whose worker is killed inside each of the five phases; live workers take it over."""
    for _ in range(2):
        house.worker()
    execution_id = None
    waits = []
    for phase in PHASES:
        kind, title = INSIDE[phase]
        with house.halted(kind, phase=phase if kind == "claude_checkpoint" else "%", title=title) as reached:
            if execution_id is None:
                execution_id = house.launch(house.workspace_id())
            reached()
            ((before,),) = house.sql("SELECT epoch FROM claude_executions WHERE id = %s", execution_id)
            kill(holder(house))
            killed = time.monotonic()
        house.worker()  # so that two live ones are there again
        while house.sql("SELECT epoch FROM claude_executions WHERE id = %s", execution_id) == [(before,)]:
            assert time.monotonic() - killed < 10, f"not taken over in {phase}"
            time.sleep(0.05)
        waits.append(round(time.monotonic() - killed, 2))
    record_property("seconds until another worker had the run", waits)
    assert execution_id is not None
    found = house.wait(execution_id, seconds=90)
    assert found.row.status == "completed", found.row.error
    assert_told_once(house, execution_id)
    assert found.current_version == "0.1.1"
    assert releases.current_commit("swings") == git(house.repository, "rev-parse", "main") == found.row.commit_hash
    house.assert_at_rest()


@pytest.mark.parametrize(
    ("kind", "title"),
    [("claude_checkpoint", "Committed%"), ("deploy_success", "%")],
    ids=["between commit and record", "between deploy and record"],
)
def test_killed_between_the_deed_and_its_record(new_house: House, kind: str, title: str) -> None:
    """A single worker dies; the next one is started afterwards."""
    house = new_house
    first = house.worker()
    with house.halted(kind, title=title) as reached:
        execution_id = house.launch(house.workspace_id())
        reached()
        kill(first)
    house.worker()
    found = house.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_told_once(house, execution_id)
    house.assert_at_rest()


def test_a_frozen_worker_loses_its_run_and_ends_when_it_thaws(new_house: House) -> None:
    """Frozen inside an open transaction, so its locks have to be taken from it too."""
    house = new_house
    first = house.worker()
    with house.halted("claude_checkpoint", phase="testing", title="Repository tests%") as reached:
        execution_id = house.launch(house.workspace_id())
        reached()
        house.worker()
        first.signal(signal.SIGSTOP)
        frozen = time.monotonic()
    found = house.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert time.monotonic() - frozen < 60
    assert_told_once(house, execution_id)
    seen = (house.messages(execution_id), house.get(execution_id).checkpoints)
    first.signal(signal.SIGCONT)
    assert first.ended(), first.said()
    assert (house.messages(execution_id), house.get(execution_id).checkpoints) == seen
    house.assert_at_rest()


def test_sigterm_lets_the_step_end_and_the_next_worker_goes_on(new_house: House) -> None:
    house = new_house
    first = house.worker()
    with house.halted("claude_checkpoint", phase="implementing", title="Wrote%") as reached:
        execution_id = house.launch(house.workspace_id())
        reached()
        first.signal(signal.SIGTERM)
        time.sleep(0.2)
        assert first.alive()
    assert first.ended(), first.said()
    found = house.get(execution_id)
    assert found.row.status == "running"
    assert found.phases["implementing"]["status"] == "completed"
    assert "testing" not in found.phases
    house.worker()
    assert house.wait(execution_id).row.status == "completed"
    assert_told_once(house, execution_id)
