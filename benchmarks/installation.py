"""An installation to be measured: a data folder beside the database, a member, workspaces, a real worker process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from services import actions, executions, people, workspaces
from services.database.engine import get_engine, transaction
from services.database.queue import client
from services.lifecycle import Role
from services.people import Actor
from services.settings import ROOT, get_settings

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Installation:
    """Where it is and who acts in it. This process's settings are the installation's."""

    url: str
    root: Path
    member: Actor

    def workspace(self, pattern_type: str) -> uuid.UUID:
        """A described workspace, ready for its first execution."""
        with transaction() as session:
            made = workspaces.create(
                session, pattern_type=pattern_type, name=pattern_type, category="Structure", actor=self.member
            )
            workspaces.describe(
                session, made, description="Turning points.", user_reasoning="Price turns there.",
                identification_steps=["Find the high", "Look at both sides"], actor=self.member,
            )  # fmt: skip
        return made

    def launch(self, workspace_id: uuid.UUID) -> uuid.UUID:
        return actions.launch(actions.prepare_launch(workspace_id, actor=self.member), actor=self.member)

    def cancel(self, execution_id: uuid.UUID) -> None:
        with transaction() as session:
            executions.cancel(session, execution_id, actor=self.member)

    def status(self, execution_id: uuid.UUID) -> str:
        with transaction() as session:
            return str(executions.get(session, execution_id).row.status)

    def ended(self, execution_id: uuid.UUID) -> bool:
        return self.status(execution_id) in ("completed", "failed")

    @contextmanager
    def process(self, *command: str) -> Iterator[psutil.Process]:
        """A process of the installation, told to end with the block."""
        with (self.root / f"{uuid.uuid4().hex}.out").open("wb") as out:
            started = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            try:
                yield psutil.Process(started.pid)
            finally:
                started.send_signal(signal.SIGTERM)
                try:
                    started.wait(timeout=40)
                except subprocess.TimeoutExpired:
                    started.kill()
                    started.wait()


@contextmanager
def installed(url: str) -> Iterator[Installation]:
    """An installation on a migrated database, until the block ends."""
    root = Path(tempfile.mkdtemp(prefix="patterndesk-bench-data-"))
    before = dict(os.environ)
    os.environ |= {"DATABASE_URL": url, "DATA_DIR": str(root)}
    _forget()
    try:
        with transaction() as session:
            member = people.ensure_person(session, email="mara@example.com", name="Mara", role=Role.MEMBER)
        yield Installation(url, root, member)
    finally:
        get_engine().dispose()
        os.environ.clear()
        os.environ |= before
        _forget()
        shutil.rmtree(root, ignore_errors=True)


def _forget() -> None:
    for cached in (get_settings, get_engine, client):
        cached.cache_clear()


def wait(condition: Callable[[], bool], what: str) -> None:
    """Looks fifty times a second; TimeoutError when it does not come true."""
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"{what} did not happen within {PATIENCE_S:.0f} s")
        time.sleep(0.02)
