"""`patterndesk up`: database, migrations, worker and server under one Ctrl-C; the demo builds itself afterwards."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from types import FrameType

import typer

from services.database import embedded
from services.database.engine import database_url, plain_url
from services.database.migrate import upgrade
from services.errors import Unavailable
from services.logs import configure, get_logger
from services.settings import ROOT, Settings
from services.web.serve import check_address

READY_S = 120.0
STOP_S = 25.0
_PR_SET_PDEATHSIG = 1
log = get_logger(__name__)


class _Stop(Exception):
    """Somebody asked for the end."""


def up(settings: Settings) -> None:
    """Starts everything and stays until Ctrl-C or SIGTERM; then stops all of it."""
    _prepare(settings)
    configure("up", settings.data_dir)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    with ExitStack() as stack:
        try:
            if not settings.database_url:
                typer.echo("Starting the database …")
                stack.enter_context(embedded.start(settings.data_dir))
            upgrade(plain_url(database_url()))
            children = Children()
            stack.callback(children.stop)
            children.start("worker", ["-m", "services.cli", "worker"])
            children.start("server", ["-m", "services.web.serve"])
            _wait_until_ready(settings, children)
            typer.echo(f"Pattern Desk is ready: http://{settings.host}:{settings.port}")
            if settings.demo and _is_new():
                typer.echo("The demo builds itself now; watch it in the browser.")
                children.start("demo", ["-m", "services.cli", "demo"], once=True)
            while True:
                children.look_after()
                time.sleep(0.5)
        except _Stop:
            typer.echo("Stopping …")


def _ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
    """Once is enough: what a second signal would cut off is the orderly end."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _Stop


def _prepare(settings: Settings) -> None:
    """Refuses early, with a sentence, what would fail later: the address, the folder, the port."""
    check_address(settings)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise Unavailable(
            f"The data folder {settings.data_dir} can't be written ({error.strerror}); set DATA_DIR to another one."
        ) from error
    with socket.socket() as probe_socket:
        probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe_socket.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"Port {settings.port} is in use; set PORT to another one.") from error


def _wait_until_ready(settings: Settings, children: Children) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        code = children.ended("server")
        if code is not None:
            raise Unavailable(
                f"The server ended at its start (exit code {code}); the log in {settings.data_dir} says why."
            )
        try:
            with urllib.request.urlopen(f"http://{settings.host}:{settings.port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise Unavailable("The server did not become ready in time; look at its log.")


def _is_new() -> bool:
    from sqlalchemy import func, select

    from services.database.engine import transaction
    from services.models import PatternWorkspace

    with transaction() as session:
        return not session.scalar(select(func.count()).select_from(PatternWorkspace))


def _end_with_parent() -> None:
    """In the child: ends it when this process dies, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Children:
    """The processes under `up`. One that ends unasked is started again, ever more slowly while it keeps ending."""

    def __init__(self) -> None:
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: dict[str, float] = {}
        self._fails: dict[str, int] = {}
        self._once: set[str] = set()

    def start(self, name: str, arguments: list[str], *, once: bool = False) -> None:
        self._commands[name] = [sys.executable, *arguments]
        if once:
            self._once.add(name)
        self._spawn(name)

    def _spawn(self, name: str) -> None:
        self._started[name] = time.monotonic()
        self._running[name] = subprocess.Popen(
            self._commands[name],
            cwd=ROOT,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,  # noqa: PLW1509  # this process has no threads at this point
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def ended(self, name: str) -> int | None:
        return self._running[name].poll()

    def look_after(self) -> None:
        """Starts again what ended unasked, after a pause that doubles up to half a minute."""
        for name, process in list(self._running.items()):
            code = process.poll()
            if code is None:
                if time.monotonic() - self._started[name] > 60:
                    self._fails[name] = 0
                continue
            if name in self._once:
                del self._running[name]
                if code != 0:
                    log.warning("child_failed", name=name, code=code)
                continue
            fails = self._fails.get(name, 0)
            if time.monotonic() - self._started[name] < min(0.5 * 2**fails, 30):
                continue
            log.warning("child_restarted", name=name, code=code)
            self._fails[name] = fails + 1
            self._spawn(name)

    def stop(self) -> None:
        """Asks all of them to end, then ends what does not, with everything they started."""
        for process in self._running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_S
        for process in self._running.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
