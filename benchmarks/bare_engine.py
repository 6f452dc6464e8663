"""The floor of a start: the engine alone, with the product's queue settings and a workflow that only notes the time.

`python -m benchmarks.bare_engine URL` runs it until SIGTERM; its tables are in the schema `bare`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import uuid

import psycopg
from dbos import DBOS, DBOSClient, EnqueueOptions
from sqlalchemy import Connection

SCHEMA, QUEUE, WORKFLOW, VERSION = "bare", "bare", "note", "1"


def prepare(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """The table of notes."""
    connection.execute("CREATE TABLE IF NOT EXISTS bare_started (id uuid PRIMARY KEY, at timestamptz NOT NULL)")


def enqueue(client: DBOSClient, connection: Connection, run_id: uuid.UUID, partition: str) -> None:
    """As the product queues an execution, in the caller's transaction."""
    options: EnqueueOptions = {
        "workflow_name": WORKFLOW, "queue_name": QUEUE, "workflow_id": str(run_id), "queue_partition_key": partition,
        "app_version": VERSION,
    }  # fmt: skip
    client.enqueue_in_transaction(connection, options, str(run_id))


def main(url: str) -> None:
    notes = psycopg.connect(url, autocommit=True)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    @DBOS.workflow(name=WORKFLOW)
    def note(run_id: str) -> None:
        notes.execute("INSERT INTO bare_started VALUES (%s, clock_timestamp())", [run_id])

    DBOS(
        config={
            "name": "bare", "system_database_url": url, "dbos_system_schema": SCHEMA, "executor_id": "bare",
            "application_version": VERSION, "console_log_level": "WARNING", "sys_db_pool_size": 7,
        }
    )  # fmt: skip
    DBOS.launch()
    DBOS.register_queue(
        QUEUE, worker_concurrency=2, partition_concurrency=1, polling_interval_sec=0.1, on_conflict="always_update"
    )
    stop.wait()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
