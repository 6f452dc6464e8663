"""A new release of the app takes over runs of the release before: they continue, and no step of them is repeated."""

from __future__ import annotations

import signal
import time
import uuid

import pytest

from services.database.queue import SCHEMA, WORKFLOW_VERSION
from tests.support.installation import Installation
from tests.support.processes import eventually, gone
from tests.support.run_checks import assert_each_event_once

pytestmark = pytest.mark.fault
OLDER = "UPDATE engine.workflow_status SET application_version = '1' WHERE workflow_uuid = %s"


def workflows(installation: Installation, execution_id: uuid.UUID) -> dict[str, str]:
    """The run's workflows and their states; the execution's id is left out of their names."""
    rows = installation.sql(
        f"SELECT workflow_uuid, status FROM {SCHEMA}.workflow_status WHERE starts_with(workflow_uuid, %s)",
        str(execution_id),
    )
    return {name.removeprefix(str(execution_id)): status for name, status in rows}


@pytest.mark.long
def test_a_run_that_an_older_release_queued_is_run_by_this_one(new_installation: Installation) -> None:
    installation = new_installation
    execution_id = installation.launch(installation.workspace_id())
    installation.sql(OLDER, str(execution_id))
    installation.worker()
    assert installation.wait(execution_id).row.status == "completed"
    assert_each_event_once(installation, execution_id)
    taken_up = {"": "CANCELLED", f":v{WORKFLOW_VERSION}": "SUCCESS"}
    assert eventually(lambda: workflows(installation, execution_id) == taken_up), workflows(installation, execution_id)


@pytest.mark.parametrize(
    ("phase", "title"),
    [
        ("implementing", "Committed%"),
        pytest.param("testing", "Detector contract%", marks=pytest.mark.long),
        pytest.param("planning", "Plan", marks=pytest.mark.long),
    ],
)
def test_a_run_that_an_older_release_had_begun_is_taken_up(
    new_installation: Installation, phase: str, title: str
) -> None:
    installation = new_installation
    first = installation.worker()
    with installation.halted("claude_checkpoint", phase=phase, title=title) as reached:
        execution_id = installation.launch(installation.workspace_id())
        reached()
        children = first.signal(signal.SIGKILL)
        assert first.ended()
        assert gone(children)
    installation.sql(OLDER, str(execution_id))
    installation.worker()
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert_each_event_once(installation, execution_id)
    taken_up = {"": "CANCELLED", f":v{WORKFLOW_VERSION}": "SUCCESS"}
    assert eventually(lambda: workflows(installation, execution_id) == taken_up), workflows(installation, execution_id)
    installation.assert_at_rest()


def test_a_run_of_an_older_release_stays_with_its_live_worker(new_installation: Installation) -> None:
    """Side by side while one release replaces the other."""
    installation = new_installation
    workers = [installation.worker(), installation.worker()]
    assert eventually(lambda: all("worker_started" in one.said() for one in workers))
    # A halted run holds its row, so it can't beat: what is looked at here has to end before it counts as frozen.
    with installation.halted("claude_checkpoint", phase="testing", title="Detector contract%") as reached:
        execution_id = installation.launch(installation.workspace_id())
        reached()
        installation.sql(OLDER, str(execution_id))
        time.sleep(3)  # three looks of the watchdog, and not longer on a busy machine
        assert not any("adopting" in one.said() for one in workers)
    found = installation.wait(execution_id)
    assert found.row.status == "completed", found.row.error
    assert eventually(lambda: workflows(installation, execution_id) == {"": "SUCCESS"}), workflows(
        installation, execution_id
    )
    assert all(one.alive() for one in workers)
