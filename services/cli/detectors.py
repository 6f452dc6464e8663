"""`patterndesk check-detector`: the contract gate on any commit of a pattern repository, without a database."""

from __future__ import annotations

import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from services.detectors.bundle import module_path, patterns, read_params
from services.detectors.contract import Progress, check_contract
from services.detectors.gate import kept
from services.detectors.repository import checkout_release, ensure_repository, git, head
from services.detectors.types import check_pattern_type
from services.errors import InvalidInput, RepositoryError
from services.settings import Settings


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that was broken: its name, a sentence, and the bar in the series that the sentence names."""

    check: str
    detail: str
    bar: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check-detector` prints: whether the detector passed, and what the run covered."""

    passed: bool
    failures: tuple[Failure, ...]
    seconds: float
    pattern: str
    commit: str
    cuts: int
    gate: int
    profile: str
    exemptions: tuple[str, ...]
    notes: tuple[str, ...]
    cached: bool

    def text(self) -> str:
        """The same in lines for a person."""
        first = f"{self.pattern} passed: {self.cuts:,} runs in {self.seconds:.0f} s."
        lines = [first if self.passed else f"{self.pattern} is refused."]
        lines += [f"{f.check.replace('_', ' ').capitalize()}: {f.detail}" for f in self.failures]
        return "\n".join([*lines, *self.exemptions, *self.notes])


def check(
    settings: Settings, pattern: str, *, repository: str | None, commit: str | None, progress: Progress | None
) -> Checked:
    """Run the gate on a commit.

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
    return Checked(
        report.passed, tuple(Failure(f.name, f.detail, f.bar) for f in report.failures),
        round(time.monotonic() - started, 2), pattern, sha, report.cuts, report.gate, report.profile,
        report.exemptions, report.notes, report.cached,
    )  # fmt: skip


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
