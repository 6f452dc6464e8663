"""How a step of the engine is tried again: while the database is away or the disk is full, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from dbos import DBOS
from sqlalchemy.exc import InterfaceError, OperationalError

from services.worker.draining import Gate


class NoRoom(Exception):
    """A step could not be done because the disk was full; it is done again once there is room."""


DATABASE_ERRORS: Final = (OperationalError, InterfaceError)
T = TypeVar("T")


def retried_step(name: str, body: Callable[[], T], *, gate: Gate | None = None) -> T:
    """Runs `body` as a step that is tried again, with growing pauses, while the database is away or the disk full.

    With a gate, a worker that drains lets the step end and begins no other.
    """

    def step() -> T:
        if gate is None:
            return body()
        with gate.step():
            return body()

    return DBOS.run_step(
        {
            "name": name,
            "retries_allowed": True,
            "max_attempts": 60,
            "interval_seconds": 0.5,
            "backoff_rate": 1.5,
            "should_retry": lambda error: isinstance(error, (NoRoom, *DATABASE_ERRORS)),
        },
        step,
    )
