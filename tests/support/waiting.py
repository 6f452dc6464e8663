"""Waiting for a condition as long as a busy machine may need, and finding a free port."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Final, TypeVar

import httpx
import psutil
import psycopg

PATIENCE_S: Final = 240.0  # each wait ends as soon as its condition holds
T = TypeVar("T")


def until(look: Callable[[], T | None], what: str) -> T:
    """The first true value of `look`; errors of what is not there yet count as not yet."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, psycopg.Error, psutil.Error, httpx.HTTPError):
            if value := look():
                return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {PATIENCE_S:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
