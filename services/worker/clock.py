"""Looks a few times a minute what schedules ask for, and tells how this machine's disk stands."""

from __future__ import annotations

import socket
import threading
import time

from sqlalchemy.exc import SQLAlchemyError

from services import disk, holding, jobs
from services.database.engine import transaction
from services.errors import PatternDeskError
from services.logs import get_logger, log_unexpected
from services.settings import get_settings

LOOK_S = 5.0
TELL_S = 60.0
log = get_logger(__name__)


class Clock:
    """A thread of the worker. Of several workers, whoever looks first asks for what is due."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
        self._told: tuple[float, str] = (-TELL_S, "")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        first = True
        while first or not self._stop.wait(LOOK_S):
            try:
                with transaction() as session:
                    if first:
                        jobs.ensure_daily_prune(session)
                    asked = jobs.ask_due(session)
                if asked:
                    log.info("jobs_asked", jobs=[str(job) for job in asked])
                self._tell_disk()
            except SQLAlchemyError as error:
                log.warning("clock_waits", error=str(error)[:200])
            except PatternDeskError as error:
                log.warning("clock_waits", error=str(error)[:200])
            except Exception as error:  # noqa: BLE001  # without its clock a worker would leave schedules undone
                log_unexpected(error)
            first = False

    def _tell_disk(self) -> None:
        room, at = disk.look(get_settings()), time.monotonic()
        if room.state == self._told[1] and at - self._told[0] < TELL_S:
            return
        with transaction() as session:
            holding.report_disk(session, socket.gethostname()[:60], room)
        self._told = at, room.state
