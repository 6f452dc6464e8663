"""A data folder with its pattern repository, for tests of deploys: no database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from services.deploys.protocol import DeployRequest
from services.deploys.waiting import Pace
from services.detectors import repository

QUICK = Pace(
    poll_s=0.02, timeout_s=5.0, deadline_s=30.0, first_pause_s=0.02, longest_pause_s=0.1, patience_s=2.0,
    rate_limit_s=5.0, alias_s=5.0, cancel_s=2.0,
)  # fmt: skip


@dataclass
class DeployFolder:
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
