"""`patterndesk up` looks after database, worker and server alike: whichever is killed comes back, and nothing is lost."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from sqlalchemy import text

from services.cli import supervising
from services.database import embedded
from services.database.engine import plain_url, transaction
from services.database.migrate import upgrade
from services.lifecycle import ExecutionStatus
from services.running import Part, Running, only_one, read, write
from services.settings import ROOT
from tests import factories
from tests.support.desk import PARTS, Desk, started
from tests.support.installation import lived_in
from tests.support.waiting import until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    folder.chmod(0o755)  # the database may run as another account
    with started(folder / "data", folder / "up.log") as desk:
        yield desk


def test_whatever_is_killed_comes_back_with_a_sentence(desk: Desk) -> None:
    url = embedded.running_url(desk.folder)
    assert url is not None
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    for name, words in PARTS.items():
        killed = desk.child(*words)
        killed.send_signal(signal.SIGKILL)
        until(lambda name=name: f"The {name} was" in desk.said(), f"the sentence for the {name}")
        until(lambda name=name: f"The {name} runs again." in desk.said(), f"the {name} to come back")
        until(desk.all_up, f"everything after the {name}")
        assert desk.child(*words).pid != killed.pid
    with psycopg.connect(plain_url(embedded.running_url(desk.folder) or "")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_readyz_names_what_is_down(desk: Desk) -> None:
    """The start of the database is held back by its own lock, so that the state in between can be looked at."""
    server = desk.child(*PARTS["database"])
    os.kill(desk.process.pid, signal.SIGSTOP)
    try:
        server.kill()
        until(lambda: server.status() == psutil.STATUS_ZOMBIE, "the end of the database")
        state = read(desk.folder)
        assert state is not None
        down = state.model_copy(
            update={"parts": state.parts | {"database": Part(up=False, sentence="The database was killed.")}}
        )
        write(desk.folder, down)
        status, body = until(lambda: desk.ready() if desk.ready()[0] == 503 else None, "the answer 503")
        assert (status, body["status"], body["reason"]) == (503, "unavailable", "The database was killed.")
        assert body["down"] == {"database": "The database was killed."}
    finally:
        os.kill(desk.process.pid, signal.SIGCONT)
    until(desk.all_up, "everything")


def test_a_second_start_on_the_same_folder_says_where_the_first_one_runs(desk: Desk) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "services.cli", "up"], cwd=ROOT, env=desk.environment | {"PORT": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert f"runs already on the data folder {desk.folder} at http://127.0.0.1:{desk.port}" in second.stderr
    assert desk.all_up()


def test_the_state_is_only_as_true_as_its_writer_is_alive(tmp_path: Path) -> None:
    with only_one(tmp_path):
        write(tmp_path, Running(pid=1, address="http://here", parts={}))
        assert read(tmp_path) is not None
    assert read(tmp_path) is None
    write(tmp_path, Running(pid=1, address="http://here", parts={}))  # as a killed one leaves it
    assert read(tmp_path) is None


@pytest.mark.long
def test_a_start_just_after_a_crash_with_an_execution_under_way_does_not_wait(tmp_path: Path) -> None:
    """The execution's heartbeat is still fresh, and there is nothing to migrate."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "data"
    with embedded.start(folder) as server:
        upgrade(plain_url(server.url))
        with lived_in(server.url, folder), transaction() as session:
            admin = factories.person(session)
            factories.execution(session, factories.workspace(session, admin), admin, status=ExecutionStatus.RUNNING)
            session.execute(text("UPDATE claude_executions SET heartbeat_at = now() + interval '1 hour'"))
    with started(folder, tmp_path / "up.log") as desk:
        assert "being worked on" not in desk.said() and "Waiting for" not in desk.said()


def test_a_part_that_can_not_be_started_for_days_is_tried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full from Friday evening to Monday morning: that is thousands of tries."""
    clock = itertools.count(0, 31)
    monkeypatch.setattr(supervising.time, "monotonic", lambda: next(clock))
    said: list[str] = []

    class Broken(supervising.Kept):
        def runs(self) -> bool:
            return False

        def start(self) -> None:
            raise OSError("No space left on device")

    part = Broken("database")
    for _ in range(10_000):
        part.look(said.append)
    assert said[-1] == "The database could not be started: No space left on device."
    assert said[-2] == "The database ended; it is started again in 30 s."
