"""Runs of different workspaces side by side, as many at a time as the workers take; runs of one never overlap."""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import pairwise

import psycopg
import pytest

from services.database.engine import plain_url
from services.errors import Conflict
from tests.support.installation import Installation
from tests.support.processes import eventually

COUNT = 8


@pytest.mark.long
def test_eight_workspaces_run_as_many_at_a_time_as_the_workers_take(new_installation: Installation) -> None:
    installation = new_installation
    text = installation.read("detectors/swings.py")
    names = [f"swings_{n}" for n in range(COUNT)]
    installation.person_commits({f"detectors/{name}.py": text.replace('"swings",', f'"{name}",', 1) for name in names})
    homes = [installation.workspace(name) for name in names]
    launched = [installation.launch(home) for home in homes]
    busiest, stop = Counter[str](), threading.Event()
    watcher = threading.Thread(target=watch, args=(installation, busiest, stop))
    watcher.start()
    for _ in range(2):
        installation.worker(concurrency=2)
    with pytest.raises(Conflict, match="one runs at a time"):
        installation.launch(homes[0])
    ended = [installation.wait(execution_id, seconds=200) for execution_id in launched]
    stop.set()
    watcher.join()
    assert [e.row.error for e in ended] == [None] * COUNT, installation.errors_said()
    assert {e.current_version for e in ended} == {"0.1.0"}
    assert 3 <= busiest.pop("all") <= 4
    assert len(busiest) == 2
    assert set(busiest.values()) == {2}, busiest
    installation.assert_at_rest()


@pytest.mark.long
def test_a_run_outlasts_a_lock_that_somebody_holds_for_too_long(new_installation: Installation) -> None:
    """The database gives up waiting for a lock after a while, as it ends one of two who wait for each other."""
    installation, workspace_id = new_installation, new_installation.workspace_id()
    installation.worker(prepare="tests.support.worker_overrides:short_lock_timeout")
    launched = installation.launch(workspace_id)
    installation.wait(launched, "running")
    with psycopg.connect(plain_url(installation.url)) as other:
        other.execute("SELECT 1 FROM pattern_workspaces WHERE id = %s FOR UPDATE", [workspace_id])
        waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'run %%' AND wait_event_type = 'Lock'"
        assert eventually(lambda: other.execute(waiting).fetchall(), 60)
        time.sleep(1.0)
        other.rollback()
    ended = installation.wait(launched)
    assert (ended.row.error, len(ended.attempts)) == (None, 1), installation.errors_said()


def watch(installation: Installation, busiest: Counter[str], stop: threading.Event) -> None:
    """The most runs that each worker, and all of them, had at once."""
    while not stop.wait(0.05):
        rows = installation.sql(
            "SELECT worker_id, count(*) FROM claude_executions WHERE status = 'running' AND worker_id IS NOT NULL "
            "GROUP BY 1"
        )
        for name, count in [*rows, ("all", sum(count for _, count in rows))]:
            busiest[name] = max(busiest[name], count)


def test_runs_of_one_workspace_follow_one_another(new_installation: Installation) -> None:
    """Also when the second is queued in the moment in which the first ends, with workers that have nothing else to do."""
    installation, workspace_id = new_installation, new_installation.workspace_id()
    for _ in range(2):
        installation.worker(concurrency=2)
    made = [installation.launch(workspace_id)]
    installation.wait(made[0])
    installation.comment(workspace_id, "Look again.")
    while len(made) < 3:
        try:
            made.append(installation.launch(workspace_id))  # the tuner ends at once: there is too little to go by
        except Conflict:
            time.sleep(0.01)
    for execution_id in made:
        installation.wait(execution_id)
    spans = installation.sql(
        "SELECT started_at, coalesce(completed_at, errored_at) FROM claude_executions WHERE workspace_id = %s "
        "ORDER BY number", workspace_id,
    )  # fmt: skip
    assert len(spans) == 3
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans)), spans
