"""The product as people start it: one `patterndesk up` in a folder of its own, and nothing of it alive afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psutil
import psycopg

from services.settings import ROOT

READY_S = 600  # a busy machine; some seconds on a quiet one
STOP_S = 120
DROPPED = (
    "OIDC_",
    "STREAMLIT_",
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "HOST",
    "STORAGE_URL",
    "PATTERN_REPOSITORY",
    "PYTEST",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A running server. `database_url` is for looking, never for writing."""

    url: str
    data_dir: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    database_url: str

    def rows(self, statement: LiteralString, **parameters: Any) -> list[tuple[Any, ...]]:
        """What the database holds, through a connection that can't write."""
        with psycopg.connect(self.database_url, options="-c default_transaction_read_only=on") as connection:
            return connection.execute(statement, parameters).fetchall()

    def one(self, statement: LiteralString, **parameters: Any) -> Any:
        return self.rows(statement, **parameters)[0][0]

    @property
    def repository(self) -> Path:
        """The pattern repository, as a person finds it in the data folder."""
        return self.data_dir / "patterns"

    @contextmanager
    def another_server(self) -> Iterator[str]:
        """The address of a server that nobody has asked for anything yet, on the same data."""
        port = free_port()
        environment = self.environment | {"PORT": str(port)}
        log = self.data_dir.parent / f"server {port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.web.serve"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        try:
            _wait(f"http://127.0.0.1:{port}/healthz", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=STOP_S)


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """Starts everything, and at the end stops it by Ctrl-C and looks for what is left."""
    folder = Path(tempfile.mkdtemp(prefix="pattern server "))  # a space on purpose
    folder.chmod(0o755)  # the database may run as another account
    data_dir, port, output = folder / "data", free_port(), folder / "up.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    environment = kept | {"DATA_DIR": str(data_dir), "PORT": str(port), "PYTHONPATH": str(ROOT)} | settings
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        _wait(f"http://127.0.0.1:{port}/readyz", process, output)
        info = subprocess.run(
            [sys.executable, "-m", "services.cli", "info", "--json"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        address = json.loads(info.stdout)["database_url"]
        yield Server(f"http://127.0.0.1:{port}", data_dir, environment, process, address)
    finally:
        _stop(process, data_dir)
        shutil.rmtree(folder)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        assert process.poll() is None, f"it ended at its start: {log.read_text()[-4000:]}"
        try:
            if httpx.get(address, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{address} was not ready after {READY_S} s: {log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes], data_dir: Path) -> None:
    """Ctrl-C, as people end it; then nothing that it started may be alive."""
    started = {p.pid: p for p in psutil.Process(process.pid).children(recursive=True)} if process.poll() is None else {}
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_S)
        psutil.wait_procs(list(started.values()), timeout=5)
    finally:
        left = [p for p in [*started.values(), *_about(data_dir)] if p.is_running() and p.status() != "zombie"]
        told = [f"{p.pid} {' '.join(p.cmdline())[:200]}" for p in left]
        for p in left:
            p.kill()
        if process.poll() is None:
            process.kill()
    assert not told, f"still alive after Ctrl-C: {told}"
    assert process.returncode == 0, f"it ended with {process.returncode}"


def _about(data_dir: Path) -> list[psutil.Process]:
    """Processes whose command names the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(data_dir) in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has ended meanwhile
            continue
    return found
