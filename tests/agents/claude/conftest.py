"""A desk for the agent: a real worktree of the starter repository, the stand-in API, a trap for other connections.

The real SDK and its command line run here, with a made-up key, against loopback alone. Nothing of this machine's own
environment reaches them.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from services.agents.claude import confinement
from services.agents.claude.agent import ClaudeAgent
from services.agents.protocol import Used, Work
from services.detectors import repository
from services.places import LabelSet
from services.settings import Settings
from tests.agents.claude.messages_api import MessagesApi, running, trap

KEY = "sk-ant-made-up-key-for-tests"
PATTERN = "swings"
NEEDED = "the extra `claude`, bubblewrap, socat and user namespaces"


@pytest.fixture(scope="session")
def confined() -> None:
    """Skips loudly where the agent can't be shut in; in CI it has to be."""
    reason = confinement.missing()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {NEEDED}: {reason}")
    pytest.skip(f"NOT TESTED, needs {NEEDED}: {reason}")


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter repository."""
    path = tmp_path_factory.mktemp("claude") / "patterns"
    repository.ensure_repository(path)
    return path


@dataclass
class Desk:
    """What a phase runs with, and all that it reported."""

    api: MessagesApi
    agent: ClaudeAgent
    settings: Settings
    folder: Path
    origin: Path
    execution_id: uuid.UUID
    trapped: list[str]
    prompt: bytes = b'{"task": "repair", "sessions": []}'
    log: list[str] = field(default_factory=list)
    reports: list[tuple[float, str]] = field(default_factory=list)
    checkpoints: list[tuple[str, str, str | None]] = field(default_factory=list)
    used: list[Used] = field(default_factory=list)
    spent_usd: float = 0.0
    cancelled: Callable[[], bool] = lambda: False

    @property
    def worktree(self) -> Path:
        return self.folder / "tree"

    @property
    def said(self) -> str:
        return "\n".join(self.log)

    def work(self, *, is_first: bool = False) -> Work:
        def checkpoint(key: str, text: str, details: str | None = None, ok: bool = True) -> None:
            self.checkpoints.append((key, text, details))

        return Work(
            execution_id=self.execution_id, pattern_type=PATTERN, name="Swings", is_first=is_first,
            worktree=self.worktree, prompt=self.prompt, labels=LabelSet((), ()), policy="net", sent_ids=frozenset(),
            current_params=None, refused_params=(), candles=_no_candles,
            report=lambda fraction, task: self.reports.append((fraction, task)), checkpoint=checkpoint,
            cancelled=lambda: self.cancelled(), log=self.log.append, used=self.used.append, spent_usd=self.spent_usd,
        )  # fmt: skip

    def with_settings(self, **changed: Any) -> None:
        self.settings = self.settings.model_copy(update=changed)
        self.agent = ClaudeAgent(self.settings)

    def changed(self) -> list[str]:
        told = repository.git(self.worktree, "ls-files", "--modified", "--others", "--deleted", "--exclude-standard")
        return sorted(set(told.splitlines()))

    def alive(self) -> list[psutil.Process]:
        """Processes that have to do with this execution, by their command line or folder."""
        mark, found = str(self.folder), []
        for process in psutil.process_iter():
            try:
                if (
                    process.status() != psutil.STATUS_ZOMBIE
                    and process.pid != os.getpid()
                    and (any(mark in part for part in process.cmdline()) or process.cwd().startswith(mark))
                ):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def _no_candles(_dataset: str) -> Any:
    raise AssertionError("Claude asks for no candles")


@pytest.fixture
def api() -> Iterator[MessagesApi]:
    with running() as server:
        yield server


@pytest.fixture
def desk(confined: None, api: MessagesApi, origin: Path, tmp_path: Path) -> Iterator[Desk]:
    execution_id = uuid.uuid4()
    folder = tmp_path / str(execution_id)
    repository.create_worktree(origin, repository.head(origin, "refs/heads/main"), folder / "tree")
    with trap() as (proxy, tried):
        settings = Settings.model_construct(
            **{name: info.get_default() for name, info in Settings.model_fields.items()},
        ).model_copy(
            update={
                "anthropic_api_key": SecretStr(KEY), "anthropic_base_url": api.url, "claude_proxy": proxy,
                "claude_max_retries": 1, "claude_idle_s": 20.0, "claude_deadline_s": 60.0,
            }
        )  # fmt: skip
        desk = Desk(api, ClaudeAgent(settings), settings, folder, origin, execution_id, tried)
        yield desk
        left = desk.alive()
        repository.remove_worktree(origin, folder / "tree")
        assert tried == [], "the agent tried to reach somebody else"
        assert left == [], "the agent left processes behind"
        assert {asked.key for asked in api.asked} <= {KEY}


def as_prompt(reason: str, **more: Any) -> bytes:
    """A prompt file with one correction whose reason is a person's text."""
    item = {"feedback_id": "f1", "verdict": "false_positive", "reason": reason}
    content: Mapping[str, Any] = {"task": "repair", "sessions": [{"name": "s", "items": [item]}], **more}
    return json.dumps(content).encode()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
