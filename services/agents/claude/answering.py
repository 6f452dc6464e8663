"""Claude answers a question about a pattern: shut in, with nothing but reading, and with no disk to write to.

Its folder is mounted read-only and its home lies in memory, so that whatever it is told to do, nothing stays behind but
the text of the answer, which the app takes from its output.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Final

from services.agents.claude import confinement, faults, process, prompts
from services.agents.claude.job import Job
from services.agents.claude.listening import Listener
from services.agents.claude.spend import FILE, Ledger
from services.agents.protocol import Asked
from services.settings import Settings

MOST_TURNS: Final = 20
DEADLINE_S: Final = 600.0
KEY: Final = "answer"


class ClaudeAnswers:
    """Answers one question in one conversation, which is not kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.model = settings.claude_model

    def answer(self, asked: Asked) -> str:
        """The answer as text. Raises AgentFault or Cancelled."""
        return _Answering(self._settings, asked).run()


class _Answering:
    """One try: the job, the process, the text as it streams in, and the judgement of the end."""

    def __init__(self, settings: Settings, asked: Asked) -> None:
        self._settings, self._asked = settings, asked
        self._ledger = Ledger(asked.folder / FILE)
        self._listener = Listener(settings, self._ledger, KEY, asked.files, used=asked.used, log=asked.log)
        self._day_decides = False
        self._message, self._text, self._doing = "", "", "Thinking"

    def run(self) -> str:
        settings, home = self._settings, self._asked.folder / "home"
        left = self._left()
        confinement.prepare_home(home, keeps_home=False)
        command = confinement.command_for(self._asked.files, home, may_write=False, keeps_home=False)
        deadline_s = min(DEADLINE_S, settings.claude_deadline_s)
        ended = process.run(
            [*command, *confinement.python_command()],
            confinement.environment(settings, confinement.PASSING_HOME),
            self._job(left, deadline_s).model_dump_json().encode(),
            cancelled=self._asked.cancelled,
            on_event=self._take_event,
            watch=process.Watch(settings.claude_idle_s, deadline_s),
        )
        result = self._listener.result
        if result is None:
            raise faults.of_end(ended, self._listener.error, idle_s=settings.claude_idle_s, deadline_s=deadline_s)
        fault = faults.of_result(result, settings.claude_model, budget_usd=left, max_turns=MOST_TURNS, as_text=True)
        if fault is not None:
            raise self._of_money(fault)
        return self._listener.safe(str(result["text"])).strip()

    def _left(self) -> float:
        """Dollars that this try may cost. Raises AgentFault when there are none."""
        own = self._settings.claude_answer_usd - max(self._ledger.spent().cost_usd, self._asked.spent_usd)
        if own <= 0:
            raise faults.out_of_answer(self._settings.claude_answer_usd)
        today = self._asked.left_today_usd
        self._day_decides = today is not None and today < own
        if today is not None and self._day_decides:
            if today <= 0:
                raise faults.over_day_cap()
            return today
        return own

    def _of_money(self, fault: faults.AgentFault) -> faults.AgentFault:
        if fault.failure != "agent.budget":
            return fault
        return faults.over_day_cap() if self._day_decides else faults.out_of_answer(self._settings.claude_answer_usd)

    def _job(self, left: float, deadline_s: float) -> Job:
        asked = self._asked
        return Job(
            phase="answer",
            worktree=str(asked.files),
            prompt=prompts.answering(asked.text, asked.asked_by, asked.name, prompts.files_of(asked.files)),
            session_id=str(uuid.uuid4()),
            resume=False,
            model=self._settings.claude_model,
            max_turns=MOST_TURNS,
            budget_usd=left,
            deadline_s=deadline_s,
            owned=(),
            commands=(),
            answer_schema=None,
        )

    def _take_event(self, event: process.Event) -> None:
        kind = event["type"]
        if kind == "delta":
            if event.get("message") != self._message:  # what it said before a tool is no part of the answer
                self._message, self._text = str(event.get("message")), ""
            self._text += str(event.get("text", ""))
            self._doing = "Writing"
        elif kind == "tool":
            self._doing = _doing(str(event.get("name")), str(event.get("input")), self._asked.files)
        self._listener.take(event)
        if kind in ("delta", "tool"):
            self._asked.told(self._listener.safe(self._text), self._doing)


def _doing(tool: str, given: str, root: Path) -> str:
    """A tool's call as people read it: the file that is read, as a path below the folder."""
    try:
        path = json.loads(given).get("file_path")
    except (ValueError, AttributeError):
        path = None
    if tool != "Read" or not isinstance(path, str):
        return "Thinking"
    name = path.removeprefix(f"{root}/")
    return f"Reading {name[:80]}"
