"""The embedded server, with real clusters and real accounts."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from services.database import embedded
from services.database.embedded.paths import LOG_LIMIT
from services.database.engine import plain_url
from services.errors import Unavailable
from tests.support.embedded_servers import (
    QUICK,
    ROOT,
    STARTER,
    launched,
    popen,
    query,
    starter,
    told,
    works,
)
from tests.support.processes import slower


def test_a_fresh_folder_gets_a_utf8_server_on_a_private_socket_only(place: Path) -> None:
    began = time.monotonic()
    with embedded.start(place / "new" / "data") as server:
        assert time.monotonic() - began < 20 * slower()
        assert server.owned and server.running
        with sa.create_engine(server.url).connect() as connection:
            assert connection.scalar(sa.text("SELECT current_database()")) == "patterndesk"
        shown = {str(row[0]): row[1] for row in query(server.url, "SELECT name, setting FROM pg_settings")}
        assert {name: shown[name] for name in ("fsync", "full_page_writes", "synchronous_commit")} == dict.fromkeys(
            ("fsync", "full_page_writes", "synchronous_commit"), "on"
        )
        assert shown["listen_addresses"] == "" and shown["max_connections"] == "200"
        assert not psutil.Process(server.pid).net_connections(kind="inet")
        assert query(server.url, "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database "
                     "WHERE datname = current_database()") == [("b", "C.UTF-8", "UTF8")]  # fmt: skip
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert embedded.running_url(place / "new" / "data") == server.url
    assert not psutil.pid_exists(server.pid)
    assert embedded.running_url(place / "new" / "data") is None


def test_what_was_written_is_there_after_a_restart(data: Path) -> None:
    with embedded.start(data, settings=QUICK) as server:
        query(server.url, "CREATE TABLE word_kept AS SELECT 'ä☃' AS word")
    with embedded.start(data, settings=QUICK) as server:
        assert query(server.url, "SELECT word FROM word_kept") == [("ä☃",)]


@pytest.mark.long
def test_a_path_too_long_for_a_socket_uses_a_private_folder_elsewhere(place: Path) -> None:
    deep = place / ("long folder name " * 5).strip() / ("and another one " * 5).strip()
    with embedded.start(deep, settings=QUICK) as server:
        assert not server.socket_dir.is_relative_to(deep)
        assert server.socket_dir.stat().st_mode & 0o777 == 0o700
        assert embedded.running_url(deep) == server.url
        assert query(server.url, "SELECT 1") == [(1,)]
    with embedded.start(deep, settings=QUICK) as again:
        assert again.url == server.url
    assert not server.socket_dir.exists()


def test_a_comma_in_the_path_is_no_list_of_hosts(data: Path) -> None:
    renamed = data.rename(data.with_name("a, b"))
    with embedded.start(renamed, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]
    renamed.rename(data)


def test_the_port_of_the_environment_changes_nothing(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "7777")
    with embedded.start(data, settings=QUICK) as server:
        assert query(server.url, "SELECT 1") == [(1,)]


def test_a_second_start_attaches_and_does_not_stop_the_server(data: Path) -> None:
    with embedded.start(data, settings=QUICK) as server:
        with embedded.start(data, settings=QUICK) as second:
            assert not second.owned
            assert (second.url, second.pid) == (server.url, server.pid)
        assert query(server.url, "SELECT 1") == [(1,)]


def test_two_processes_at_once_share_one_server(place: Path, killed: list[subprocess.Popen[str]]) -> None:
    killed += [starter(place), starter(place), starter(place)]
    answers = [told(process) for process in killed]
    assert sorted(bool(answer["owned"]) for answer in answers) == [False, False, True]
    assert len({answer["pid"] for answer in answers}) == 1


def test_the_server_ends_with_a_process_that_ends_in_order(data: Path, killed: list[subprocess.Popen[str]]) -> None:
    killed.append(starter(data, stay=0))
    pid = int(str(told(killed[0])["pid"]))
    assert killed[0].wait(20) == 0
    assert not psutil.pid_exists(pid)


def test_a_folder_that_cannot_be_written_is_one_sentence(place: Path) -> None:
    (place / "data").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match=r"^The data folder .*data cannot be written: .*\.$"):
        embedded.start(place / "data")


def test_the_cluster_of_another_major_version_is_refused_and_left_alone(data: Path) -> None:
    embedded.start(data, settings=QUICK).stop()
    version = data / "postgres" / "cluster" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("17\n")
    with pytest.raises(
        Unavailable,
        match=r"made by PostgreSQL 17, and this release brings \d+; run .patterndesk upgrade --programs FOLDER",
    ):
        embedded.start(data)
    assert version.read_text() == "17\n"
    version.write_text(ours)


def test_a_server_that_does_not_start_says_why(data: Path) -> None:
    with pytest.raises(Unavailable, match=r"did not become ready: .*shared_buffers.*\.$"):
        embedded.start(data, settings={"shared_buffers": "much", "fsync": "off"})
    with embedded.start(data, settings=QUICK) as server:  # and nothing stands in the way afterwards
        assert server.owned


def test_a_start_off_the_main_thread_is_refused(data: Path) -> None:
    errors: list[BaseException] = []

    def attempt() -> None:
        try:
            embedded.start(data, settings=QUICK)
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert "main thread" in str(errors[0])


def test_a_large_log_is_set_aside_at_the_next_start(data: Path) -> None:
    embedded.start(data, settings=QUICK).stop()
    log = data / "postgres" / "server.log"
    with log.open("ab") as file:
        file.write(b"x" * LOG_LIMIT)
    embedded.start(data, settings=QUICK).stop()
    assert log.stat().st_size < 10_000
    assert (data / "postgres" / "server.log.1").stat().st_size > LOG_LIMIT


def test_pg_dump_of_the_wheel_backs_the_server_up(data: Path) -> None:
    with embedded.start(data, settings=QUICK) as server:
        query(server.url, "CREATE TABLE dump_kept AS SELECT 7 AS number")
        dump = [str(embedded.binary("pg_dump")), plain_url(server.url)]
        result = subprocess.run(dump, capture_output=True, text=True, check=True)
    assert "COPY public.dump_kept (number) FROM stdin;\n7\n" in result.stdout
    with pytest.raises(Unavailable, match="pg_nothing"):
        embedded.binary("pg_nothing")


@pytest.mark.long
def test_a_folder_below_one_that_is_closed_to_others_works(place: Path) -> None:
    """As root this is a project under /root: `nobody` cannot get there."""
    place.chmod(0o700)
    if os.geteuid() == 0 and not works(launched("namespace", place, "/bin/sh", "-c", "exit 0")):
        with pytest.raises(Unavailable, match="cannot run as root"):
            embedded.start(place / "data", settings=QUICK)
        return
    for _ in range(2):
        with embedded.start(place / "data", settings=QUICK) as server:
            assert query(server.url, "SELECT 1") == [(1,)]
            assert (place / "data" / "postgres" / "cluster").stat().st_uid == os.geteuid()


def test_a_normal_user_starts_the_server_as_itself(place: Path, killed: list[subprocess.Popen[str]]) -> None:
    program = [
        sys.executable,
        "-c",
        "import os; assert os.geteuid() != 0;" + STARTER,
        str(place),
        json.dumps(QUICK),
        "60",
    ]
    if os.geteuid() == 0:
        check = [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); import services.settings, psycopg",
        ]
        if works(launched("switch", place, *check)):
            nobody = pwd.getpwnam("nobody")
            os.chown(place, nobody.pw_uid, nobody.pw_gid)
            program = launched("switch", place, *program)
        else:  # this interpreter is out of reach for others: be a normal user inside a namespace
            program = launched("namespace", place, *program)
    killed.append(popen(program))
    answer = told(killed[0])
    assert answer["owned"]
    assert psutil.Process(int(str(answer["pid"]))).uids() == psutil.Process(killed[0].pid).uids()
    assert query(str(answer["url"]), "SELECT 1") == [(1,)]


@pytest.mark.long
def test_as_root_the_folder_stays_with_the_account_that_owns_it(place: Path) -> None:
    """Started as root on a normal user's folder, that user can still use it afterwards."""
    owner = pwd.getpwnam("daemon") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    home = place / "postgres"
    home.mkdir()
    os.chown(home, owner.pw_uid, owner.pw_gid)
    with embedded.start(place, settings=QUICK) as server:
        assert psutil.Process(server.pid).uids().effective == owner.pw_uid
    assert {path.lstat().st_uid for path in home.rglob("*")} == {owner.pw_uid}
