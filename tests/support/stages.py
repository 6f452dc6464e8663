"""Installations to be copied: each stage of the loop is built once in a test run, by running it, and kept for all
processes as a closed database and a folder; each test gets a copy."""

from __future__ import annotations

import json
import shutil
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.database.queue import client
from tests.support.batches import assert_batches_agree
from tests.support.databases import Databases
from tests.support.fork_server import ForkServer
from tests.support.installation import HALTS, Installation, copy_tree, folk, lived_in
from tests.support.processes import eventually

# Windows of GOOG on which the tuner improves both splits and breaks nothing (first bars; the last one is held out).
WINDOWS = (750, 1000, 1500, 1250)
BARS = 100
# The starter's defaults changed so that each small wiggle counts as a swing: what the tuner is to mend.
LOOSE = (
    ('"left", "int", 5', '"left", "int", 3'),
    ('"prominence", "float", 1.0', '"prominence", "float", 0.0'),
)


@dataclass(frozen=True)
class PreparedStage:
    """An installation at rest: the name of its database and its data folder, with nobody inside."""

    database: str
    root: Path | None


@dataclass
class Builder:
    """Makes stages, and copies of them to live in."""

    databases: Databases
    fork_server: ForkServer
    folder: Path

    def _copied(self, stage: PreparedStage, below: Path) -> PreparedStage:
        root = below / uuid.uuid4().hex[:12]
        if stage.root is None:
            root.mkdir()
        else:
            copy_tree(stage.root, root)
        return PreparedStage(self.databases.clone(stage.database), root)

    @contextmanager
    def _inside(self, stage: PreparedStage) -> Iterator[Installation]:
        assert stage.root is not None
        url = self.databases.address(stage.database)
        with lived_in(url, stage.root):
            installation = Installation(url, stage.root, self.fork_server, *folk())
            try:
                yield installation
            finally:
                installation.stop()
                client.cache_clear()
        left = (
            [p.cmdline()[:8] for p in installation.processes()]
            if not eventually(lambda: not installation.processes(), 5)
            else []
        )
        assert not left, f"processes were left: {left}"

    @contextmanager
    def copy(self, stage: PreparedStage) -> Iterator[Installation]:
        """An installation of a test's own."""
        own = self._copied(stage, self.folder)
        try:
            with self._inside(own) as installation:
                yield installation
                assert_batches_agree(installation.url)  # whatever the journey was
        finally:
            self._remove(own)

    def stage(self, name: str, before: PreparedStage, build: Callable[[Installation], None]) -> PreparedStage:
        """A copy of the stage before in which `build` ran, by whichever process of the run asked for it first."""
        record = self.databases.shared / f"{name}.json"
        with self.databases.alone(f"stage {name}"):
            if not record.exists():
                made = self._build(before, build)
                record.write_text(json.dumps({"database": made.database, "root": str(made.root)}))
        kept = json.loads(record.read_text())
        return PreparedStage(kept["database"], Path(kept["root"]))

    def _build(self, before: PreparedStage, build: Callable[[Installation], None]) -> PreparedStage:
        own = self._copied(before, self.databases.shared)
        try:
            with self._inside(own) as installation:
                build(installation)
                for worker in installation.workers:
                    worker.signal(signal.SIGTERM)
                    assert worker.ended(60)
            self.databases.close_for_all(own.database)
        except BaseException:
            self._remove(own)
            raise
        return own

    def _remove(self, stage: PreparedStage) -> None:
        self.databases.drop(stage.database)
        if stage.root is not None:
            shutil.rmtree(stage.root, ignore_errors=True)


def make_new(installation: Installation) -> None:
    for statement in HALTS.strip().split("\n\n"):
        installation.sql(statement)
    text = (installation.repository / "detectors/swings.py").read_text()
    for old, loose in LOOSE:
        assert old in text
        text = text.replace(old, loose)
    # The tests of breaks measure with the tighter swings; fewer tests and detectors are also quicker.
    unused: dict[str, str | None] = dict.fromkeys(("tests/test_bos.py", "tests/test_choch.py", "detectors/choch.py"))
    installation.person_commits({**unused, "detectors/swings.py": text})
    installation.workspace()


def make_beta(installation: Installation) -> None:
    installation.worker(contract_cuts=None)
    installation.run(installation.workspace_id())


def make_judged(installation: Installation) -> None:
    workspace_id, dataset = installation.workspace_id(), installation.dataset()
    for first in WINDOWS:
        installation.judged_session(workspace_id, dataset, first, BARS)


def build_judged(builder: Builder, template: str) -> PreparedStage:
    """The last stage, from nothing."""
    before = PreparedStage(template, None)
    for name, make in (("new", make_new), ("beta", make_beta), ("judged", make_judged)):
        before = builder.stage(name, before, make)
    return before
