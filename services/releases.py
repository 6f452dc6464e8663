"""Where code lives on this machine: the pattern repository, its releases by commit, and each pattern's pointer."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.detectors.git import NETWORK_TIMEOUT_S
from services.detectors.repository import checkout_release, ensure_repository, fetch
from services.errors import RepositoryError
from services.logs import get_logger
from services.settings import get_settings

log = get_logger(__name__)


def repository(*, cancelled: Callable[[], bool] | None = None) -> Path:
    """The pattern repository on this machine: the configured path, a clone of the configured URL, or the starter."""
    settings = get_settings()
    configured = settings.repository_path
    if "://" in configured or configured.startswith("git@"):
        return ensure_repository(settings.data_dir / "patterns", configured, cancelled=cancelled)
    return ensure_repository(Path(configured))


def kept_ref(execution_id: uuid.UUID) -> str:
    """Where an execution's work in progress is kept, so that another machine can go on, or show it."""
    return f"refs/patterndesk/executions/{execution_id}"


def fetch_kept(
    execution_id: uuid.UUID,
    *,
    update_ref: bool = False,
    timeout: float = NETWORK_TIMEOUT_S,
    cancelled: Callable[[], bool] | None = None,
) -> bool:
    """Fetches the commits that another machine kept of an execution; whether there was a remote that had them.

    With `update_ref` this machine's own ref follows, unless it holds commits that the remote's lacks.
    """
    ref = kept_ref(execution_id)
    try:
        return fetch(repository(), f"{ref}:{ref}" if update_ref else ref, timeout=timeout, cancelled=cancelled)
    except RepositoryError as error:  # the remote is away, or the worker has not kept anything yet
        log.info("nothing_kept_elsewhere", execution=str(execution_id), error=str(error)[:200])
        return False


def releases_dir() -> Path:
    return get_settings().data_dir / "releases"


def release(commit_hash: str) -> Path:
    """The files of a deployed commit, read only for detectors; made again from the repository when they are gone."""
    if not commit_hash:
        raise RepositoryError("This version has no commit, so it can't be run.")
    releases_dir().mkdir(parents=True, exist_ok=True)
    target = checkout_release(repository(), commit_hash, releases_dir() / commit_hash)
    with suppress(OSError):
        os.utime(target)  # its age is the time since its last use
    return target


def pointer(pattern_type: str) -> Path:
    """The link that says which release a pattern runs."""
    return get_settings().data_dir / "current" / pattern_type


def switch(pattern_type: str, commit_hash: str) -> Path:
    """Points a pattern at a release, atomically: readers see the old one or the new one. Other patterns stay."""
    target = release(commit_hash)
    link = pointer(pattern_type)
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.parent / f".{pattern_type}.{uuid.uuid4().hex}"
    fresh.symlink_to(os.path.relpath(target, link.parent))  # so that the data folder can be moved
    os.replace(fresh, link)
    return target


def put_back(pattern_type: str, commit_hash: str | None) -> None:
    """Points a pattern at what it ran before; None when it ran nothing."""
    if commit_hash is None:
        pointer(pattern_type).unlink(missing_ok=True)
    else:
        switch(pattern_type, commit_hash)


def current_commit(pattern_type: str) -> str | None:
    """The commit a pattern points at, None before its first deploy."""
    link = pointer(pattern_type)
    return link.resolve().name if link.is_symlink() else None
