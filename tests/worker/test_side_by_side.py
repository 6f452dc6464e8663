"""Runs of different workspaces side by side, as many at a time as the workers take; runs of one never overlap."""

from __future__ import annotations

import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from services.errors import Conflict
from tests.worker.house import House

COUNT = 8


def test_eight_workspaces_run_as_many_at_a_time_as_the_workers_take(new_house: House) -> None:
    house = new_house
    text = house.read("detectors/swings.py")
    names = [f"swings_{n}" for n in range(COUNT)]
    house.person_commits({f"detectors/{name}.py": text.replace('"swings",', f'"{name}",', 1) for name in names})
    homes = [house.workspace(name) for name in names]
    launched = [house.launch(home) for home in homes]
    busiest, stop = Counter[str](), threading.Event()
    watcher = threading.Thread(target=watch, args=(house, busiest, stop))
    watcher.start()
    for _ in range(2):
        house.worker(concurrency=2)
    with pytest.raises(Conflict, match="one runs at a time"):
        house.launch(homes[0])
    ended = [house.wait(execution_id, seconds=200) for execution_id in launched]
    stop.set()
    watcher.join()
    assert [e.row.error for e in ended] == [None] * COUNT
    assert {e.current_version for e in ended} == {"0.1.0"}
    assert 3 <= busiest.pop("all") <= 4
    assert len(busiest) == 2
    assert set(busiest.values()) == {2}, busiest
    house.assert_at_rest()


def watch(house: House, busiest: Counter[str], stop: threading.Event) -> None:
    """The most runs that each worker, and all of them, had at once."""
    while not stop.wait(0.05):
        rows = house.sql(
            "SELECT worker_id, count(*) FROM claude_executions WHERE status = 'running' AND worker_id IS NOT NULL "
            "GROUP BY 1"
        )
        for name, count in [*rows, ("all", sum(count for _, count in rows))]:
            busiest[name] = max(busiest[name], count)


def test_runs_of_one_workspace_follow_one_another(new_house: House) -> None:
    """Also when the second is queued in the moment in which the first ends, with workers that have nothing else to do."""
    house, workspace_id = new_house, new_house.workspace_id()
    for _ in range(2):
        house.worker(concurrency=2)
    made = [house.launch(workspace_id)]
    house.wait(made[0])
    house.comment(workspace_id, "Look again.")
    while len(made) < 3:
        try:
            made.append(house.launch(workspace_id))  # the tuner ends at once: there is too little to go by
        except Conflict:
            time.sleep(0.01)
    for execution_id in made:
        house.wait(execution_id)
    spans = house.sql(
        "SELECT started_at, coalesce(completed_at, errored_at) FROM claude_executions WHERE workspace_id = %s "
        "ORDER BY number", workspace_id,
    )  # fmt: skip
    assert len(spans) == 3
    assert all(ended <= started for (_, ended), (started, _) in pairwise(spans)), spans
