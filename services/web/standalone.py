"""What a server needs that was started by itself, as by `streamlit run app.py`: a database, its schema, a worker.

Without DATABASE_URL a companion process (`patterndesk up --without-server`) looks after the embedded database and a worker
for as long as this server lives. With one, an empty database is migrated and nothing else is started.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Final

from services import running
from services.database.engine import database_url, plain_url
from services.database.migrate import current, readiness, upgrade
from services.errors import PatternDeskError, Unavailable
from services.logs import get_logger
from services.settings import ROOT, Settings

SUPERVISED: Final = "PATTERNDESK_SUPERVISED"
READY_S: Final = 60.0
STOP_S: Final = 30.0
log = get_logger(__name__)


class Companion:
    """The process that was started beside this server, if one was needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, settings: Settings) -> None:
        """Starts what is missing and waits until it can be used, at most READY_S seconds. Never raises: what is
        missing afterwards is said by the pages and by /readyz."""
        if os.environ.get(SUPERVISED):
            return
        try:
            if settings.database_url:
                _migrate_if_allowed(settings)
            elif not running.is_locked(settings.data_dir):
                self._start_process(settings)
        except (PatternDeskError, OSError) as error:
            log.warning("not_started", reason=str(error))

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _start_process(self, settings: Settings) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up", "--without-server"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if _ready():
                return
            time.sleep(0.1)


def _ready() -> bool:
    try:
        return readiness(database_url()) is None
    except Unavailable:
        return False


def _migrate_if_allowed(settings: Settings) -> None:
    """AUTO_MIGRATE unset: an empty database alone gets the schema. Of several servers that start at once one does it."""
    if settings.auto_migrate is False:
        return
    url = plain_url(database_url())
    if settings.auto_migrate or current(url) is None:
        upgrade(url)
