"""The app's side of the socket to a worker: requests with their files, a deadline, and asking whether to stop.

What a request works on and what it leaves are files in memory that the app makes, hands over and reads itself.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from services.errors import Cancelled, DetectorError

Cancel = Callable[[], bool]
LOG_BYTES = 64 << 10
_TICK_MS = 100
_LONGEST_ANSWER = 1 << 12


@dataclass(frozen=True, slots=True)
class Files:
    """Descriptors of one request: what it works on, its result, its output, its log, and the proofs of tests."""

    given: int
    result: int
    output: int
    log: int
    proofs: int

    def all(self) -> tuple[int, ...]:
        return self.given, self.result, self.output, self.log, self.proofs


def _open_file() -> int:
    """A file that has no name anywhere: in memory where there is such a thing."""
    if sys.platform == "linux":
        return os.memfd_create("request", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


@contextmanager
def files_for(given: bytes) -> Iterator[Files]:
    """Fresh files for one request, with `given` in the first; gone on leaving."""
    opened: list[int] = []
    try:
        for _ in range(5):
            opened.append(_open_file())
        view = memoryview(given)
        while view:
            view = view[os.write(opened[0], view) :]
        yield Files(*opened)
    finally:
        for fd in opened:
            os.close(fd)


def size_of(fd: int) -> int:
    return os.fstat(fd).st_size


def read_whole(fd: int) -> bytes:
    """All of a file; look at `size_of` first."""
    parts, at = [], 0
    while part := os.pread(fd, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def tail(fd: int) -> str:
    """The text of a captured stream, its middle left out when it is long; what is no text is replaced."""
    size = size_of(fd)
    if size <= LOG_BYTES:
        return os.pread(fd, LOG_BYTES, 0).decode("utf-8", "replace")
    half = LOG_BYTES // 2
    joined = os.pread(fd, half, 0) + b"\n... (cut) ...\n" + os.pread(fd, half, size - half)
    return joined.decode("utf-8", "replace")


def exchange(
    link: socket.socket, line: bytes, files: Sequence[int], *, seconds: float, cancelled: Cancel | None
) -> dict[str, Any]:
    """Send one line with its files (none of both at the start) and read the answer's line.

    EOFError when the worker is gone, DetectorError (timeout) after `seconds`, Cancelled when `cancelled` says so;
    after each of them the worker must be ended.
    """
    deadline = time.monotonic() + seconds
    if line:
        try:
            sent = socket.send_fds(link, [line], list(files)) if files else link.send(line)
            link.sendall(line[sent:])
        except OSError as error:
            raise EOFError from error
    got, poll = b"", select.poll()
    poll.register(link, select.POLLIN)
    while True:
        if poll.poll(_TICK_MS):
            try:
                part = link.recv(_LONGEST_ANSWER)
            except OSError as error:
                raise EOFError from error
            if not part:
                raise EOFError
            got += part
            if got.endswith(b"\n"):
                return dict(json.loads(got))
        if cancelled is not None and cancelled():
            raise Cancelled("The run was cancelled.")
        if time.monotonic() > deadline:
            raise DetectorError("The detector took too long: its process doesn't answer.", kind="timeout")
