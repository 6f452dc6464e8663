"""Runs that people stop: canceled at any moment, or held after planning until the plan is accepted."""

from __future__ import annotations

import uuid

import pytest

from services import releases
from services.errors import Conflict
from tests.worker.house import House
from tests.worker.processes import eventually
from tests.worker.test_loop import assert_told_once

SOON = 5.0  # seconds; two on a machine with nothing else to do


def assert_canceled(house: House, execution_id: uuid.UUID) -> None:
    found = house.get(execution_id)
    assert (found.row.status, found.row.error) == ("failed", "Canceled by Mara.")
    assert found.canceled_at is not None
    assert found.canceled_by_name == "Mara"
    (message,) = house.messages(execution_id, "claude_failed")
    assert message["title"] == f"Execution {found.row.number} was canceled"
    assert "running" not in {p.status for p in found.phases.values()}
    assert "in_progress" not in {m["status"] for m in house.messages(execution_id)}
    assert {a.outcome for a in found.attempts} <= {"canceled", "retry"}
    assert not house.commits_of(execution_id)
    assert eventually(lambda: not list((house.root / "work").glob("*")), SOON)
    house.assert_at_rest()


def test_cancel_between_retries_ends_the_pause(new_house: House) -> None:
    """The deploy fails, the next try is minutes away; after the cancel another run starts at once."""
    house, workspace_id = new_house, new_house.workspace_id()
    house.person_commits({"detectors/broken.py": "SPEC = 1\n"})
    house.worker(prepare="tests.worker.prepared:patient", concurrency=1)
    execution_id = house.launch(workspace_id)
    found = house.wait(execution_id, "retry")
    assert found.retry_reason is not None
    house.cancel(execution_id)
    assert_canceled(house, execution_id)
    house.person_commits({"detectors/broken.py": None})
    assert house.run(workspace_id).current_version == "0.1.0"


def test_a_cancel_that_comes_too_late_changes_nothing(new_house: House) -> None:
    """The version is live and on main when it is asked for."""
    house = new_house
    house.worker()
    execution_id = house.launch(house.workspace_id())
    assert eventually(lambda: releases.current_commit("swings") is not None, 60)
    try:
        house.cancel(execution_id)
    except Conflict as error:
        assert "has ended already" in str(error)  # the worker was quicker
    found = house.wait(execution_id)
    assert found.row.status == "completed" or releases.current_commit("swings") is None
    on_main = house.commits_of(execution_id)
    assert bool(on_main) == (found.row.status == "completed") == (found.canceled_at is None)
    house.assert_at_rest()


def waits(house: House, execution_id: uuid.UUID) -> bool:
    rows = house.sql("SELECT status, plan IS NOT NULL, worker_id FROM claude_executions WHERE id = %s", execution_id)
    return bool(rows == [("running", True, None)])


def test_after_planning_a_run_waits_without_a_worker(new_house: House) -> None:
    """A worker that can hold one run alone does another one meanwhile; the accepted run goes on where it was."""
    house = new_house
    house.worker(concurrency=1)
    execution_id = house.launch(house.workspace_id(), stop_after_planning=True)
    assert eventually(lambda: waits(house, execution_id), 60)
    found = house.get(execution_id)
    assert list(found.phases) == ["planning"]
    assert found.plan is not None
    assert eventually(lambda: not list((house.root / "work").glob("*/tree")))
    other = house.run(house.workspace("bos"))
    assert other.current_version == "0.1.0"
    assert waits(house, execution_id)
    (planned,) = (m for m in house.messages(execution_id, "claude_phase_update"))
    house.accept_plan(execution_id)
    house.accept_plan(execution_id)  # a second click
    found = house.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_told_once(house, execution_id, turns=2)  # the other pattern was merged meanwhile
    assert house.messages(execution_id, "claude_phase_update")[0] == planned
    with pytest.raises(Conflict, match="is not waiting"):
        house.accept_plan(execution_id)
    house.assert_at_rest()


def test_a_waiting_run_is_canceled_at_once(new_house: House) -> None:
    """Also when no worker is there."""
    house = new_house
    workspace_id = house.workspace_id()
    worker = house.worker()
    execution_id = house.launch(workspace_id, stop_after_planning=True)
    assert eventually(lambda: waits(house, execution_id), 60)
    assert eventually(lambda: not list((house.root / "work").glob("*/tree")))
    house.stop()
    assert not worker.alive()
    house.cancel(execution_id)
    found = house.get(execution_id)
    assert (found.row.status, found.row.error) == ("failed", "Canceled by Mara.")
    assert house.status(workspace_id) == "soon"
    with pytest.raises(Conflict, match="is not waiting"):
        house.accept_plan(execution_id)
    house.worker()
    assert house.run(workspace_id).current_version == "0.1.0"
    assert found.row == house.get(execution_id).row
