"""Runs that people stop: canceled at any moment, or held after planning until the plan is accepted."""

from __future__ import annotations

import uuid

import pytest

from services import releases
from services.errors import Conflict
from tests.support.installation import Installation
from tests.support.processes import eventually
from tests.support.run_checks import assert_canceled, assert_each_event_once


@pytest.mark.long
def test_cancel_between_retries_ends_the_pause(new_installation: Installation) -> None:
    """The deploy fails, the next try is minutes away; after the cancel another run starts at once."""
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.person_commits({"detectors/broken.py": "SPEC = 1\n"})
    installation.worker(prepare="tests.support.worker_overrides:endless_pause", concurrency=1)
    execution_id = installation.launch(workspace_id)
    found = installation.wait(execution_id, "retry")
    assert found.retry_reason is not None
    installation.cancel(execution_id)
    assert_canceled(installation, execution_id)
    installation.person_commits({"detectors/broken.py": None})
    assert installation.run(workspace_id).current_version == "0.1.0"


@pytest.mark.long
def test_a_cancel_that_comes_too_late_changes_nothing(new_installation: Installation) -> None:
    """The version is live and on main when it is asked for."""
    installation = new_installation
    installation.worker()
    execution_id = installation.launch(installation.workspace_id())
    assert eventually(lambda: releases.current_commit("swings") is not None, 60)
    try:
        installation.cancel(execution_id)
    except Conflict as error:
        assert "has ended already" in str(error)  # the worker was quicker
    found = installation.wait(execution_id)
    assert found.row.status == "completed" or releases.current_commit("swings") is None
    on_main = installation.commits_of(execution_id)
    assert bool(on_main) == (found.row.status == "completed") == (found.canceled_at is None)
    installation.assert_at_rest()


def waits(installation: Installation, execution_id: uuid.UUID) -> bool:
    rows = installation.sql(
        "SELECT status, plan IS NOT NULL, worker_id FROM claude_executions WHERE id = %s", execution_id
    )
    return bool(rows == [("running", True, None)])


def test_after_planning_a_run_waits_without_a_worker(new_installation: Installation) -> None:
    """A worker that can hold one run alone does another one meanwhile; the accepted run goes on where it was."""
    installation = new_installation
    installation.worker(concurrency=1)
    execution_id = installation.launch(installation.workspace_id(), stop_after_planning=True)
    assert eventually(lambda: waits(installation, execution_id), 60)
    found = installation.get(execution_id)
    assert list(found.phases) == ["planning"]
    assert found.plan is not None
    assert eventually(lambda: not list((installation.root / "work").glob("*/tree")))
    other = installation.run(installation.workspace("bos"))
    assert other.current_version == "0.1.0"
    assert waits(installation, execution_id)
    (planned,) = (m for m in installation.messages(execution_id, "claude_phase_update"))
    installation.accept_plan(execution_id)
    installation.accept_plan(execution_id)  # a second click
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id, turns=2)  # the other pattern was merged meanwhile
    assert installation.messages(execution_id, "claude_phase_update")[0] == planned
    with pytest.raises(Conflict, match="is not waiting"):
        installation.accept_plan(execution_id)
    installation.assert_at_rest()


@pytest.mark.long
def test_a_waiting_run_is_canceled_at_once(new_installation: Installation) -> None:
    """Also when no worker is there."""
    installation = new_installation
    workspace_id = installation.workspace_id()
    worker = installation.worker()
    execution_id = installation.launch(workspace_id, stop_after_planning=True)
    assert eventually(lambda: waits(installation, execution_id), 60)
    assert eventually(lambda: not list((installation.root / "work").glob("*/tree")))
    installation.stop()
    assert not worker.alive()
    installation.cancel(execution_id)
    found = installation.get(execution_id)
    assert (found.row.status, found.row.error) == ("failed", "Canceled by Mara.")
    assert installation.status(workspace_id) == "soon"
    with pytest.raises(Conflict, match="is not waiting"):
        installation.accept_plan(execution_id)
    installation.worker()
    assert installation.run(workspace_id).current_version == "0.1.0"
    assert found.row == installation.get(execution_id).row
