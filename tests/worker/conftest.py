"""The fork server of workers, the stages of the loop, and for each test a copy of one of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import Databases
from tests.support.fork_server import ForkServer
from tests.support.installation import Installation
from tests.support.stages import Builder, PreparedStage, make_beta, make_judged, make_new


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    made = ForkServer()
    yield made
    made.close()


@pytest.fixture(scope="session")
def builder(databases: Databases, fork_server: ForkServer) -> Iterator[Builder]:
    folder = Path(tempfile.mkdtemp(prefix="pd-installation-"))
    yield Builder(databases, fork_server, folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new(builder: Builder, template_database: str) -> PreparedStage:
    """The pattern repository is made; the workspace `swings` is described. The defaults are loose."""
    return builder.stage("new", PreparedStage(template_database, None), make_new)


@pytest.fixture(scope="session")
def beta(builder: Builder, new: PreparedStage) -> PreparedStage:
    """The first execution ran: 0.1.0 is live."""
    return builder.stage("beta", new, make_beta)


@pytest.fixture(scope="session")
def judged(builder: Builder, beta: PreparedStage) -> PreparedStage:
    """Three tune sessions and a hold-out one on 0.1.0, judged by the demo's rule and completed."""
    return builder.stage("judged", beta, make_judged)


@pytest.fixture
def new_installation(builder: Builder, new: PreparedStage) -> Iterator[Installation]:
    with builder.copy(new) as installation:
        yield installation


@pytest.fixture
def beta_installation(builder: Builder, beta: PreparedStage) -> Iterator[Installation]:
    with builder.copy(beta) as installation:
        yield installation


@pytest.fixture
def installation(builder: Builder, judged: PreparedStage) -> Iterator[Installation]:
    """Judged and ready for the second execution."""
    with builder.copy(judged) as made:
        yield made
