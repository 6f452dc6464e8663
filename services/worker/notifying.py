"""Delivering notices: one workflow a try, in a queue and a process of its own, apart from the runs.

A try sends to every address that has not taken the notice, each by itself, and records what came of it at once; then it
queues the next try after a growing pause, which holds no place in the queue. A try that was cut off by a kill is made
again by another worker and leaves out who has the notice. An address can get it twice only when the worker dies in the
moment between the answer and its record.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Final

from dbos import DBOS

from services import notifications
from services.codec import Codec
from services.database.engine import transaction
from services.database.queue import DELIVER
from services.logs import get_logger, log_unexpected
from services.notifications import Delivery, sender
from services.worker.draining import Gate
from services.worker.retrying import DATABASE_ERRORS, retried_step

CONCURRENCY: Final = 2  # notices at a time
DRAIN_S: Final = 3.0
PAUSES_S: tuple[float, ...] = (30.0, 120.0, 600.0, 2700.0)  # five tries within an hour
SEND_S = 20.0  # that all addresses of a notice have to answer
SILENT: Final = "It did not answer in time."
BROKE: Final = "Sending it broke before it answered."
# What a network may ask for; the addresses' own keys are all that a sender needs beside.
PASSED_ON: Final = (
    "PATH",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
)
gate = Gate()
log = get_logger(__name__)


@DBOS.workflow(name=DELIVER)
def deliver(notification_id: str, number: int) -> str:
    """Makes one try of a notice; returns its status then."""
    return retried_step("try", lambda: _try(uuid.UUID(notification_id), number), gate=gate)


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """What came of one address, as the sender's process prints it on a line."""

    id: str
    sent: bool
    said: str


_OUTCOME = Codec(SendOutcome, "sender's outcome")


def _try(notification_id: uuid.UUID, number: int) -> str:
    with transaction() as session:
        delivery = notifications.load(session, notification_id, number)
    if delivery is not None and delivery.urls:
        _send(notification_id, delivery)
    with transaction() as session:
        status = notifications.end_try(session, notification_id, number, PAUSES_S)
    log.info("notice_tried", notification=str(notification_id), number=number, status=status.value)
    return status.value


def _send(notification_id: uuid.UUID, delivery: Delivery) -> None:
    """Sends to all addresses at once and records each answer as it comes. Only a lost database is raised."""
    waiting = set(delivery.urls)
    answer = SILENT
    try:
        with _sending(delivery) as lines:
            for line in lines:
                outcome = _OUTCOME.from_text(line)
                if outcome.id in waiting:
                    _note(notification_id, outcome.id, outcome.sent, outcome.said)
                    waiting.discard(outcome.id)
    except DATABASE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  # no process, no memory, rubbish on the line: the next try may do better
        log_unexpected(error, notification=str(notification_id))
        answer = BROKE
    for address in waiting:
        _note(notification_id, address, False, answer)


def _note(notification_id: uuid.UUID, address: str, sent: bool, said: str) -> None:
    with transaction() as session:
        notifications.note(session, notification_id, address, sent=sent, said=said[:200])


def send_once(title: str, body: str, url: str) -> SendOutcome:
    """Sends one notice to one address, once, and says what came of it."""
    with _sending(Delivery(title, body, "info", {"1": url})) as lines:
        for line in lines:
            return _OUTCOME.from_text(line)
    return SendOutcome("1", False, SILENT)


@contextmanager
def _sending(delivery: Delivery) -> Iterator[Iterator[bytes]]:
    """The lines of a sender's process until it ends or SEND_S have passed. It is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-I", sender.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        job = {
            "title": delivery.title,
            "body": delivery.body,
            "kind": delivery.kind,
            "addresses": [{"id": address, "url": url} for address, url in delivery.urls.items()],
        }
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()  # and stays open: the sender ends when it closes
        yield _lines(process.stdout, time.monotonic() + SEND_S)
    finally:
        process.kill()
        process.wait()
        with suppress(OSError):  # it may have ended before it read its job
            process.stdin.close()


def _lines(stream: IO[bytes], deadline: float) -> Iterator[bytes]:
    read: queue.Queue[bytes | None] = queue.Queue()
    threading.Thread(target=partial(_read, stream, read), name="notice-reader", daemon=True).start()
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = read.get(timeout=left)
        except queue.Empty:
            return
        if line is None:
            return
        yield line


def _read(stream: IO[bytes], read: queue.Queue[bytes | None]) -> None:
    with stream:
        for line in stream:
            read.put(line)
    read.put(None)
