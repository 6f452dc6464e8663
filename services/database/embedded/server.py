"""Start, attach to and stop the embedded server."""

from __future__ import annotations

import atexit
import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql

from services.database.embedded import postmaster
from services.database.embedded.account import Account, choose, environment
from services.database.embedded.paths import PORT, Home, not_writable
from services.errors import Unavailable

READY_SECONDS = 120.0  # the worst case is the recovery after a kill, which replays up to max_wal_size
POLL_SECONDS = 0.02

# On the command line, so that an upgrade changes them. fsync, full_page_writes and synchronous_commit stay on.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
}

_owned: dict[Path, EmbeddedServer] = {}


@dataclass(eq=False)
class EmbeddedServer:
    """A running server. `url` has SQLAlchemy's form, with the driver; without `+psycopg` it is libpq's.

    `owned` says whether this handle started the server and so stops it. On Linux an owned server also ends (fast
    shutdown) when the process that started it dies in any way. An attached handle's server ends with its owner.
    """

    url: str
    data_dir: Path
    socket_dir: Path
    pid: int
    owned: bool
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _lock: int | None = field(default=None, repr=False)
    _starter: int = field(default_factory=os.getpid, repr=False)

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        if self._process is not None:
            return self._process.poll() is None
        return postmaster.is_server_of(self.pid, Home.of(self.data_dir))

    def stop(self, timeout: float = 30.0) -> None:
        """Shut down (clients are cut off, nothing committed is lost); harder after `timeout` seconds. Idempotent.

        Does nothing unless owned, and nothing in a forked child.
        """
        if not self.owned or os.getpid() != self._starter:
            return
        if self._process is not None:
            _end(self._process, timeout)
            self._process = None
            Home.of(self.data_dir).remove_socket_dir(self.socket_dir)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        _owned.pop(self.data_dir, None)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()


def start(
    data_dir: Path, *, database: str = "patterndesk", settings: Mapping[str, str] | None = None
) -> EmbeddedServer:
    """The server on `<data_dir>/postgres` with `database` in it: started, or attached to when another process owns it.

    `settings` are server settings on top of ours; an attached server keeps its own. Must be called on the main thread
    when it has to start the server, because the server's life is bound to the thread that starts it. Raises
    Unavailable (folder not writable, program missing, other major version, did not become ready).
    """
    home = Home.of(data_dir)
    home.create()
    previous = _owned.get(home.data_dir)
    if previous is not None and not previous.running:
        previous.stop()
    deadline = time.monotonic() + READY_SECONDS
    while True:
        lock = _try_lock(home)
        if lock is not None:
            try:
                server = _start_owned(home, lock, database, settings or {}, deadline)
            except BaseException:
                os.close(lock)
                raise
            _owned[home.data_dir] = server
            atexit.register(server.stop)
            return server
        attached = _attach(home, database)
        if attached is not None:
            with suppress(Unavailable):  # it ended meanwhile: look again
                _ensure_database(attached.socket_dir, database)
                return attached
        if time.monotonic() > deadline:
            raise Unavailable(f"Another process holds the database in {home.path}, but its server does not answer.")
        time.sleep(POLL_SECONDS)


def running_url(data_dir: Path, *, database: str = "patterndesk") -> str | None:
    """The address of the embedded server that is up for this data folder, or None. Starts nothing."""
    attached = _attach(Home.of(data_dir), database)
    return attached.url if attached else None


def _attach(home: Home, database: str) -> EmbeddedServer | None:
    found = postmaster.read(home)
    if found is None or not found.ready or found.socket_dir is None or not postmaster.is_server_of(found.pid, home):
        return None
    try:
        _connect(found.socket_dir).close()
    except psycopg.OperationalError:
        return None
    return EmbeddedServer(home.url(database, found.socket_dir), home.data_dir, found.socket_dir, found.pid, owned=False)


def _try_lock(home: Home) -> int | None:
    """The open file that holds the home's lock, or None while another owner lives. The kernel frees it on any death."""
    try:
        lock = home.open(home.lock, os.O_RDWR)
    except OSError as error:
        raise not_writable(home.data_dir, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _start_owned(home: Home, lock: int, database: str, settings: Mapping[str, str], deadline: float) -> EmbeddedServer:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the embedded server must be started on the main thread")
    account, major = choose(home)
    postmaster.clear_leftovers(home, timeout=30)
    try:
        home.remove_unfinished_clusters()
        if not home.cluster.exists():
            _create_cluster(home, account, durable=settings.get("fsync") != "off")
        _check_major(home, major)
        socket_dir = home.create_socket_dir(account.owner, account.group)
        home.rotate_log()
        process = _spawn_until_ready(home, account, socket_dir, settings, deadline)
    except OSError as error:
        raise not_writable(home.data_dir, error) from error
    server = EmbeddedServer(
        home.url(database, socket_dir), home.data_dir, socket_dir, process.pid, owned=True, _process=process
    )
    try:
        _ensure_database(socket_dir, database)
    except BaseException:
        server.stop()
        raise
    server._lock = lock
    return server


def _create_cluster(home: Home, account: Account, *, durable: bool) -> None:
    """initdb beside the final place, then one rename: a kill half-way leaves nothing that looks like a cluster."""
    unfinished = home.unfinished_cluster()
    result = account.run(
        home,
        "initdb",
        "-D",
        str(unfinished),
        "-U",
        "postgres",
        "-E",
        "UTF8",
        "--locale-provider=builtin",
        "--locale=C.UTF-8",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    )
    if result.returncode != 0:
        raise Unavailable(f"The database in {home.path} could not be created: {_telling_line(result.stdout)}.")
    unfinished.rename(home.cluster)


def _check_major(home: Home, major: int) -> None:
    try:
        found = (home.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError as error:
        raise Unavailable(f"The folder {home.cluster} is not a PostgreSQL database; move it away.") from error
    if found != str(major):
        raise Unavailable(
            f"The database in {home.path} was made by PostgreSQL {found}, and this release brings {major}; "
            f"run 'patterndesk upgrade --programs FOLDER' with the folder of PostgreSQL {found}'s programs."
        )


def _spawn_until_ready(
    home: Home, account: Account, socket_dir: Path, settings: Mapping[str, str], deadline: float
) -> subprocess.Popen[bytes]:
    """Start the server and wait for it; again while processes of a killed server still hold the shared memory."""
    while True:
        offset = home.log.stat().st_size if home.log.exists() else 0
        process = _spawn(home, account, socket_dir, settings)
        try:
            while process.poll() is None and time.monotonic() < deadline:
                found = postmaster.read(home)
                if found is not None and found.ready and found.pid == process.pid:
                    return process
                time.sleep(POLL_SECONDS)
        except BaseException:
            _end(process, 10)
            raise
        ended = process.poll() is not None
        _end(process, 10)
        with home.log.open("rb") as log:
            log.seek(offset)
            said = log.read().decode(errors="replace")
        if not ended or "is still in use" not in said or time.monotonic() > deadline:
            raise Unavailable(f"The database in {home.path} did not become ready: {_telling_line(said)}.")
        time.sleep(0.2)


def _spawn(home: Home, account: Account, socket_dir: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # Quoted, because PostgreSQL reads a list of folders there.
    sockets = '"' + str(socket_dir).replace('"', '""') + '"'
    options = {**SETTINGS, **settings, "unix_socket_directories": sockets}
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    log = home.open(home.log, os.O_WRONLY | os.O_APPEND)
    try:
        return subprocess.Popen(
            account.command(home, "postgres", "-D", str(home.cluster), *arguments),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for us; we then stop the server in order
        )
    finally:
        os.close(log)


def _end(process: subprocess.Popen[bytes], timeout: float) -> None:
    """Fast shutdown, then the immediate one (recovery at the next start), then the kernel's."""
    for number, seconds in ((signal.SIGINT, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        process.send_signal(number)  # does nothing once the process has ended
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def _connect(socket_dir: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(socket_dir), port=PORT, user="postgres", dbname="postgres", connect_timeout=5, autocommit=True
    )


def _ensure_database(socket_dir: Path, database: str) -> None:
    try:
        with _connect(socket_dir) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
                with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    except psycopg.OperationalError as error:
        raise Unavailable(f"The embedded database does not answer: {_telling_line(str(error))}.") from error


def _telling_line(output: str) -> str:
    """The line of a program's output that says why, else its last one; without a full stop."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    return (fatal or lines or ["it said nothing"])[-1].rstrip(".")
