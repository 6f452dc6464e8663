"""`patterndesk up`: database, migrations, worker and server under one Ctrl-C; the demo builds itself afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import FrameType

import typer

from services import running
from services.cli.data import bring_up_to_date
from services.cli.supervising import Children, Database
from services.database.drain import SILENT_S
from services.database.engine import database_url, plain_url
from services.database.migrate import current
from services.errors import Unavailable
from services.logs import configure
from services.running import Part, Running
from services.settings import Settings
from services.web.serve import check_address
from services.web.standalone import SUPERVISED

READY_S = 600.0
LOOK_S = 0.25


class _Stop(Exception):
    """Somebody asked for the end."""


def up(settings: Settings, *, with_server: bool = True) -> None:
    """Starts everything and stays until Ctrl-C or SIGTERM; then stops all of it.

    `with_server` False looks after the database and the worker of a server that was started by itself. Raises Conflict
    when another one runs on the same data folder, Unavailable when a part can't be started.
    """
    _prepare(settings, with_server=with_server)
    configure("up", settings.data_dir)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    os.environ[SUPERVISED] = "1"  # for the children, so that the server starts no companion
    with ExitStack() as stack:
        try:
            stack.enter_context(running.only_one(settings.data_dir))
            _run(settings, stack, with_server=with_server)
        except _Stop:
            typer.echo("Stopping …")


def _run(settings: Settings, stack: ExitStack, *, with_server: bool) -> None:
    address, parent = settings.address if with_server else "", os.getppid()
    database = None if settings.database_url else Database(settings.data_dir)
    children = Children(typer.echo)
    tell = _teller(settings, address, database, children)
    tell()
    if database is not None:
        typer.echo("Starting the database …")
        stack.callback(database.stop)
        database.start()
        database.part = Part(up=True)
        tell()
    _migrate(settings)
    stack.callback(children.stop)
    children.start("worker", ["-m", "services.cli", "worker"])
    if with_server:
        children.start("server", ["-m", "services.web.serve"])
        _wait_until_ready(settings, children)
        typer.echo(f"Pattern Desk is ready: http://{settings.host}:{settings.port}")
    if settings.demo and _is_new():
        typer.echo("The demo builds itself now; watch it in the browser.")
        children.start("demo", ["-m", "services.cli", "demo"], once=True)
    while True:
        if database is not None:
            database.look(typer.echo)
        children.look_after()
        tell()
        if not with_server and os.getppid() != parent:
            raise _Stop  # the server that this is the companion of has ended, however that happened
        time.sleep(LOOK_S)


def _teller(settings: Settings, address: str, database: Database | None, children: Children) -> Callable[[], None]:
    """Writes what runs for other processes to read, each time that it changed."""
    last: list[Running] = []

    def tell() -> None:
        parts = ({"database": database.part} if database else {}) | children.parts()
        state = Running(pid=os.getpid(), address=address, parts=parts)
        if last != [state]:
            with suppress(OSError):  # a full disk: told again at the next look, and the parts are looked after
                running.write(settings.data_dir, state)
                last[:] = [state]

    return tell


def _migrate(settings: Settings) -> None:
    """An embedded database always gets this version's schema; a server's unless AUTO_MIGRATE is false."""
    url = plain_url(database_url())
    if not settings.database_url or settings.auto_migrate is not False:
        bring_up_to_date(url, patience_s=SILENT_S + 10)  # a worker that was killed just now is heard of for so long
    elif current(url) is None:
        raise Unavailable("The database is empty and AUTO_MIGRATE is false; run 'patterndesk migrate'.")


def _ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
    """Once is enough: what a second signal would cut off is the orderly end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _Stop


def _prepare(settings: Settings, *, with_server: bool) -> None:
    """Refuses early, with a sentence, what would fail later: the address, the folder, the port."""
    if with_server:
        check_address(settings)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / f".writable.{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise Unavailable(
            f"The data folder {settings.data_dir} can't be written ({error.strerror}); set DATA_DIR to another one."
        ) from error
    if not with_server or running.is_locked(settings.data_dir):
        return  # who holds the folder is said by its lock
    with socket.socket() as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"Port {settings.port} is in use; set PORT to another one.") from error


def _wait_until_ready(settings: Settings, children: Children) -> None:
    deadline, reason = time.monotonic() + READY_S, "it did not answer"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy of the environment is not for us
    while time.monotonic() < deadline:
        code = children.ended("server")
        if code is not None:
            raise Unavailable(
                f"The server ended at its start (exit code {code}); the log in {settings.data_dir} says why."
            )
        try:
            with direct.open(f"http://{settings.host}:{settings.port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            reason = str(json.loads(error.read() or b"{}").get("reason", reason))
        except OSError:
            pass
        time.sleep(0.1)
    raise Unavailable(f"The server did not become ready in time: {reason.rstrip('.')}.")


def _is_new() -> bool:
    from sqlalchemy import func, select

    from services.database.engine import transaction
    from services.models import PatternWorkspace

    with transaction() as session:
        return not session.scalar(select(func.count()).select_from(PatternWorkspace))
