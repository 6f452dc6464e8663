"""The log of a run: one file of the whole, one of each attempt, and the end of it in the database for readers anywhere.

The files are on the worker's machine while it runs and behind the storage URL after each phase. A worker that takes a
run over from another machine begins with what was kept.
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

from services import executions, storage
from services.database.engine import transaction
from services.logs import get_logger
from services.settings import get_settings

MOST_BYTES = 50_000_000  # of one run; the log says once that what comes after is left out
log = get_logger(__name__)


class RunLog:
    """Written by the run's threads, read by whoever follows."""

    def __init__(self, folder: Path, execution_id: uuid.UUID, epoch: int) -> None:
        self._folder, self._execution_id, self._epoch = folder, execution_id, epoch
        self._lock = threading.Lock()
        self._kept = -1  # size of the attempt's log when its end was last kept
        self.attempt = 1

    @property
    def whole(self) -> Path:
        return self._folder / "log.txt"

    @property
    def own(self) -> Path:
        """The attempt's part."""
        return self._folder / f"attempt-{self.attempt}.txt"

    def enter(self, attempt: int) -> None:
        """From now on lines belong to this attempt. Brings back what another machine has written of it."""
        with self._lock:
            self.attempt, self._kept = attempt, -1
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.own.exists() and self.whole.exists():
            return
        with transaction() as session:
            run = executions.load(session, self._execution_id)
            key, tail = executions.kept_log(session, self._execution_id, attempt)
        self._restore(self.whole, run.log_key, None)
        self._restore(self.own, key, tail)

    def _restore(self, file: Path, key: str | None, tail: str | None) -> None:
        if file.exists():
            return
        kept = storage.get(get_settings().storage_root, key) if key else b""
        file.write_bytes(kept or (tail or "").encode())

    def write(self, text: str) -> None:
        """Adds a line with its time (UTC). A full disk costs lines, not the run."""
        line = f"{datetime.now(UTC):%H:%M:%S} {text}\n"
        if not self._folder.exists():  # the run has ended, under another worker
            return
        try:
            with self._lock:
                size = self.whole.stat().st_size if self.whole.exists() else 0
                if size > MOST_BYTES:
                    return
                if size + len(line) > MOST_BYTES:
                    line = f"[The log is cut here: it has reached {MOST_BYTES // 1_000_000} MB.]\n"
                for file in (self.whole, self.own):
                    with file.open("a", encoding="utf-8", errors="replace") as out:
                        out.write(line)
        except OSError as error:
            log.warning("run_log_not_written", execution=str(self._execution_id), error=str(error))

    def keep_tail(self, key: str | None = None) -> None:
        """Puts the end of the attempt's log into the database when it has grown."""
        try:
            size = self.own.stat().st_size
        except OSError:
            return
        if size == self._kept and key is None:
            return
        with self.own.open("rb") as file:
            file.seek(max(0, size - executions.TAIL_CHARACTERS))
            tail = file.read().decode("utf-8", "replace")
        with transaction() as session:
            executions.keep_log(
                session, self._execution_id, epoch=self._epoch, attempt=self.attempt, tail=tail, key=key
            )
        self._kept = size

    def save(self) -> str | None:
        """Stores both files; returns the whole one's key, None when nothing was written."""
        root = get_settings().storage_root
        if self.own.exists():
            self.keep_tail(storage.put(root, self.own.read_bytes(), suffix=".txt"))
        if not self.whole.exists():
            return None
        return storage.put(root, self.whole.read_bytes(), suffix=".txt")
