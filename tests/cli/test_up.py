"""`patterndesk up` looks after database, worker and server alike: whichever is killed comes back, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from services.database import embedded
from services.database.engine import plain_url
from services.running import Part, Running, only_one, read, write
from services.settings import ROOT
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.fault


@dataclass
class Desk:
    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    output: Path

    def ready(self) -> tuple[int, dict[str, Any]]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def child(self, *words: str) -> psutil.Process:
        """The process among those of `up` whose command line holds all the words."""

        def look() -> psutil.Process | None:
            below = psutil.Process(self.process.pid).children(recursive=True)
            return next((p for p in below if all(word in " ".join(p.cmdline()) for word in words)), None)

        return until(look, f"a process with {words}")

    def all_up(self) -> bool:
        state = read(self.folder)
        return self.ready() == (200, {"status": "ok"}) and state is not None and not state.down


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    tmp_path.chmod(0o755)  # the database may run as another account
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")}
    folder = tmp_path / "data"
    environment = kept | {"DATA_DIR": str(folder), "PORT": str(port), "DEMO": "false"}
    output = tmp_path / "up.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    desk = Desk(folder, port, environment, process, output)
    try:
        until(desk.all_up, "the start")
        yield desk
    finally:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        process.wait(60)
        _, alive = psutil.wait_procs(below, timeout=30)
        for left in alive:
            left.kill()
        assert not alive, output.read_text()


def test_whatever_is_killed_comes_back_with_a_sentence(desk: Desk) -> None:
    url = embedded.running_url(desk.folder)
    assert url is not None
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    for words, name in (
        (("postgres", "-D"), "database"), (("services.cli", "worker"), "worker"), (("services.web.serve",), "server"),
    ):  # fmt: skip
        killed = desk.child(*words)
        killed.send_signal(signal.SIGKILL)
        until(lambda name=name: f"The {name} was" in desk.output.read_text(), f"the sentence for the {name}")
        until(lambda name=name: f"The {name} runs again." in desk.output.read_text(), f"the {name} to come back")
        until(desk.all_up, f"everything after the {name}")
        assert desk.child(*words).pid != killed.pid
    with psycopg.connect(plain_url(embedded.running_url(desk.folder) or "")) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_readyz_names_what_is_down(desk: Desk) -> None:
    """The start of the database is held back by its own lock, so that the state in between can be looked at."""
    server = desk.child("postgres", "-D")
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
