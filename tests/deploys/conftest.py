"""An installation without a database: a data folder with its pattern repository, and the stand-in of Vercel's API."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services import releases
from services.deploys.protocol import DeployRequest
from services.deploys.waiting import Pace
from services.detectors import repository
from services.settings import get_settings
from tests.deploys.stand_in import PROJECT, TEAM, TOKEN, StandIn, serving

QUICK = Pace(
    poll_s=0.02, timeout_s=5.0, deadline_s=30.0, first_pause_s=0.02, longest_pause_s=0.1, patience_s=2.0,
    rate_limit_s=5.0, alias_s=5.0, cancel_s=2.0,
)  # fmt: skip


@dataclass
class Place:
    """The pattern repository, with commits made as a run makes them."""

    repository: Path

    def commit(self, files: dict[str, str] | None = None) -> str:
        """A commit on top of what is checked out, not yet on main."""
        for name, text in (files or {"note.txt": uuid.uuid4().hex}).items():
            (self.repository / name).write_text(text)
        repository.git(self.repository, "add", "--all")
        repository.git(self.repository, "commit", "-m", "A change")
        return repository.head(self.repository)

    def work_on(self, commit: str = "main") -> None:
        repository.git(self.repository, "checkout", "--quiet", "--detach", commit)

    def merge(self, commit: str) -> None:
        repository.git(self.repository, "update-ref", "refs/heads/main", commit)

    def request(self, commit: str | None = None, *, pattern: str = "swings", attempt: int = 1) -> DeployRequest:
        return DeployRequest(uuid.uuid4(), attempt, pattern, commit or self.commit(), "0.2.0")


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository.ensure_repository(tmp_path_factory.mktemp("starter") / "patterns")


@pytest.fixture
def place(starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Everything under a folder of the test's own, and nothing of the environment's."""
    for name in list(os.environ):
        if (
            name.startswith("VERCEL_")
            or name.upper().endswith("_PROXY")
            or name in ("PATTERN_REPOSITORY", "STORAGE_URL")
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    shutil.copytree(starter, tmp_path / "patterns")
    made = Place(tmp_path / "patterns")
    made.work_on()
    releases.switch("swings", repository.head(made.repository))
    yield made
    get_settings.cache_clear()


@pytest.fixture
def vercel(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    with serving() as stand_in:
        settings = {"TOKEN": TOKEN, "PROJECT": PROJECT, "TEAM_ID": TEAM, "GIT_REPO_ID": "123456", "API": stand_in.url}
        for name, value in settings.items():
            monkeypatch.setenv(f"VERCEL_{name}", value)
        get_settings.cache_clear()
        yield stand_in
