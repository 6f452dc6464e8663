"""The agent's process as the worker sees it: started, listened to, watched, and gone when this returns."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Literal

import psutil

from services.errors import Cancelled

POLL_S = 0.1
LONGEST_LINE = 32 << 20  # bytes; a longer one is not an event of ours
GONE_WITHIN_S = 5.0
START_S = 60.0  # to the first event; a busy machine takes its time to load the program

End = Literal["exited", "idle", "deadline"]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """How long the process may stay silent once it has spoken, and how long it may take in all, in seconds."""

    idle_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended: by itself, or stopped by the watchdog. `stderr` is the end of what it wrote there."""

    how: End
    returncode: int | None
    stderr: str


def run(
    command: list[str],
    env: Mapping[str, str],
    given: bytes,
    *,
    watch: Watch,
    cancelled: Callable[[], bool],
    on_event: Callable[[Event], None],
) -> Ended:
    """Runs the process to its end, handing on each event. Raises Cancelled; whatever is raised, nothing is alive then.

    To be called from a thread that lives as long: the process is killed when the thread that started it ends.
    """
    with tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=dict(env),
            cwd="/",
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        lines: queue.Queue[bytes | None] = queue.Queue(maxsize=1000)
        reader = threading.Thread(target=_read, args=(process.stdout, lines), name="agent-reader", daemon=True)
        writer = threading.Thread(target=_write, args=(process.stdin, given), name="agent-writer", daemon=True)
        reader.start()
        writer.start()
        try:
            how = _listen(lines, watch, cancelled, on_event)
            if how == "exited":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=GONE_WITHIN_S)
        finally:
            stop(process)
            _drain(lines, reader)
            process.stdout.close()
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 8000))
        return Ended(how, process.returncode, stderr.read().decode("utf-8", "replace"))


def _read(stream: IO[bytes], lines: queue.Queue[bytes | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        while line := stream.readline(LONGEST_LINE):
            lines.put(line)
    lines.put(None)


def _write(stream: IO[bytes], given: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # it died before it read everything
        stream.write(given)
        stream.close()


def _drain(lines: queue.Queue[bytes | None], reader: threading.Thread) -> None:
    """Lets the reader get rid of what it holds; its end comes with the process's."""
    while reader.is_alive():
        with contextlib.suppress(queue.Empty):
            lines.get(timeout=0.05)


def _listen(
    lines: queue.Queue[bytes | None], watch: Watch, cancelled: Callable[[], bool], on_event: Callable[[Event], None]
) -> End:
    started = heard = time.monotonic()
    patience = max(watch.idle_s, START_S)
    while True:
        if cancelled():
            raise Cancelled("The run was canceled.")
        now = time.monotonic()
        if now - started > watch.deadline_s:
            return "deadline"
        if now - heard > patience:
            return "idle"
        try:
            line = lines.get(timeout=POLL_S)
        except queue.Empty:
            continue
        if line is None:
            return "exited"
        heard, patience = time.monotonic(), watch.idle_s
        event = _parsed(line)
        if event is not None:
            on_event(event)


def _parsed(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kills the process with all that it started, and waits until the last of them is gone.

    The namespace ends with its first process, also for those that made sessions or groups of their own.
    """
    family = _family(process.pid)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GONE_WITHIN_S)
    deadline = time.monotonic() + GONE_WITHIN_S
    while (left := [p for p in family if _lives(p)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    for one in left:
        with contextlib.suppress(psutil.Error):
            one.kill()


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that its new parent has not fetched yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
