"""The app's side of the worker's pipes: length-prefixed frames, a deadline, and asking whether to stop."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import struct
import subprocess
import time
from collections.abc import Callable
from typing import Any

from services.errors import Cancelled, DetectorError

Cancel = Callable[[], bool]
_TICK_S = 0.1
_CHUNK = 1 << 20


def pack(header: bytes, payload: bytes) -> bytes:
    """A frame: two big-endian 32-bit lengths, the JSON header, the payload."""
    return struct.pack(">II", len(header), len(payload)) + header + payload


def exchange(
    process: subprocess.Popen[bytes], frame: bytes, *, seconds: float, largest: int, cancelled: Cancel | None
) -> tuple[dict[str, Any], bytes]:
    """Send a frame (nothing when empty) and read one; never blocks longer than 0.1 s without asking whether to stop.

    EOFError when the process is gone, Cancelled, DetectorError of kind timeout or rubbish (more than `largest` bytes).
    After any of them the process is in an unknown state and must be ended.
    """
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None and stdout is not None
    deadline = time.monotonic() + seconds
    waiting, got = memoryview(frame), bytearray()
    with selectors.DefaultSelector() as selector:
        for stream in (stdin, stdout):
            os.set_blocking(stream.fileno(), False)
            with contextlib.suppress(OSError, AttributeError):  # fewer wake-ups; Linux only, and it may allow less
                fcntl.fcntl(stream, fcntl.F_SETPIPE_SZ, _CHUNK)
        selector.register(stdout, selectors.EVENT_READ)
        if waiting:
            selector.register(stdin, selectors.EVENT_WRITE)
        while True:
            for key, _ in selector.select(_TICK_S):
                if key.fileobj is stdin:
                    waiting = waiting[_write(stdin.fileno(), waiting) :]
                    if not waiting:
                        selector.unregister(stdin)
                elif chunk := os.read(stdout.fileno(), _CHUNK):
                    got += chunk
                else:
                    raise EOFError
            if (answer := _parse(got)) is not None:
                return answer
            if cancelled is not None and cancelled():
                raise Cancelled("The run was cancelled.")
            if time.monotonic() > deadline:
                raise DetectorError("The detector took too long: its process doesn't answer.", kind="timeout")
            if len(got) > largest:
                raise DetectorError("The detector's output can't be used: it is too large.", kind="rubbish")


def _write(fd: int, data: memoryview) -> int:
    try:
        return os.write(fd, data[:_CHUNK])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)  # reading then finds the end of the stream and says so


def _parse(got: bytearray) -> tuple[dict[str, Any], bytes] | None:
    if len(got) < 8:
        return None
    head, body = struct.unpack(">II", bytes(got[:8]))
    if len(got) < 8 + head + body:
        return None
    return json.loads(bytes(got[8 : 8 + head])), bytes(got[8 + head : 8 + head + body])
