"""What runs beside the screens, as the database sees it: the workers that are connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A connected worker. `executions` are the numbers it works on; `heartbeat_at` the latest of their signs of life."""

    worker_id: str
    since: datetime
    executions: list[int]
    heartbeat_at: datetime | None


# A worker holds its lock on a connection that bears its name, for as long as it lives.
_WORKERS: LiteralString = """
SELECT substr(a.application_name, 8), a.backend_start,
       coalesce(array_agg(e.number ORDER BY e.number) FILTER (WHERE e.id IS NOT NULL), '{}'), max(e.heartbeat_at)
FROM pg_stat_activity a
LEFT JOIN claude_executions e ON e.worker_id = substr(a.application_name, 8) AND e.status = 'running'
WHERE a.application_name LIKE 'worker %%' AND a.datname = current_database()
GROUP BY a.pid, a.application_name, a.backend_start ORDER BY a.backend_start
"""


def list_workers(session: Session) -> list[WorkerRow]:
    """The workers that are connected now, the oldest first."""
    return [WorkerRow(*row) for row in fetch(session, _WORKERS, {})]
