"""Which workers live: a lock each, a watchdog that hands the runs of dead ones over, and an end for frozen ones.

Each worker holds an advisory lock on its executor id through a connection of its own, from before it launches until
it ends. A free lock means a dead worker. A frozen one keeps its lock but stops beating; its connection is ended.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from typing import LiteralString

import psycopg
from sqlalchemy.exc import DBAPIError

from services.database.engine import OPTIONS
from services.database.queue import ANSWER, DELIVER, ROLL_BACK, RUN_JOB, SCHEMA, WORKFLOW, WORKFLOW_VERSION
from services.logs import get_logger, log_unexpected

WATCH_S = 1.0
FROZEN_AFTER_S = 8.0
THAWED_AFTER_S = FROZEN_AFTER_S - 1.0  # a worker that did not run for so long ends
log = get_logger(__name__)

_PENDING: LiteralString = (
    f"SELECT DISTINCT executor_id FROM {SCHEMA}.workflow_status "
    "WHERE status = 'PENDING' AND executor_id IS NOT NULL AND application_version = %(version)s"
)
_OLDER: LiteralString = f"""
SELECT workflow_uuid, executor_id, application_version, status FROM {SCHEMA}.workflow_status
WHERE status IN ('PENDING', 'ENQUEUED') AND name = ANY(%(names)s)
  AND application_version ~ '^[0-9]+$' AND application_version::int < %(version)s::int
"""
_FROZEN: LiteralString = """
SELECT worker_id FROM claude_executions
WHERE status = 'running' AND worker_id IS NOT NULL AND heartbeat_at < now() - make_interval(secs => %(after)s)
UNION
SELECT worker_id FROM questions
WHERE status = 'running' AND worker_id IS NOT NULL AND heartbeat_at < now() - make_interval(secs => %(after)s)
"""
# All of its connections: one that froze inside a transaction would hold its locks on.
_END_CONNECTIONS: LiteralString = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = ANY(%(names)s)
"""


def holder_name(executor_id: str) -> str:
    """The name of the connection that holds a worker's lock, as the server cuts it."""
    return f"worker {executor_id}"[:63]


def connection_name(executor_id: str) -> str:
    """The name of a worker's other connections."""
    return f"run {executor_id}"[:63]


def lock_key(executor_id: str) -> int:
    """The advisory lock of an executor id: 63 bits of its hash."""
    return int.from_bytes(hashlib.sha256(executor_id.encode()).digest()[:8], "big") >> 1


class WorkerLock:
    """Holds this worker's lock; calls `on_lost` once when its connection is gone, or the process was frozen."""

    def __init__(self, url: str, executor_id: str, on_lost: Callable[[], None]) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, application_name=holder_name(executor_id), options=OPTIONS
        )
        taken = self._connection.execute("SELECT pg_try_advisory_lock(%s)", [lock_key(executor_id)]).fetchone()
        if not taken or not taken[0]:
            raise RuntimeError(f"the executor id {executor_id} is in use")
        self._on_lost, self._stop = on_lost, threading.Event()
        self._thread = threading.Thread(target=self._watch, name="worker-lock", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        looked = time.monotonic()
        while not self._stop.wait(WATCH_S):
            asleep, looked = time.monotonic() - looked, time.monotonic()
            if (
                asleep > THAWED_AFTER_S
            ):  # others may have its runs by now; find out by ending, before anything is written
                log.error("worker_thawed", seconds=round(asleep, 1))
                self._on_lost()
                return
            try:
                self._connection.execute("SELECT 1")
            except psycopg.Error as error:
                log.error("worker_lock_lost", error=str(error)[:200])
                self._on_lost()
                return

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)
        self._connection.close()


class Watchdog:
    """Looks once a second for runs whose worker is dead or frozen, and hands them to this one.

    `adopt(workflow, executor, version)` takes what an older release of the app left and nobody of it runs any more.
    """

    def __init__(
        self,
        url: str,
        executor_id: str,
        recover: Callable[[list[str]], object],
        adopt: Callable[[str, str | None, str], object],
    ) -> None:
        self._url, self._executor_id, self._recover, self._adopt = url, executor_id, recover, adopt
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_S):
            try:
                with psycopg.connect(self._url, autocommit=True, connect_timeout=5, options=OPTIONS) as connection:
                    while not self._stop.wait(WATCH_S):
                        self._look(connection)
            except (psycopg.Error, DBAPIError) as error:
                log.warning("watchdog_database_away", error=str(error)[:200])
            except Exception as error:  # noqa: BLE001  # without its watchdog a worker would leave others' runs lying
                log_unexpected(error)

    def _look(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        for (frozen,) in connection.execute(_FROZEN, {"after": FROZEN_AFTER_S}).fetchall():
            if frozen != self._executor_id and not _is_free(connection, str(frozen)):
                log.warning("worker_frozen", worker=frozen)
                names = [holder_name(str(frozen)), connection_name(str(frozen))]
                connection.execute(_END_CONNECTIONS, {"names": names})
        dead = [
            str(executor)
            for (executor,) in connection.execute(_PENDING, {"version": WORKFLOW_VERSION}).fetchall()
            if executor != self._executor_id and _is_free(connection, str(executor))
        ]
        if dead:
            log.warning("taking_over", workers=dead)
            self._recover(dead)
        for workflow, executor, version in _left_behind(connection):
            log.warning("adopting", workflow=workflow, version=version)
            self._adopt(workflow, executor, version)


def _left_behind(connection: psycopg.Connection[tuple[object, ...]]) -> list[tuple[str, str | None, str]]:
    """Workflows of older releases: queued ones that a worker of theirs may never take, and those of dead workers."""
    names = [WORKFLOW, DELIVER, RUN_JOB, ROLL_BACK, ANSWER]
    rows = connection.execute(_OLDER, {"names": names, "version": WORKFLOW_VERSION}).fetchall()
    return [
        (str(workflow), None if executor is None else str(executor), str(version))
        for workflow, executor, version, status in rows
        if status == "ENQUEUED" or executor is None or _is_free(connection, str(executor))
    ]


def _is_free(connection: psycopg.Connection[tuple[object, ...]], executor_id: str) -> bool:
    key = lock_key(executor_id)
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
    if not row or not row[0]:
        return False
    connection.execute("SELECT pg_advisory_unlock(%s)", [key])
    return True


def end_process(code: int = 70) -> None:
    """Ends this process and all it started at once: a worker that lost its lock must not write on."""
    time.sleep(0)
    os.killpg(os.getpgid(0), 9) if os.getpgid(0) == os.getpid() else os._exit(code)
