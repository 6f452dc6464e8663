"""Executions under way and somebody who writes all the time; what was acknowledged is remembered and looked for."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.cli.recount import recount
from services.database.engine import transaction
from services.errors import PatternDeskError
from tests.support.desk import Desk
from tests.support.installation import ENDED, Installation, folk, lived_in
from tests.support.waiting import until

END_S: Final = 900.0
NOTES: Final = "notes"  # the workspace that is written to; no execution locks it
RUN_ENV: Final = {"GATE_PROFILE": "small", "WORKER_CONCURRENCY": "4"}
ERRORS: Final = (SQLAlchemyError, PatternDeskError, OSError)


@dataclass
class Load:
    """Patterns `wave_1`, `wave_2`, …, each a copy of the starter of swings, wait to be executed for the first time."""

    installation: Installation
    launched: list[uuid.UUID] = field(default_factory=list)
    acknowledged: list[uuid.UUID] = field(default_factory=list)
    refused: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def launch(self) -> uuid.UUID:
        """Launches one more execution; its launch is acknowledged when this returns."""
        name = f"wave_{len(self.launched) + 1}"
        workspace = self.installation.workspace(name)
        self.launched.append(self.installation.launch(workspace))
        return self.launched[-1]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Somebody comments all the time until the block ends."""
        thread = threading.Thread(target=self._write, name="writer")
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _write(self) -> None:
        notes = self.installation.workspace_id(NOTES)
        while not self._stop.wait(0.05):
            try:
                self.acknowledged.append(self.installation.comment(notes, f"Comment {len(self.acknowledged)}."))
            except ERRORS:
                self.refused += 1
                time.sleep(0.2)

    def writes_again(self) -> bool:
        """Whether a write that begins now is acknowledged."""
        try:
            self.acknowledged.append(self.installation.comment(self.installation.workspace_id(NOTES), "Back?"))
        except ERRORS:
            return False
        return True

    def live(self) -> int:
        """How many executions have not ended; asked again while the database is away."""
        statement = "SELECT count(*) FROM claude_executions WHERE status <> ALL(%s)"
        return int(until(lambda: self.installation.sql(statement, list(ENDED)) or None, "an answer")[0][0])

    def keep_running(self, most: int) -> None:
        """Launches executions until so many are live; one that is refused now is tried at the next call."""
        try:
            while self.live() < most:
                self.launch()
        except ERRORS:
            self.refused += 1

    def wrong(self) -> list[str]:
        """What is not as it must be once all executions have ended, as sentences."""
        ends = time.monotonic() + END_S
        while self.live() and time.monotonic() < ends:
            time.sleep(0.5)
        found = self.installation
        statuses = {row[0]: (row[1], row[2]) for row in found.sql("SELECT id, status, error FROM claude_executions")}
        wrong = [f"execution {i} is {statuses.get(i)}" for i in self.launched if statuses.get(i, "")[0] != "completed"]
        there = {row[0] for row in found.sql("SELECT id FROM feedback_items")}
        lost = [i for i in self.acknowledged if i not in there]
        if lost:
            wrong.append(f"{len(lost)} of {len(self.acknowledged)} acknowledged comments are lost")
        with transaction() as session:
            differences = recount(session, fix=False)
        if differences:
            wrong.append(f"{len(differences)} counters differ from a recount")
        gaps = found.sql(
            "SELECT workspace_id FROM workspace_messages GROUP BY workspace_id HAVING max(seq) <> count(*)"
        )
        if gaps:
            wrong.append(f"the timelines of {len(gaps)} workspaces have gaps")
        return wrong


@contextmanager
def loaded(desk: Desk, *, patterns: int) -> Iterator[Load]:
    """The installation of a desk, with so many patterns to execute and the workspace that is written to.

    With no patterns it is taken as it was left.
    """
    with lived_in(desk.url, desk.folder):
        installation = Installation(desk.url, desk.folder, None, *folk())  # type: ignore[arg-type]  # forks no worker
        if not patterns:  # it was filled before
            yield Load(installation)
            return
        swings = (installation.repository / "detectors/swings.py").read_text()
        copies = {
            f"detectors/wave_{number}.py": swings.replace('"swings", ["swing"]', f'"wave_{number}", ["swing"]')
            for number in range(1, patterns + 1)
        }
        unused: dict[str, str | None] = {
            str(path.relative_to(installation.repository)): None
            for path in Path(installation.repository / "tests").glob("test_*.py")
            if path.name != "test_swings.py"
        }  # fewer tests of others, which each execution runs
        installation.person_commits({**copies, **unused})
        installation.workspace(NOTES)
        yield Load(installation)
