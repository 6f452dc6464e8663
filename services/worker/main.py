"""The worker process: takes runs from the queue until it is asked to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import uuid
from datetime import timedelta
from types import FrameType
from typing import Any, TypedDict

from dbos import DBOS, DBOSConfig
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from services import sessions
from services.database import queue
from services.database.engine import database_url, get_engine, plain_url, transaction
from services.database.migrate import readiness
from services.database.queue import APP_NAME, JOBS, NOTICES, QUESTIONS, QUEUE, ROLL_BACKS, SCHEMA, WORKFLOW_VERSION
from services.errors import Unavailable
from services.logs import get_logger
from services.worker import answering, jobs, notifying, rolling_back, steps, workflow
from services.worker.clock import Clock
from services.worker.liveness import Watchdog, WorkerLock, connection_name, end_process

DRAIN_S = 20
log = get_logger(__name__)


def run_worker(concurrency: int) -> None:
    """Runs until SIGTERM or SIGINT, then lets the steps that are under way end, at most DRAIN_S seconds.

    Runs that are not at their end by then go on with the next worker. Raises Unavailable when the database is away or
    its schema is not this version's.
    """
    url = plain_url(database_url())
    if (reason := readiness(url)) is not None:
        raise Unavailable(reason)
    executor_id = f"{socket.gethostname()[:24]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    lock = WorkerLock(url, executor_id, end_process)
    workflow.set_worker_id(executor_id)
    config: DBOSConfig = {
        "name": APP_NAME,
        "system_database_url": url,
        "dbos_system_schema": SCHEMA,
        "executor_id": executor_id,
        "application_version": WORKFLOW_VERSION,
        "run_migrations": False,
        "notification_coalesce_sec": 1.0,  # of streams and events, which are not used; else it wakes 100 times a second
        "console_log_level": "WARNING",
        "sys_db_pool_size": 5
        + concurrency
        + sum(its.CONCURRENCY for its in (answering, notifying, jobs, rolling_back)),
        "db_engine_kwargs": {"connect_args": {"application_name": connection_name(executor_id)}},
    }
    _name_connections(connection_name(executor_id))
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    DBOS(config=config)
    DBOS.launch()
    DBOS.register_queue(
        QUEUE,
        worker_concurrency=concurrency,
        partition_concurrency=1,
        polling_interval_sec=0.25,
        on_conflict="always_update",
    )
    DBOS.register_queue(
        NOTICES, worker_concurrency=notifying.CONCURRENCY, polling_interval_sec=1.0, on_conflict="always_update"
    )
    DBOS.register_queue(
        JOBS, worker_concurrency=jobs.CONCURRENCY, polling_interval_sec=1.0, on_conflict="always_update"
    )
    DBOS.register_queue(
        ROLL_BACKS, worker_concurrency=rolling_back.CONCURRENCY, polling_interval_sec=0.5, on_conflict="always_update"
    )
    DBOS.register_queue(
        QUESTIONS, worker_concurrency=answering.CONCURRENCY, polling_interval_sec=0.5, on_conflict="always_update"
    )
    # The library's own way to hand runs over.
    watchdog = Watchdog(url, executor_id, DBOS._recover_pending_workflows, _adopt)
    watchdog.start()
    clock = Clock()
    clock.start()
    _sweep_sessions()
    log.info("worker_started", executor=executor_id, concurrency=concurrency)
    stop.wait()
    log.info("worker_draining", executor=executor_id)
    watchdog.close()
    clock.close()
    steps.gate.close(DRAIN_S)
    notifying.gate.close(notifying.DRAIN_S)
    jobs.gate.close(jobs.DRAIN_S)
    lock.close()
    logging.shutdown()
    os._exit(0)  # runs are held at their next step; the lock is free, so another worker takes them from there


def _adopt(workflow_id: str, executor_id: str | None, version: str) -> None:
    with transaction() as session:
        queue.adopt(session, workflow_id, executor_id=executor_id, version=version)


class ConnectionParameters(TypedDict, total=False):
    """Of those that a connection is made with, the one that is set here."""

    application_name: str


def _name_connections(name: str) -> None:
    """From now on this process's connections carry the worker's name, so that they can be ended if it freezes."""

    @event.listens_for(get_engine(), "do_connect")
    def _named(_dialect: Any, _record: Any, _arguments: Any, parameters: ConnectionParameters) -> None:
        parameters["application_name"] = name


def _sweep_sessions() -> None:
    """Sessions whose run was cut off by a kill are failed, so that none shows as running for ever."""
    try:
        with transaction() as session:
            sessions.fail_interrupted(session, older_than=timedelta(minutes=5))
    except SQLAlchemyError as error:
        log.warning("sweep_failed", error=str(error)[:200])
