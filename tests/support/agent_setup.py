"""What a phase of the Claude agent runs with in a test, and all that it reported."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from services.agents.claude.agent import ClaudeAgent
from services.agents.protocol import Used, Work
from services.detectors import repository
from services.places import LabelSet
from services.settings import Settings
from tests.support.messages_api import MessagesApi

KEY = "sk-ant-made-up-key-for-tests"
PATTERN = "swings"
PLAN = {"summary": "Ties count as swings.", "steps": ["Use <=", "Test it"], "open_questions": ["Both of a tie?"]}
ONE_CALL = (1000 * 2.0 + 200 * 0.1 + 50 * 10.0) / 1e6  # the stand-in's usage at the pinned model's list price


@dataclass
class AgentSetup:
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
