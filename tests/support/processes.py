"""Worker processes of tests: started by forking, watched, killed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


def slower() -> float:
    """By how much more a busy machine takes than a quiet one: the work that waits, for each processor."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass
class Worker:
    """A worker process. `name` is its executor id, known once it has started."""

    pid: int
    output: Path

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.pid)

    def alive(self) -> bool:
        try:
            return lives(self.process)
        except psutil.NoSuchProcess:
            return False

    def signal(self, number: int) -> list[psutil.Process]:
        """Sends the signal; returns the processes it had started by then."""
        children: list[psutil.Process] = self.process.children(recursive=True)
        os.kill(self.pid, number)
        return children

    def ended(self, seconds: float = 60.0) -> bool:
        return eventually(lambda: not self.alive(), seconds)

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> bool:
    """Whether the condition holds within these seconds of a quiet machine; on a busy one it is asked for longer."""
    ends = time.monotonic() + seconds * slower()
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.03)
    return bool(condition())


def gone(processes: list[psutil.Process], seconds: float = 30.0) -> bool:
    """Whether all of them end within the time."""
    return eventually(lambda: not any(map(lives, processes)), seconds)


def lives(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that its parent has not fetched yet does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
