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
from typing import Any, Final, TypedDict

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
from services.worker.waking import Ear, Pace

DRAIN_S = 20
# How often each queue is looked at while runs are under way, and when none is and no call comes (services/worker/waking.py).
POLL_S: Final = {QUEUE: 0.25, NOTICES: 1.0, ROLL_BACKS: 0.5, QUESTIONS: 0.5, JOBS: 1.0}
IDLE_S: Final = {QUEUE: 2.0, NOTICES: 5.0, ROLL_BACKS: 5.0, QUESTIONS: 5.0, JOBS: 5.0}
BUSY_S: Final = 3.0  # after a step, since the engine writes a run's end after its last one
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
        "scheduler_polling_interval_sec": 3600.0,  # of its schedules, which are not used
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
    engine = DBOS(config=config)
    DBOS.launch()
    pace = _paced(engine, concurrency)
    ear = Ear(url, pace, connection_name(executor_id))
    ear.start()

    def recover(executor_ids: list[str]) -> None:
        DBOS._recover_pending_workflows(executor_ids)
        pace.call(*POLL_S)

    # The library's own way to hand runs over.
    watchdog = Watchdog(url, executor_id, recover, _adopt)
    watchdog.start()
    clock = Clock()
    clock.start()
    _sweep_sessions()
    log.info("worker_started", executor=executor_id, concurrency=concurrency)
    stop.wait()
    log.info("worker_draining", executor=executor_id)
    watchdog.close()
    ear.close()
    clock.close()
    steps.gate.close(DRAIN_S)
    notifying.gate.close(notifying.DRAIN_S)
    jobs.gate.close(jobs.DRAIN_S)
    lock.close()
    logging.shutdown()
    os._exit(0)  # runs are held at their next step; the lock is free, so another worker takes them from there


def _paced(engine: DBOS, concurrency: int) -> Pace:
    """Registers the queues, and lets calls end the pauses between the engine's looks at them."""
    at_once = {
        NOTICES: notifying.CONCURRENCY,
        JOBS: jobs.CONCURRENCY,
        ROLL_BACKS: rolling_back.CONCURRENCY,
        QUESTIONS: answering.CONCURRENCY,
    }
    DBOS.register_queue(
        QUEUE, worker_concurrency=concurrency, partition_concurrency=1, polling_interval_sec=POLL_S[QUEUE],
        on_conflict="always_update",
    )  # fmt: skip
    for name, number in at_once.items():
        DBOS.register_queue(
            name, worker_concurrency=number, polling_interval_sec=POLL_S[name], on_conflict="always_update"
        )
    pace = Pace(IDLE_S, lambda: steps.gate.used(BUSY_S))
    for stop in (*engine.background_thread_stop_events, engine._background_jobs_stop_event):
        pace.take(stop)
    return pace


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
