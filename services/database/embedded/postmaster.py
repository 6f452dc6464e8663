"""What `postmaster.pid` says, and whether the process it names is really this folder's server."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.database.embedded.paths import Home
from services.errors import Unavailable


@dataclass(frozen=True)
class PidFile:
    """Lines 1, 5 and 8 of postmaster.pid (PostgreSQL's miscadmin.h); `pid` is 0 when the file is unreadable."""

    pid: int
    socket_dir: Path | None
    ready: bool


def read(home: Home) -> PidFile | None:
    """The file's content, or None when there is no such file that we may read."""
    try:
        lines = (home.cluster / "postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return None
    pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
    socket_dir = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    return PidFile(pid, socket_dir, len(lines) > 7 and lines[7].strip() == "ready")


def is_server_of(pid: int, home: Home) -> bool:
    """Whether this process is a PostgreSQL server on this home's cluster. Pids are reused, so the number says nothing."""
    if pid <= 0:
        return False
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE or process.name() != "postgres":
            return False
        command = process.cmdline()
        if "-D" in command[:-1] and command[command.index("-D") + 1] == str(home.cluster):
            return True
        return Path(process.cwd()) == home.cluster  # the folder was renamed while it ran
    except (psutil.Error, OSError):
        return False


def clear_leftovers(home: Home, *, timeout: float) -> None:
    """Make way for a start; the caller holds the home's lock, so a server that still runs has lost its owner.

    Such a server is shut down (on Linux it is already on its way); a stale file that names an innocent process is
    removed and the process left alone. A file that names nobody is left to PostgreSQL, which also looks at the shared
    memory it speaks of. Raises Unavailable when an old server does not end within `timeout` seconds.
    """
    found = read(home)
    if found is None:
        return
    if not is_server_of(found.pid, home):
        if found.pid == 0 or psutil.pid_exists(found.pid):
            (home.cluster / "postmaster.pid").unlink(missing_ok=True)
        return
    deadline = time.monotonic() + timeout
    os.kill(found.pid, signal.SIGINT)
    while is_server_of(found.pid, home):
        if time.monotonic() > deadline:
            raise Unavailable(f"An earlier database server (process {found.pid}) on {home.path} does not end.")
        time.sleep(0.02)
