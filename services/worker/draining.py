"""Letting the runs of this process stop between two steps when it is asked to end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Runs pass it before each step. Once it is closed none gets through again: the process ends under them.

    A run that was stopped here is pending under this worker's id; the next worker goes on with it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = 0
        self._left = -math.inf  # when the last one got out
        self._closed = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """One step: what is inside is waited for when the gate closes."""
        with self._changed:
            while self._closed:
                self._changed.wait()
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._left = time.monotonic()
                self._changed.notify_all()

    def used(self, within_s: float) -> bool:
        """Whether a step is under way, or one ended in the last seconds."""
        with self._changed:
            return self._busy > 0 or time.monotonic() - self._left < within_s

    def close(self, seconds: float) -> bool:
        """Lets nobody through any more and waits for the steps under way; False when some take longer."""
        deadline = time.monotonic() + seconds
        with self._changed:
            self._closed = True
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return not self._busy
