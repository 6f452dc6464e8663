"""A real server process on a free port, with a small router of its own, so that these tests need no screens."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import people, workspaces
from services.database.engine import get_engine, transaction
from services.lifecycle import Role
from services.settings import get_settings
from services.web import tokens
from tests.support.databases import Databases
from tests.support.web_server import LiveWorkspace, Running, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """In local mode and without a database."""
    with running(tmp_path_factory.mktemp("local") / "app") as started:
        yield started


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of the test's own, for this process."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path
    get_settings.cache_clear()
    tokens._stored_key.cache_clear()


@pytest.fixture
def minting(server: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tokens minted in this process are the server's: the same data folder, so the same key."""
    monkeypatch.setenv("DATA_DIR", str(server.data_dir))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def database(
    databases: Databases, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A database at head for this folder's tests, and a data folder."""
    name = databases.clone()
    yield databases.address(name), tmp_path_factory.mktemp("live")
    databases.drop(name)


@pytest.fixture
def live_workspace(database: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveWorkspace]:
    """A workspace of its own for each test, with its first message."""
    url, folder = database
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATA_DIR", str(folder))
    get_settings.cache_clear()
    get_engine.cache_clear()
    with transaction() as session:
        actor = people.ensure_person(session, email="mia@example.com", name="Mia", role=Role.MEMBER)
        kind = f"swings_{uuid.uuid4().hex[:12]}"
        workspace_id = workspaces.create(session, pattern_type=kind, name="Swings", category="structure", actor=actor)
    yield LiveWorkspace(url, folder, actor, workspace_id)
    get_engine().dispose()
    tokens._stored_key.cache_clear()
    get_settings.cache_clear()
    get_engine.cache_clear()
