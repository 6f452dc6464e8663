"""A new release of the app finds runs of the one before: they go on, and nothing of them is done twice."""

from __future__ import annotations

import signal
import uuid

import pytest

from services.database.queue import SCHEMA, WORKFLOW_VERSION
from tests.worker.house import House
from tests.worker.processes import eventually, gone
from tests.worker.test_loop import assert_told_once

pytestmark = pytest.mark.fault
OLDER = "UPDATE engine.workflow_status SET application_version = '1' WHERE workflow_uuid = %s"


def workflows(house: House, execution_id: uuid.UUID) -> dict[str, str]:
    """The run's workflows and their states; the execution's id is left out of their names."""
    rows = house.sql(
        f"SELECT workflow_uuid, status FROM {SCHEMA}.workflow_status WHERE starts_with(workflow_uuid, %s)",
        str(execution_id),
    )
    return {name.removeprefix(str(execution_id)): status for name, status in rows}


def test_a_run_that_an_older_release_queued_is_run_by_this_one(new_house: House) -> None:
    house = new_house
    execution_id = house.launch(house.workspace_id())
    house.sql(OLDER, str(execution_id))
    house.worker()
    assert house.wait(execution_id).row.status == "completed"
    assert_told_once(house, execution_id)
    taken_up = {"": "CANCELLED", f":v{WORKFLOW_VERSION}": "SUCCESS"}
    assert eventually(lambda: workflows(house, execution_id) == taken_up), workflows(house, execution_id)


@pytest.mark.parametrize(
    ("phase", "title"), [("implementing", "Committed%"), ("testing", "Detector contract%"), ("planning", "Plan")]
)
def test_a_run_that_an_older_release_had_begun_is_taken_up(new_house: House, phase: str, title: str) -> None:
    house = new_house
    first = house.worker()
    with house.halted("claude_checkpoint", phase=phase, title=title) as reached:
        execution_id = house.launch(house.workspace_id())
        reached()
        children = first.signal(signal.SIGKILL)
        assert first.ended()
        assert gone(children)
    house.sql(OLDER, str(execution_id))
    house.worker()
    found = house.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_told_once(house, execution_id)
    taken_up = {"": "CANCELLED", f":v{WORKFLOW_VERSION}": "SUCCESS"}
    assert eventually(lambda: workflows(house, execution_id) == taken_up), workflows(house, execution_id)
    house.assert_at_rest()


def test_a_run_of_an_older_release_that_still_lives_is_left_to_it(new_house: House) -> None:
    """Side by side while one release replaces the other."""
    house = new_house
    first = house.worker()
    with house.halted("claude_checkpoint", phase="testing", title="Detector contract%") as reached:
        execution_id = house.launch(house.workspace_id())
        reached()
        house.sql(OLDER, str(execution_id))
        second = house.worker()
        assert eventually(lambda: "worker_started" in second.said())
        assert not eventually(lambda: "adopting" in second.said(), 3)
    found = house.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert eventually(lambda: workflows(house, execution_id) == {"": "SUCCESS"}), workflows(house, execution_id)
    assert first.alive()
