"""An idle worker looks seldom, and at once when something was queued."""

from __future__ import annotations

import threading
import time

from services.worker.waking import THREAD, Pace
from tests.support.installation import Installation
from tests.support.processes import eventually


def test_an_idle_worker_is_called_for_a_run(new_installation: Installation) -> None:
    installation = new_installation
    worker = installation.worker(prepare="tests.support.worker_overrides:looks_when_called")
    listening = (
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN patterndesk_queued%%'"
    )
    assert eventually(lambda: installation.sql(listening), 20), worker.said()
    time.sleep(1.5)  # the engine's first looks, which nobody paces, are over
    installation.run(installation.workspace_id())


def test_calls_end_the_pause_of_their_own_queue_alone() -> None:
    stop, busy = threading.Event(), threading.Event()
    pace = Pace({"runs": 60.0, "jobs": 60.0}, busy.is_set)
    pace.take(stop)
    looks: list[str] = []

    def look(name: str) -> None:
        while not stop.wait(timeout=0.01):
            looks.append(name)

    threads = [
        threading.Thread(target=look, args=(name,), name=f"{THREAD}{name}", daemon=True) for name in ("runs", "jobs")
    ]
    for thread in threads:
        thread.start()
    pace.call("runs", "not ours")
    assert eventually(lambda: looks == ["runs"])
    pace.call("runs")
    pace.call("jobs")
    assert eventually(lambda: sorted(looks) == ["jobs", "runs", "runs"])
    busy.set()  # from its next pause on it looks as often as it was asked to
    pace.call("runs")
    assert eventually(lambda: looks.count("runs") > 5)
    assert looks.count("jobs") == 1
    stop.set()
    pace.call("runs", "jobs")
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_call_during_a_look_is_answered_by_another_one() -> None:
    stop = threading.Event()
    pace = Pace({"runs": 60.0}, lambda: False)
    pace.take(stop)
    thread = threading.current_thread()
    before, thread.name = thread.name, f"{THREAD}runs"
    try:
        pace.call("runs")
        pace.call("runs")
        assert not stop.wait(timeout=0.01)  # one look for both
        pace.call("runs")  # while that look is under way
        assert not stop.wait(timeout=0.01)
    finally:
        thread.name = before
