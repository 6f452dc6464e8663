"""Installations to be copied: each stage of the loop is built once by running it, then cloned for each test."""

from __future__ import annotations

import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg import sql

from services.database.queue import client
from tests.conftest import Databases
from tests.support.batches import assert_batches_agree
from tests.worker.house import HALTS, House, copy_tree, folk, lived_in
from tests.worker.processes import Zygote, eventually

# Windows of GOOG on which the tuner improves both splits and breaks nothing (first bars; the last one is held out).
WINDOWS = (750, 1000, 1500, 1250)
BARS = 100
# The starter's defaults changed so that each small wiggle counts as a swing: what the tuner is to mend.
LOOSE = (
    ('"left", "int", 5', '"left", "int", 3'),
    ('"prominence", "float", 1.0', '"prominence", "float", 0.0'),
)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


@dataclass(frozen=True)
class Stage:
    """An installation at rest: the name of its database and its data folder, with nobody inside."""

    database: str
    root: Path | None


@dataclass
class Builder:
    """Makes stages, and copies of them to live in."""

    databases: Databases
    zygote: Zygote
    folder: Path
    stages: list[Stage] = field(default_factory=list)

    def _copied(self, stage: Stage) -> Stage:
        mark = uuid.uuid4().hex[:12]
        place = self.folder / mark
        if stage.root is None:
            place.mkdir()
        else:
            copy_tree(stage.root, place)
        with self.databases.administration() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(f"pd_test_{mark}"), sql.Identifier(stage.database)))
        return Stage(f"pd_test_{mark}", place)

    @contextmanager
    def _inside(self, stage: Stage) -> Iterator[House]:
        assert stage.root is not None
        url = self.databases.address(stage.database)
        with lived_in(url, stage.root):
            house = House(url, stage.root, self.zygote, *folk())
            try:
                yield house
            finally:
                house.stop()
                client.cache_clear()
        left = [p.cmdline()[:8] for p in house.processes()] if not eventually(lambda: not house.processes(), 5) else []
        assert not left, f"processes were left: {left}"

    @contextmanager
    def copy(self, stage: Stage) -> Iterator[House]:
        """An installation of a test's own."""
        own = self._copied(stage)
        try:
            with self._inside(own) as house:
                yield house
                assert_batches_agree(house.url)  # whatever the journey was
        finally:
            self._remove(own)

    def stage(self, before: Stage, build: Callable[[House], None]) -> Stage:
        """A copy of the stage before in which `build` ran."""
        own = self._copied(before)
        self.stages.append(own)
        with self._inside(own) as house:
            build(house)
            for worker in house.workers:
                worker.signal(signal.SIGTERM)
                assert worker.ended()
        with self.databases.administration() as connection:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(ended, [own.database])
        return own

    def _remove(self, stage: Stage) -> None:
        self.databases.drop(stage.database)
        if stage.root is not None:
            shutil.rmtree(stage.root, ignore_errors=True)

    def close(self) -> None:
        for stage in self.stages:
            self._remove(stage)


@pytest.fixture(scope="session")
def builder(databases: Databases, zygote: Zygote) -> Iterator[Builder]:
    folder = Path(tempfile.mkdtemp(prefix="pd-house-"))
    made = Builder(databases, zygote, folder)
    yield made
    made.close()
    shutil.rmtree(folder)


def _make_new(house: House) -> None:
    for statement in HALTS.strip().split("\n\n"):
        house.sql(statement)
    text = (house.repository / "detectors/swings.py").read_text()
    for old, loose in LOOSE:
        assert old in text
        text = text.replace(old, loose)
    # The tests of breaks measure with the tighter swings; fewer tests and detectors are also quicker.
    unused: dict[str, str | None] = dict.fromkeys(("tests/test_bos.py", "tests/test_choch.py", "detectors/choch.py"))
    house.person_commits({**unused, "detectors/swings.py": text})
    house.workspace()


def _make_beta(house: House) -> None:
    house.worker()
    house.run(house.workspace_id())


def _make_judged(house: House) -> None:
    workspace_id, dataset = house.workspace_id(), house.dataset()
    for first in WINDOWS:
        house.judged_session(workspace_id, dataset, first, BARS)


def build_judged(builder: Builder, template: str) -> Stage:
    """The last stage, from nothing."""
    before = Stage(template, None)
    for make in (_make_new, _make_beta, _make_judged):
        before = builder.stage(before, make)
    return before


@pytest.fixture(scope="session")
def new(builder: Builder, template_database: str) -> Stage:
    """The pattern repository is made; the workspace `swings` is described. The defaults are loose."""
    return builder.stage(Stage(template_database, None), _make_new)


@pytest.fixture(scope="session")
def beta(builder: Builder, new: Stage) -> Stage:
    """The first execution ran: 0.1.0 is live."""
    return builder.stage(new, _make_beta)


@pytest.fixture(scope="session")
def judged(builder: Builder, beta: Stage) -> Stage:
    """Three tune sessions and a hold-out one on 0.1.0, judged by the demo's rule and completed."""
    return builder.stage(beta, _make_judged)


@pytest.fixture
def new_house(builder: Builder, new: Stage) -> Iterator[House]:
    with builder.copy(new) as house:
        yield house


@pytest.fixture
def beta_house(builder: Builder, beta: Stage) -> Iterator[House]:
    with builder.copy(beta) as house:
        yield house


@pytest.fixture
def house(builder: Builder, judged: Stage) -> Iterator[House]:
    """Judged and ready for the second execution."""
    with builder.copy(judged) as made:
        yield made
