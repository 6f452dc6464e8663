"""Line 8: from the commit of a launch to the worker's start of the run, against the bare engine with the same queue."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from dbos import DBOSClient

from benchmarks import bare_engine
from benchmarks.database import connect
from benchmarks.installation import Installation, installed, wait
from benchmarks.measuring import Result, Timing
from services.database.engine import get_engine, plain_url

REACH_MS = 400.0
POLL_S = 0.1  # of the queue: launches come at any moment of it


def run(url: str, *, n: int) -> list[Result]:
    """One run at a time and the worker otherwise idle; ours and the engine's take turns."""
    with (
        installed(url) as here,
        here.process("services.cli", "worker", "--concurrency", "2"),
        here.process("benchmarks.bare_engine", plain_url(url)),
        connect(url, autocommit=True) as reading,
    ):
        bare_engine.prepare(reading)
        ours = _of_product(here, here.workspace("swings"), lambda run: _at(reading, _OURS, run))
        theirs = _of_engine(url, lambda run: _at(reading, _THEIRS, run))
        taken: dict[str, list[float]] = {"ours": [], "theirs": []}
        for i in range(n + 3):
            for name, call in (("ours", ours), ("theirs", theirs)):
                time.sleep(random.random() * POLL_S)
                seconds = call()
                if i >= 3:
                    taken[name].append(seconds)
    mine, floor = Timing.of(taken["ours"]), Timing.of(taken["theirs"])
    return [
        Result(
            8, "launch → worker started, one at a time", mine, floor, "a no-op workflow of the bare engine",
            mine.median_ms / floor.median_ms, f"p95 ≤ {REACH_MS:.0f} ms", mine.p95_ms <= REACH_MS,
        )
    ]  # fmt: skip


_OURS: LiteralString = "SELECT started_at FROM claude_executions WHERE id = %s AND started_at IS NOT NULL"
_THEIRS: LiteralString = "SELECT at FROM bare_started WHERE id = %s"


def _at(reading: psycopg.Connection[Any], statement: LiteralString, run_id: uuid.UUID) -> datetime | None:
    row = reading.execute(statement, [run_id]).fetchone()
    return row[0] if row else None


def _since(committed: datetime, started: Callable[[], datetime | None], what: str) -> float:
    wait(lambda: started() is not None, what)
    at = started()
    assert at is not None
    return (at - committed).total_seconds()


def _of_product(
    here: Installation, workspace_id: uuid.UUID, started: Callable[[uuid.UUID], datetime | None]
) -> Callable[[], float]:  # fmt: skip
    """Launches, and cancels once it has begun, so that the worker is idle when the next one comes."""

    def call() -> float:
        execution_id = here.launch(workspace_id)
        seconds = _since(datetime.now(UTC), lambda: started(execution_id), "the start of a run")
        here.cancel(execution_id)
        wait(lambda: here.ended(execution_id), "the end of a canceled run")
        return seconds

    return call


def _of_engine(url: str, started: Callable[[uuid.UUID], datetime | None]) -> Callable[[], float]:
    client = DBOSClient(system_database_url=plain_url(url), dbos_system_schema=bare_engine.SCHEMA)
    partition = str(uuid.uuid4())

    def call() -> float:
        run_id = uuid.uuid4()
        with get_engine().begin() as connection:
            bare_engine.enqueue(client, connection, run_id, partition)
        return _since(datetime.now(UTC), lambda: started(run_id), "the start of a bare workflow")

    return call
