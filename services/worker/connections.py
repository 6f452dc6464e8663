"""Testing what this installation is connected to: one small, harmless request each, and a sentence of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import text

from services import releases, storage
from services.agents import registry as agents
from services.database.engine import transaction
from services.deploys import registry as targets
from services.detectors import repository
from services.errors import InvalidInput
from services.settings import get_settings

REMOTE_S: Final = 30.0


def test(name: str) -> str:
    """A sentence that says what answered. Raises a PatternDeskError whose sentence says why it does not work."""
    kind, _, which = name.partition(":")
    if kind == "agent":
        return agents.test(which)
    if kind == "target":
        return targets.test(which)
    known: dict[str, Callable[[], str]] = {"database": _database, "storage": _storage, "repository": _repository}
    if name not in known:
        raise InvalidInput(f"There is no connection called {name[:60]}.")
    return known[name]()


def _database() -> str:
    began = time.monotonic()
    with transaction() as session:
        version = str(session.scalar(text("SHOW server_version")))
    return f"PostgreSQL {version.split(maxsplit=1)[0]} answered in {(time.monotonic() - began) * 1000:.0f} ms."


def _storage() -> str:
    root = get_settings().storage_root
    key = storage.put(root, b"patterndesk connection test", suffix=".probe")
    storage.get(root, key)
    return "A file was stored and read back."


def _repository() -> str:
    path = releases.repository()
    repository.check_repository(path, clean=False)
    if not repository.has_origin(path):
        return "The pattern repository has its main branch; it has no remote to push to."
    repository.git(path, "ls-remote", "--exit-code", "origin", "refs/heads/main", timeout=REMOTE_S)
    return "The pattern repository has its main branch, and its remote answered."
