"""Calls that make this worker look at a queue at once; an idle worker looks without a call every few seconds only.

Whoever queues something says so on a channel of the database once its transaction is committed. A call that is lost (the
database was away, or a pooler passes none on) costs the time to the next look, never the work.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from select import select
from typing import Final

import psycopg

from services.database.engine import OPTIONS
from services.database.queue import CALLS
from services.logs import get_logger

THREAD: Final = "queue-worker-"  # how the engine names the thread that looks at a queue
LOOK_S: Final = 5.0  # between the looks of the engine's own threads: for new queues, for pauses that are over
AGAIN_S: Final = 1.0
APART_S: Final = 0.03  # workers that are called at the same moment look one after the other
_LISTEN_S: Final = 30.0
log = get_logger(__name__)


class Pace:
    """What the engine's threads wait for between two looks: the time that they ask for, a call of their queue, the end."""

    def __init__(self, idle_s: Mapping[str, float], busy: Callable[[], bool]) -> None:
        self._idle_s, self._busy = idle_s, busy
        self._condition = threading.Condition()
        self._calls: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()  # each queue has one thread, which looks once for all calls before

    def take(self, stop: threading.Event) -> None:
        """From now on this paces the threads that wait for the event between their looks."""
        stop.wait = partial(self._wait, stop)  # type: ignore[method-assign]  # the engine has no other way to be woken

    def _wait(self, stop: threading.Event, timeout: float | None = None) -> bool:
        """Whether the end was asked for."""
        queue = threading.current_thread().name.removeprefix(THREAD)
        if queue not in self._idle_s:
            return threading.Event.wait(stop, max(timeout, LOOK_S) if timeout else timeout)
        if timeout is not None and not self._busy():
            timeout = max(timeout, self._idle_s[queue])
        with self._condition:
            called = self._condition.wait_for(lambda: self._calls[queue] != self._answered[queue], timeout)
            self._answered[queue] = self._calls[queue]
        if called:
            time.sleep(random.uniform(0, APART_S))
        return stop.is_set()

    def call(self, *queues: str) -> None:
        """Makes the threads of these queues look, now or as soon as the look that is under way has ended."""
        with self._condition:
            self._calls.update(queues)
            self._condition.notify_all()


class Ear:
    """Listens to the calls, with a connection of its own."""

    def __init__(self, url: str, pace: Pace, name: str) -> None:
        self._url, self._pace, self._name = url, pace, name
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Its thread ends with the process at the latest."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError, ValueError) as error:
                log.warning("queue_calls_unheard", error=str(error)[:200])
            self._stop.wait(AGAIN_S)

    def _listen(self) -> None:
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=5, options=OPTIONS, application_name=self._name
        ) as connection:
            connection.execute(f"LISTEN {CALLS}")
            while not self._stop.is_set():
                select([connection.fileno()], [], [], _LISTEN_S)
                called = {note.payload for note in connection.notifies(timeout=0)}
                if not called:
                    connection.execute("SELECT 1")  # tells whether the database is still there
                self._pace.call(*called)
