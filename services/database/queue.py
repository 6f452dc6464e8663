"""The queue of executions: enqueued in the transaction that inserts the execution, run by the workers."""

from __future__ import annotations

import logging
import uuid
from functools import lru_cache
from typing import Any, LiteralString

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy.orm import Session

from services.database.engine import database_url, plain_url
from services.database.rows import fetch

SCHEMA: LiteralString = "engine"
APP_NAME = "patterndesk"
QUEUE = "executions"
WORKFLOW = "run_execution"
WAKE = "wake"  # the topic on which a pause is cut short
# Bumped when the workflow's steps change their order or meaning: a run goes on with the steps it began with.
WORKFLOW_VERSION = "2"
_LIVE: LiteralString = (
    f"SELECT workflow_uuid FROM {SCHEMA}.workflow_status "
    "WHERE workflow_uuid = ANY(%(ids)s) AND status IN ('PENDING', 'ENQUEUED')"
)


@lru_cache(maxsize=2)
def client(url: str) -> DBOSClient:
    """A client of the engine's tables; it never runs anything."""
    logging.getLogger("dbos").setLevel(logging.WARNING)  # it tells its address at each start
    return DBOSClient(system_database_url=plain_url(url), dbos_system_schema=SCHEMA)


def enqueue(session: Session, execution_id: uuid.UUID, workspace_id: uuid.UUID, *, accepted: bool = False) -> None:
    """Queues the run of an execution in the caller's transaction: both are there, or neither is.

    The execution's id is the workflow's id, and the workspace its partition, so that runs of one never overlap. A run
    whose plan was `accepted` goes on in a second workflow, since the first ended when it began to wait.
    """
    options: EnqueueOptions = {
        "workflow_name": WORKFLOW,
        "queue_name": QUEUE,
        "workflow_id": _accepted(execution_id) if accepted else str(execution_id),
        "queue_partition_key": str(workspace_id),
        "app_version": WORKFLOW_VERSION,
    }
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(execution_id))


def wake(session: Session, execution_id: uuid.UUID) -> None:
    """Ends the pause of an execution that waits for its next retry; nothing when it does not wait."""
    ids = [str(execution_id), _accepted(execution_id)]
    live = fetch(session, _LIVE, {"ids": ids})
    connection: Any = session.connection()
    for (workflow_id,) in live:
        client(_url(session)).send_in_transaction(connection, workflow_id, "wake", WAKE)


def _accepted(execution_id: uuid.UUID) -> str:
    return f"{execution_id}:accepted"


def _url(session: Session) -> str:
    bind = session.get_bind()
    engine = getattr(bind, "engine", bind)
    url = getattr(engine, "url", None)
    if url is None:
        return database_url()
    rendered: str = url.render_as_string(hide_password=False)
    return rendered.replace("+", "%20").replace("postgresql%20psycopg", "postgresql+psycopg")  # libpq knows no "+"
