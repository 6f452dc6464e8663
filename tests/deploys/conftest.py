"""An installation without a database: a data folder with its pattern repository, and the stand-in of Vercel's API."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import releases
from services.detectors import repository
from services.settings import get_settings
from tests.support.deploy_folder import DeployFolder
from tests.support.fake_vercel import PROJECT, TEAM, TOKEN, FakeVercel, serving


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository.ensure_repository(tmp_path_factory.mktemp("starter") / "patterns")


@pytest.fixture
def place(starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployFolder]:
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
    made = DeployFolder(tmp_path / "patterns")
    made.work_on()
    releases.switch("swings", repository.head(made.repository))
    yield made
    get_settings.cache_clear()


@pytest.fixture
def vercel(place: DeployFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVercel]:
    with serving() as stand_in:
        settings = {"TOKEN": TOKEN, "PROJECT": PROJECT, "TEAM_ID": TEAM, "GIT_REPO_ID": "123456", "API": stand_in.url}
        for name, value in settings.items():
            monkeypatch.setenv(f"VERCEL_{name}", value)
        get_settings.cache_clear()
        yield stand_in
