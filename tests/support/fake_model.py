"""A fake of the model behind the Messages API, for whole executions: it plans, writes, repairs and answers.

It keeps no place in a script. Each answer follows from the request alone: which phase the latest prompt asks for, and
how many tools were used since. So a conversation that a kill cut off, or that begins again, gets a sensible next step.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support import model_answers
from tests.support.messages_api import Asked, MessagesApi, Turn, answer, failure, running, text, trap, use

KEY = "sk-ant-made-up-key-for-tests"
BEGINNINGS = {
    "Plan the work on": "plan", "Carry out the plan": "implement", "The app did not take your change": "refine",
}  # fmt: skip
OWNED = re.compile(r"You may change these files only: detectors/(\w+)\.py")
Steps = list[Turn]


@dataclass
class Request:
    """What is asked: the phase, the pattern, the data of the prompt, and the tools used since the phase began."""

    phase: str
    pattern: str
    prompt: dict[str, Any]
    said: str
    used: int


@dataclass
class Seen:
    """What the stand-in noticed: phases asked for, and tool calls that were refused or failed."""

    phases: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


class Model(MessagesApi):
    """Answers as `behaviour` says; the default writes what `model_answers` holds. `delay_s` is thought before each answer."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.behaviour: Callable[[Request], Steps] = succeeds
        self.delay_s = 0.0
        self.seen = Seen()
        self._counting = threading.Lock()
        self._number = 0

    def next(self, asked: Asked) -> tuple[int, Turn]:
        with self._counting:
            self._number += 1
            number = self._number
            self.asked.append(asked)
        time.sleep(self.delay_s)
        request = understood(asked.body)
        if request is None:
            return number, failure(400, "invalid_request_error", "no phase was asked for")
        if request.used == 0:
            self.seen.phases.append(f"{request.pattern} {request.phase}")
        for result in asked.results():
            if result.get("is_error") and "does not exist" not in str(result.get("content")):
                self.seen.refused.append(str(result.get("content"))[:300])
        steps = self.behaviour(request)
        return number, steps[min(request.used, len(steps) - 1)]


def understood(body: dict[str, Any]) -> Request | None:
    """Reads a request of the Messages API; None when no phase's prompt is in it."""
    phase, said, used = "", "", 0
    prompt: dict[str, Any] = {}
    for message in body["messages"]:
        blocks = message["content"] if isinstance(message["content"], list) else [text(message["content"])]
        for block in blocks:
            if message["role"] == "assistant":
                used += block.get("type") == "tool_use"
            elif block.get("type") == "text":
                found = next((name for start, name in BEGINNINGS.items() if block["text"].startswith(start)), None)
                if found is not None:
                    phase, said, used = found, block["text"], 0
                    prompt = _data(said) or prompt
    owned = OWNED.search(json.dumps(body.get("system")))
    return Request(phase, owned.group(1), prompt, said, used) if phase and owned else None


def _data(said: str) -> dict[str, Any] | None:
    inside = re.search(r"<data>\n(.*?)\n</data>", said, re.DOTALL)
    try:
        found = json.loads(inside.group(1)) if inside else None
    except ValueError:
        return None
    return found if isinstance(found, dict) and "task" in found else None


def progress(fraction: float, task: str) -> dict[str, Any]:
    return use("mcp__desk__progress", fraction=fraction, task=task)


def planned(summary: str, *steps: str) -> Turn:
    return answer(summary=summary, steps=list(steps), open_questions=[])


def done(summary: str, commit: str, *changes: str, changed: bool = True) -> Turn:
    return answer(changed=changed, summary=summary, commit_message=commit, changes=list(changes), not_handled=[])


def writing(path: str, content: str) -> Steps:
    """Reads a file, which the tool asks for before one that is there is written, and writes it."""
    return [Turn([use("Read", file_path=path)]), Turn([use("Write", file_path=path, content=content)])]


def succeeds(request: Request) -> Steps:
    """Writes a detector that passes the gates, or repairs one so that more judged places are right."""
    if request.phase == "plan":
        return [
            Turn([text("I read the guide first."), use("Read", file_path="AGENTS.md")]),
            planned(f"{request.pattern} is to follow the description.", "Write it", "Test it"),
        ]
    files, summary = model_answers.files(request.pattern, request.prompt)
    steps = [Turn([progress(0.1, "Reading")])]
    for path, content in files.items():
        steps += writing(path, content)
    steps.append(Turn([progress(0.6, "Testing")]))
    steps.append(Turn([use("Bash", command=f"python -m pytest -q tests/test_{request.pattern}.py")]))
    return [*steps, done(summary, f"{request.pattern}: {summary[:50]}", summary)]


def refused_first(request: Request) -> Steps:
    """Changes the parameters for the worse first, and finds better ones when the replay refuses them."""
    if request.phase != "implement":
        return succeeds(request)
    return [
        *writing("params/swings.json", model_answers.WORSE),
        done("Stricter.", "Be stricter", "everything stricter"),
    ]


def _only(*steps: Turn, summary: str = "Did it.", changed: bool = True) -> Callable[[Request], Steps]:
    """Plans as usual; implements by these steps, and has nothing better when it is refused."""

    def behaviour(request: Request) -> Steps:
        if request.phase == "plan":
            return succeeds(request)
        if request.phase == "refine":
            return [done("I have nothing better.", "Nothing", changed=False)]
        return [*steps, done(summary, summary, summary, changed=changed)]

    return behaviour


def changes_nothing() -> Callable[[Request], Steps]:
    """Says that it changed something, and did not."""
    return _only()


def writes(path: str, content: str) -> Callable[[Request], Steps]:
    """Writes a file that it should not, or in a way that it should not."""
    return _only(*writing(path, content))


def tries_what_is_forbidden(*paths: str) -> Callable[[Request], Steps]:
    """Writes where it has no business, tries git, and everything else that the shell has."""
    commands = ("git commit -am x", "git push origin main", "rm detectors/swings.py", "python -m pytest -q; git add .")
    forbidden = [Turn([use("Write", file_path=path, content="x = 1\n")]) for path in paths]
    return _only(*forbidden, *(Turn([use("Bash", command=command)]) for command in commands))


def slow_in(phase: str, seconds: float, behaviour: Callable[[Request], Steps]) -> Callable[[Request], Steps]:
    """Thinks for so long before each answer of one phase."""

    def slow(request: Request) -> Steps:
        if request.phase == phase:
            time.sleep(seconds)
        return behaviour(request)

    return slow


@contextmanager
def thinking() -> Iterator[tuple[Model, dict[str, str], list[str]]]:
    """The stand-in, what a worker's environment needs to reach it and nobody else, and what tried to reach others."""
    with running(Model) as model, trap() as (proxy, tried):
        yield model, {
            "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": model.url, "CLAUDE_PROXY": proxy, "CLAUDE_IDLE_S": "30",
            "CLAUDE_DEADLINE_S": "120", "CLAUDE_MAX_RETRIES": "1",
        }, tried  # fmt: skip
