"""The queues of executions, of notices, of background jobs and of questions: enqueued in the transaction that writes the row, run by the workers."""

from __future__ import annotations

import logging
import uuid
from functools import lru_cache
from typing import Any, LiteralString

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy.orm import Session

from services.database import notes
from services.database.engine import database_url, plain_url
from services.database.rows import fetch

SCHEMA: LiteralString = "engine"
APP_NAME = "patterndesk"
QUEUE = "executions"
WORKFLOW = "run_execution"
NOTICES = "notifications"
DELIVER = "deliver_notification"
ROLL_BACKS = "roll_backs"
ROLL_BACK = "roll_back_version"
JOBS = "jobs"
RUN_JOB = "run_job"
QUESTIONS = "questions"
ANSWER = "answer_question"
CALLS: LiteralString = "patterndesk_queued"  # the channel on which the name of a queue says: look at it
WAKE = "wake"  # the topic on which a pause is cut short
# Bumped when the workflow's steps change their order or meaning: a run goes on with the steps it began with.
WORKFLOW_VERSION = "4"
_LIVE: LiteralString = (
    f"SELECT workflow_uuid FROM {SCHEMA}.workflow_status "
    "WHERE (workflow_uuid = %(id)s OR starts_with(workflow_uuid, %(id)s || ':')) AND status IN ('PENDING', 'ENQUEUED')"
)
# As the engine's own cancel does it, but in one transaction with the workflow that follows, and only if nobody was
# quicker.
_END_OLD: LiteralString = f"""
UPDATE {SCHEMA}.workflow_status
SET status = 'CANCELLED', owner_xid = NULL, queue_name = NULL, deduplication_id = NULL, started_at_epoch_ms = NULL,
    updated_at = (extract(epoch FROM now()) * 1000)::bigint, completed_at = (extract(epoch FROM now()) * 1000)::bigint
WHERE workflow_uuid = %(workflow)s AND status IN ('PENDING', 'ENQUEUED')
  AND executor_id IS NOT DISTINCT FROM %(executor)s AND application_version = %(version)s
RETURNING queue_partition_key
"""


# A delivery, a job, a roll back and an answer read what is left to do, so one that an older release began is this one's.
_TAKE_ON: LiteralString = f"""
UPDATE {SCHEMA}.workflow_status SET application_version = %(new)s
WHERE workflow_uuid = %(workflow)s AND name IN ('{DELIVER}', '{RUN_JOB}', '{ROLL_BACK}', '{ANSWER}')
  AND status IN ('PENDING', 'ENQUEUED')
  AND executor_id IS NOT DISTINCT FROM %(executor)s AND application_version = %(version)s
RETURNING workflow_uuid
"""


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
    _enqueue(session, f"{execution_id}:accepted" if accepted else str(execution_id), execution_id, str(workspace_id))


def _enqueue(session: Session, workflow_id: str, execution_id: uuid.UUID, partition: str) -> None:
    options: EnqueueOptions = {
        "workflow_name": WORKFLOW,
        "queue_name": QUEUE,
        "workflow_id": workflow_id,
        "queue_partition_key": partition,
        "app_version": WORKFLOW_VERSION,
    }
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(execution_id))
    notes.keep(session, CALLS, QUEUE)


def enqueue_delivery(
    session: Session, notification_id: uuid.UUID, number: int = 1, *, delay_s: float | None = None
) -> None:
    """Queues try `number` of a notice in the caller's transaction, to begin after a pause that holds no worker."""
    options: EnqueueOptions = {
        "workflow_name": DELIVER,
        "queue_name": NOTICES,
        "workflow_id": f"notification:{notification_id}:{number}",
        "app_version": WORKFLOW_VERSION,
    }
    if delay_s is not None:
        options["delay_seconds"] = delay_s
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(notification_id), number)
    if delay_s is None:
        notes.keep(session, CALLS, NOTICES)


def enqueue_roll_back(session: Session, switch_id: uuid.UUID) -> None:
    """Queues a roll back in the caller's transaction. It waits for no execution: one that is live goes on."""
    options: EnqueueOptions = {
        "workflow_name": ROLL_BACK,
        "queue_name": ROLL_BACKS,
        "workflow_id": f"roll_back:{switch_id}",
        "app_version": WORKFLOW_VERSION,
    }
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(switch_id))
    notes.keep(session, CALLS, ROLL_BACKS)


def enqueue_job(session: Session, job_id: uuid.UUID) -> None:
    """Queues a background job in the caller's transaction."""
    options: EnqueueOptions = {
        "workflow_name": RUN_JOB,
        "queue_name": JOBS,
        "workflow_id": f"job:{job_id}",
        "app_version": WORKFLOW_VERSION,
    }
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(job_id))
    notes.keep(session, CALLS, JOBS)


def enqueue_question(session: Session, question_id: uuid.UUID) -> None:
    """Queues the answer to a question in the caller's transaction."""
    options: EnqueueOptions = {
        "workflow_name": ANSWER,
        "queue_name": QUESTIONS,
        "workflow_id": f"question:{question_id}",
        "app_version": WORKFLOW_VERSION,
    }
    connection: Any = session.connection()
    client(_url(session)).enqueue_in_transaction(connection, options, str(question_id))
    notes.keep(session, CALLS, QUESTIONS)


def adopt(session: Session, workflow_id: str, *, executor_id: str | None, version: str) -> bool:
    """Ends a workflow that an older release left behind and queues its execution anew for this one.

    False when somebody was quicker. What the old one did stays: the new one takes the run up from its plan or commit.
    A notice's delivery, a background job or an answer just goes on.
    """
    old = {"workflow": workflow_id, "executor": executor_id, "version": version}
    if fetch(session, _TAKE_ON, old | {"new": WORKFLOW_VERSION}):
        return True
    execution_id = uuid.UUID(workflow_id.partition(":")[0])
    ended = fetch(session, _END_OLD, old)
    if not ended:
        return False
    _enqueue(session, f"{execution_id}:v{WORKFLOW_VERSION}", execution_id, str(ended[0][0]))
    return True


def wake(session: Session, execution_id: uuid.UUID) -> None:
    """Ends the pause of an execution that waits for its next retry; nothing when it does not wait."""
    connection: Any = session.connection()
    for (workflow_id,) in fetch(session, _LIVE, {"id": str(execution_id)}):
        client(_url(session)).send_in_transaction(connection, workflow_id, "wake", WAKE)


def _url(session: Session) -> str:
    bind = session.get_bind()
    engine = getattr(bind, "engine", bind)
    url = getattr(engine, "url", None)
    if url is None:
        return database_url()
    rendered: str = url.render_as_string(hide_password=False)
    return rendered.replace("+", "%20").replace("postgresql%20psycopg", "postgresql+psycopg")  # libpq knows no "+"
