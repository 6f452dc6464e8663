"""What a kill of the embedded server, or of the process that started it, leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from services.database import embedded
from services.database.embedded.account import Account
from services.database.embedded.paths import Home
from tests.support.embedded_servers import (
    QUICK,
    eventually,
    programs_below,
    query,
    starter,
    told,
)


@pytest.mark.fault
def test_kill_of_the_starter_ends_the_server_and_the_next_start_has_the_data(
    data: Path, killed: list[subprocess.Popen[str]]
) -> None:
    killed.append(starter(data))
    answer = told(killed[0])
    query(str(answer["url"]), "CREATE TABLE number_kept AS SELECT 7 AS number")
    killed[0].kill()
    if sys.platform == "linux":  # elsewhere the kernel does not tell children; the next start ends the server
        assert eventually(lambda: not psutil.pid_exists(int(str(answer["pid"]))))
    with embedded.start(data, settings=QUICK) as server:
        assert server.owned and server.pid != answer["pid"]
        assert query(server.url, "SELECT number FROM number_kept") == [(7,)]


@pytest.mark.fault
def test_a_start_right_after_the_kill_of_the_starter_gets_a_server_of_its_own(
    data: Path, killed: list[subprocess.Popen[str]]
) -> None:
    killed.append(starter(data))
    answer = told(killed[0])
    killed[0].kill()
    killed[0].wait()
    with embedded.start(data, settings=QUICK) as server:
        assert server.owned and server.pid != answer["pid"]
        time.sleep(0.3)
        assert query(server.url, "SELECT 1") == [(1,)]


@pytest.mark.fault
@pytest.mark.parametrize("delay", [0.45, *(pytest.param(delay, marks=pytest.mark.long) for delay in (0.25, 0.7))])
def test_a_kill_in_the_middle_of_the_first_start_leaves_a_folder_that_starts(
    place: Path, killed: list[subprocess.Popen[str]], delay: float
) -> None:
    killed.append(starter(place))
    time.sleep(delay)
    killed[0].kill()
    with embedded.start(place, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]


@pytest.mark.fault
def test_the_initdb_of_a_killed_start_clears_up_its_own_folder_alone(
    place: Path, killed: list[subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stopped in the middle, and goes on when the next start's own initdb has just ended."""
    killed.append(starter(place))
    assert eventually(lambda: bool(programs_below("initdb", place)), 60)
    (initdb,) = programs_below("initdb", place)
    initdb.suspend()
    killed[0].kill()
    run = Account.run

    def run_and_wake(self: Account, home: Home, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        result = run(self, home, program, *arguments)
        if program == "initdb":
            initdb.resume()
            assert eventually(lambda: not programs_below("initdb", place), 60)
        return result

    monkeypatch.setattr(Account, "run", run_and_wake)
    with embedded.start(place, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
    with embedded.start(place, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
    assert list((place / "postgres").glob("cluster.new*")) == []


@pytest.mark.fault
def test_kill_of_the_postmaster_keeps_what_was_committed(data: Path) -> None:
    server = embedded.start(data, settings=QUICK)
    query(server.url, "CREATE TABLE series_kept AS SELECT generate_series(1, 1000) AS number")
    busy = threading.Thread(target=_compute_in_the_server, args=(server.url,))
    busy.start()  # its backend notices the postmaster's end only when it is done, and holds the shared memory until then
    others = "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%5000000%'"
    assert eventually(lambda: query(server.url, others) != [])
    os.kill(server.pid, signal.SIGKILL)
    assert eventually(lambda: not server.running)
    assert embedded.running_url(data) is None
    with embedded.start(data, settings=QUICK) as again:
        assert again.owned
        assert query(again.url, "SELECT count(*) FROM series_kept") == [(1000,)]
    busy.join()


def _compute_in_the_server(url: str) -> None:
    with suppress(psycopg.OperationalError):
        query(url, "SELECT count(*) FROM generate_series(1, 5000000)")


@pytest.mark.fault
def test_a_stale_pid_file_does_not_touch_the_innocent_process_it_names(data: Path) -> None:
    server = embedded.start(data, settings=QUICK)
    pid_file = data / "postgres" / "cluster" / "postmaster.pid"
    content = pid_file.read_text()
    owner = pid_file.stat()
    server.stop()
    account = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    innocent = subprocess.Popen(["sleep", "60"], **account)  # type: ignore[call-overload]
    try:
        pid_file.write_text(content.replace(str(server.pid), str(innocent.pid), 1))
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert embedded.running_url(data) is None
        with embedded.start(data, settings=QUICK) as again:
            assert query(again.url, "SELECT 1") == [(1,)]
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.long
@pytest.mark.fault
def test_a_stale_pid_file_does_not_touch_the_server_of_another_folder(data: Path, place: Path) -> None:
    first = embedded.start(data, settings=QUICK)
    pid_file = data / "postgres" / "cluster" / "postmaster.pid"
    content = pid_file.read_text()
    first.stop()
    with embedded.start(place / "other", settings=QUICK) as other:
        pid_file.write_text(content.replace(str(first.pid), str(other.pid), 1))
        assert embedded.running_url(data) is None
        with embedded.start(data, settings=QUICK) as again:
            assert again.pid != other.pid
            assert query(again.url, "SELECT 1") == query(other.url, "SELECT 1") == [(1,)]


@pytest.mark.fault
def test_an_empty_pid_file_left_by_a_crash_of_the_machine_is_no_obstacle(data: Path) -> None:
    embedded.start(data, settings=QUICK).stop()
    (data / "postgres" / "cluster" / "postmaster.pid").touch()
    with embedded.start(data, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
