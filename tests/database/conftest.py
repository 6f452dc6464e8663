"""Folders for embedded servers of a test's own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.database import embedded
from tests.support.embedded_servers import (
    QUICK,
    eventually,
    servers_below,
)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every account can walk through (pytest's own is closed to others), with a space in its name."""
    folder = Path(tempfile.mkdtemp(prefix="pattern desk "))
    folder.chmod(0o755)
    yield folder
    assert eventually(lambda: not servers_below(folder)), "a server was left running"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pattern desk "))
    folder.chmod(0o755)
    embedded.start(folder / "data", settings=QUICK).stop()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(used: Path) -> Iterator[Path]:
    """A data folder that was used before. Tests share it, since making one costs most of a second, and leave it sound."""
    yield used / "data"
    assert eventually(lambda: not servers_below(used)), "a server was left running"


@pytest.fixture
def killed() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes put in here are ended after the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()
