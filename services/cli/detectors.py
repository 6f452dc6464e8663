"""`patterndesk check-detector`: the contract gate on any commit of a pattern repository, without a database."""

from __future__ import annotations

import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from services.detectors.bundle import module_path, patterns, read_params
from services.detectors.contract import Progress, check_contract
from services.detectors.gate import kept
from services.detectors.repository import checkout_release, ensure_repository, git, head
from services.detectors.types import check_pattern_type
from services.errors import InvalidInput, RepositoryError
from services.settings import Settings


def check(
    settings: Settings, pattern: str, *, repository: str | None, commit: str | None, progress: Progress | None
) -> dict[str, Any]:
    """{passed, failures: [{check, detail, bar}], seconds} and what the run covered.

    `repository` is a path or URL, the installation's own by default; `commit` any name of one, its newest by default.
    InvalidInput when there is no such repository, commit or detector.
    """
    check_pattern_type(pattern)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="patterndesk-check-") as folder:
        try:
            repo = _open(repository or settings.repository_path, Path(folder))
            sha = _commit(repo, commit)
        except RepositoryError as error:
            raise InvalidInput(str(error)) from error
        root = checkout_release(repo, sha, Path(folder) / "files")
        if not (root / module_path(pattern)).is_file():
            known = ", ".join(patterns(root)) or "none"
            raise InvalidInput(f"The commit {sha[:12]} has no detector '{pattern}'; it has {known}.")
        report = check_contract(
            root, pattern, read_params(root, pattern) or {}, salt=kept.salt(settings.data_dir),
            cache=settings.data_dir / "contracts", progress=progress,
        )  # fmt: skip
    return {
        "passed": report.passed, "failures": report.failures, "seconds": round(time.monotonic() - started, 2),
        "pattern": pattern, "commit": sha, "cuts": report.cuts, "gate": report.gate, "profile": report.profile,
        "exemptions": list(report.exemptions), "notes": list(report.notes), "cached": report.cached,
    }  # fmt: skip


def _open(place: str, folder: Path) -> Path:
    """The repository at a path as it is, or a copy of the one at a URL."""
    path = Path(place).expanduser()
    if path.exists():
        head(path)
        return path
    if "://" not in place and ":" not in place:
        raise InvalidInput(f"There is no pattern repository at {place}.")
    return ensure_repository(folder / f"clone-{uuid.uuid4().hex}", place)


def _commit(repo: Path, commit: str | None) -> str:
    if commit is None:
        return head(repo)
    try:
        return head(repo, commit)
    except RepositoryError as error:
        names = git(repo, "branch", "--format=%(refname:short)").split()
        raise InvalidInput(f"The repository has no commit '{commit[:80]}'; it has {', '.join(names[:5])}.") from error
