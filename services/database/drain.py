"""Waiting until no worker is at an execution, so that a migration may change what their results are counted by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import text

from services.database.migrate import connection_to
from services.errors import Conflict

SILENT_S: Final = 60.0  # a worker that was not heard of for so long is not there
_TABLE: Final = "SELECT to_regclass('public.claude_executions') IS NOT NULL"
_BUSY: Final = """
SELECT count(*) FROM claude_executions
WHERE status IN ('running', 'retry') AND heartbeat_at > now() - make_interval(secs => :silent)
"""


def drain(url: str, *, patience_s: float, say: Callable[[str], None]) -> None:
    """Waits until no worker is at an execution, at most `patience_s`; those that wait for one go on afterwards.

    Raises Conflict when some are still being worked on.
    """
    deadline, told = time.monotonic() + patience_s, 0
    with connection_to(url) as connection:
        if not connection.scalar(text(_TABLE)):
            return
        while busy := int(connection.scalar(text(_BUSY), {"silent": SILENT_S}) or 0):
            connection.rollback()
            if time.monotonic() >= deadline:
                are = "execution is" if busy == 1 else "executions are"
                raise Conflict(
                    f"{busy} {are} being worked on; stop the workers or wait for the end, then run it again."
                )
            if busy != told:
                say(f"Waiting for {busy} execution{'' if busy == 1 else 's'} to end …")
                told = busy
            time.sleep(1.0)
        connection.rollback()
