"""Workers killed and frozen at every point: nothing is done twice, nothing is lost, nothing is left behind."""

from __future__ import annotations

import signal
import time
import uuid

import pytest

from services import releases
from services.detectors.repository import git
from tests.support.installation import Installation
from tests.support.processes import Worker, eventually, gone
from tests.support.run_checks import PHASES, assert_each_event_once

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


def holder(installation: Installation) -> Worker:
    """The worker that has the run."""
    ((name,),) = installation.sql("SELECT worker_id FROM claude_executions WHERE status = 'running'")
    return next(w for w in installation.workers if f"-{w.pid}-" in name)


def assert_taken_over(
    installation: Installation, execution_id: uuid.UUID, epoch: int, since: float, seconds: float
) -> None:
    """Another worker has the run at most so many seconds after `since`."""
    left = since + seconds - time.monotonic()
    now = "SELECT epoch FROM claude_executions WHERE id = %s"
    assert eventually(lambda: installation.sql(now, execution_id) != [(epoch,)], left), f"not after {seconds} s"
    print(f"taken over after {time.monotonic() - since:.2f} s")


@pytest.mark.long
def test_killed_in_every_phase_the_run_completes_once(installation: Installation) -> None:
    """One run, whose worker is killed inside each of the five phases; live workers take it over."""
    for _ in range(2):
        installation.worker()
    execution_id = None
    for phase in PHASES:
        kind, title = INSIDE[phase]
        with installation.halted(kind, phase=phase if kind == "claude_checkpoint" else "%", title=title) as reached:
            if execution_id is None:
                execution_id = installation.launch(installation.workspace_id())
            reached()
            ((before,),) = installation.sql("SELECT epoch FROM claude_executions WHERE id = %s", execution_id)
            kill(holder(installation))
            killed = time.monotonic()
        installation.worker()  # so that two live ones are there again
        assert_taken_over(installation, execution_id, before, killed, 10)
    assert execution_id is not None
    found = installation.wait(execution_id, seconds=90)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id)
    assert found.current_version == "0.1.1"
    assert (
        releases.current_commit("swings") == git(installation.repository, "rev-parse", "main") == found.row.commit_hash
    )
    installation.assert_at_rest()


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        pytest.param("claude_checkpoint", "Committed%", id="between commit and record"),
        pytest.param("deploy_success", "%", id="between deploy and record", marks=pytest.mark.long),
    ],
)
def test_killed_between_the_work_and_its_record(new_installation: Installation, kind: str, title: str) -> None:
    """A single worker dies; the next one is started afterwards."""
    installation = new_installation
    first = installation.worker()
    with installation.halted(kind, title=title) as reached:
        execution_id = installation.launch(installation.workspace_id())
        reached()
        kill(first)
    installation.worker()
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id)
    installation.assert_at_rest()


@pytest.mark.long
def test_a_frozen_worker_loses_its_run_and_ends_when_it_continues(new_installation: Installation) -> None:
    """Frozen inside an open transaction, so its locks have to be taken from it too."""
    installation = new_installation
    first = installation.worker()
    with installation.halted("claude_checkpoint", phase="testing", title="Repository tests%") as reached:
        execution_id = installation.launch(installation.workspace_id())
        reached()
        installation.worker()
        ((before,),) = installation.sql("SELECT epoch FROM claude_executions WHERE id = %s", execution_id)
        first.signal(signal.SIGSTOP)
        frozen = time.monotonic()
        assert_taken_over(installation, execution_id, before, frozen, 15)
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id)
    seen = (installation.messages(execution_id), installation.get(execution_id).checkpoints)
    first.signal(signal.SIGCONT)
    assert first.ended(), first.said()
    assert (installation.messages(execution_id), installation.get(execution_id).checkpoints) == seen
    installation.assert_at_rest()


def test_sigterm_lets_the_step_end_and_the_next_worker_goes_on(new_installation: Installation) -> None:
    installation = new_installation
    first = installation.worker()
    with installation.halted("claude_checkpoint", phase="implementing", title="Wrote%") as reached:
        execution_id = installation.launch(installation.workspace_id())
        reached()
        first.signal(signal.SIGTERM)
        time.sleep(0.2)
        assert first.alive()
    assert first.ended(), first.said()
    found = installation.get(execution_id)
    assert found.row.status == "running"
    assert found.phases["implementing"].status == "completed"
    assert "testing" not in found.phases
    installation.worker()
    assert installation.wait(execution_id).row.status == "completed"
    assert_each_event_once(installation, execution_id)
