"""Commands, called as a person calls them, on a database and a data folder of the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.cli.main import run
from services.database.engine import engine_for, get_engine
from services.settings import get_settings


@dataclass(frozen=True)
class Answer:
    """What a command printed and the exit code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Answer]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def installation(clone_url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An installation on a migrated database, with its own data folder; the address of the database."""
    for name in ("STORAGE_URL", "PATTERN_REPOSITORY", "ANTHROPIC_API_KEY", "VERCEL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", clone_url)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    get_settings.cache_clear()
    get_engine.cache_clear()
    yield clone_url
    engine_for(clone_url.replace("postgresql://", "postgresql+psycopg://", 1)).dispose()
    get_engine().dispose()
    get_engine.cache_clear()
    get_settings.cache_clear()


@pytest.fixture
def command(installation: str, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `patterndesk ...` and returns its answer."""

    def call(*arguments: object) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return call
