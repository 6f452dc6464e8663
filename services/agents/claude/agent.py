"""Claude as an agent: plans, implements and refines in one conversation, each phase in a process of its own."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.agents.claude import confinement, faults, process, prompts
from services.agents.claude.job import Job, JobPicture, Phase, commands_for
from services.agents.claude.listening import Listener, used_of
from services.agents.claude.results import ChangeAnswer, PlanAnswer, schema_of
from services.agents.claude.spend import FILE, Ledger
from services.agents.protocol import AgentChange, GateRefusal, Plan, Used, Work
from services.detectors import repository
from services.detectors.bundle import owned_paths
from services.detectors.types import DetectorSpec
from services.settings import Settings

Answer = TypeVar("Answer", bound=BaseModel)
CONVERSATIONS = uuid.UUID("6a1d6c0e-54b4-4a2c-9c39-0e1f6c4b8f21")  # names an execution's conversation
LAST_REPORT = 0.95  # the agent's word alone never says that a phase is done


class ClaudeAgent:
    """Writes and repairs detectors with Claude. `origin` of its versions is agent."""

    name = "claude"
    origin = "agent"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan:
        """Reads the corrections and the code, and says what it means to do. Changes nothing."""
        prompt = prompts.planning(work.prompt, work.name, prompts.files_of(work.worktree), is_first=work.is_first)
        pictures = prompts.pictures_of(work.prompt)
        answer = _Turn(self._settings, work, "plan", "plan", prompt, pictures).run(PlanAnswer)
        for number, question in enumerate(answer.open_questions, 1):
            work.checkpoint(f"question-{number}", "Left open", question)
        return Plan(answer.summary, tuple(answer.steps))

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        """Changes the pattern's own files by the plan."""

        def prompt(resumed: bool) -> str:
            return prompts.implementing(work.prompt, work.name, plan, resumed=resumed)

        return self._change(work, "implement", "implement", prompt)

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
        """Mends what a gate refused, with the gate's words in hand."""

        def prompt(resumed: bool) -> str:
            return prompts.refining(work.prompt, work.name, refusal, round_number, resumed=resumed)

        return self._change(work, "refine", f"refine-{refusal.gate}-{round_number}", prompt)

    def _change(self, work: Work, phase: Phase, key: str, prompt: Callable[[bool], str]) -> AgentChange:
        begun = _has_begun(work)
        pictures = () if begun else prompts.pictures_of(work.prompt)  # the conversation holds them already
        answer = _Turn(self._settings, work, phase, key, prompt(begun), pictures).run(ChangeAnswer)
        _tidy(work, key)
        for number, text in enumerate(answer.not_handled, 1):
            work.checkpoint(f"{key}:not-{number}", "A correction was not followed", text, ok=False)
        changed = bool(repository.git(work.worktree, "status", "--porcelain"))  # what the disk says counts
        if changed != answer.changed:
            work.log(f"claude said changed={answer.changed}, the worktree says {changed}")
        return AgentChange(
            changed, answer.summary, _headline(answer.commit_message), tuple(answer.changes) if changed else ()
        )


def _tidy(work: Work, key: str) -> None:
    """Puts back what its test runs left outside the pattern's own files; the agent itself has no way to."""
    tree, owned = work.worktree, owned_paths(work.pattern_type)
    altered = [name for name in _names(tree, "diff", "--name-only", "--no-renames", "-z", "HEAD") if name not in owned]
    added = [n for n in _names(tree, "ls-files", "--others", "--exclude-standard", "-z") if n not in owned]
    if altered:
        repository.git(tree, "checkout", "HEAD", "--", *altered)
    for name in added:
        (tree / name).unlink(missing_ok=True)
    strays = altered + added
    if strays:
        some = ", ".join(sorted(strays)[:5])
        work.checkpoint(f"{key}:tidied", "Put back what a test run left outside the pattern's files", some, ok=False)
    with contextlib.suppress(OSError):
        (tree / ".claude").rmdir()  # the command sandbox makes it to keep it closed


def _names(tree: Path, *command: str) -> list[str]:
    return [name for name in repository.git(tree, *command).split("\0") if name]


def _headline(message: str) -> str:
    """A commit's first line: one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in message).split())[:100]


def _home(work: Work) -> Path:
    return work.worktree.parent / "claude"


def _session(work: Work) -> str:
    """The conversation's id: known before it begins, so a crash at any moment leaves nothing without a name."""
    return str(uuid.uuid5(CONVERSATIONS, str(work.execution_id)))


def _has_begun(work: Work) -> bool:
    """Whether this machine holds the execution's conversation."""
    return any((_home(work) / "config" / "projects").glob(f"*/{_session(work)}.jsonl"))


class _Turn:
    """One phase: builds the job, runs the process, reports what happens, and judges the end."""

    def __init__(
        self, settings: Settings, work: Work, phase: Phase, key: str, prompt: str, pictures: tuple[JobPicture, ...]
    ) -> None:
        self._settings, self._work, self._phase, self._key, self._prompt = settings, work, phase, key, prompt
        self._pictures = pictures
        self._told, self._day_decides = 0.0, False
        self._ledger = Ledger(work.worktree.parent / FILE)
        self._listener = Listener(settings, self._ledger, key, work.worktree, used=work.used, log=work.log)

    def run(self, form: type[Answer]) -> Answer:
        """Raises AgentFault or Cancelled."""
        home, settings = _home(self._work), self._settings
        confinement.prepare_home(home)
        spent_before = max(self._ledger.spent().cost_usd, self._work.spent_usd)  # the other machines' too
        left = settings.claude_budget_usd - spent_before
        if left <= 0:
            raise faults.out_of_budget(settings.claude_budget_usd)
        today = self._work.left_today_usd
        self._day_decides = today is not None and today < left
        if today is not None and self._day_decides:
            if today <= 0:
                raise faults.over_day_cap()
            left = today
        job = self._job(form, left)
        command = confinement.command_for(self._work.worktree, home, may_write=job.may_write)
        ended = process.run(
            [*command, *confinement.python_command()],
            confinement.environment(settings, home),
            job.model_dump_json().encode(),
            cancelled=self._work.cancelled,
            on_event=self._take_event,
            watch=process.Watch(settings.claude_idle_s, settings.claude_deadline_s),
        )
        answer = self._judge(ended, form)
        spent = self._ledger.spent(self._key)
        self._work.checkpoint(
            f"{self._key}:spent",
            f"Claude answered for ${spent.cost_usd:.2f}",
            f"{spent.input_tokens} tokens in, {spent.output_tokens} out, {settings.claude_model}",
        )
        return answer

    def _job(self, form: type[BaseModel], left: float) -> Job:
        work, settings = self._work, self._settings
        return Job(
            phase=self._phase,
            worktree=str(work.worktree),
            prompt=self._prompt,
            pictures=self._pictures,
            session_id=_session(work),
            resume=_has_begun(work),
            model=settings.claude_model,
            max_turns=settings.claude_max_turns,
            budget_usd=left,
            deadline_s=settings.claude_deadline_s,
            owned=owned_paths(work.pattern_type),
            commands=commands_for(work.pattern_type),
            answer_schema=schema_of(form),
        )

    def _judge(self, ended: process.Ended, form: type[Answer]) -> Answer:
        settings = self._settings
        result = self._listener.result
        if result is None:
            raise faults.of_end(
                ended, self._listener.error, idle_s=settings.claude_idle_s, deadline_s=settings.claude_deadline_s
            )
        fault = faults.of_result(
            result,
            settings.claude_model,
            budget_usd=settings.claude_budget_usd,
            max_turns=settings.claude_max_turns,
        )
        if fault is not None:
            raise faults.over_day_cap() if fault.failure == "agent.budget" and self._day_decides else fault
        try:
            return form.model_validate(result["structured_output"])
        except ValidationError as error:
            self._listener.log(f"answer not in the agreed form: {error}")
            raise faults.no_answer() from error

    def _take_event(self, event: process.Event) -> None:
        if event["type"] == "progress":
            self._report(event)
        else:
            self._listener.take(event)

    def _report(self, event: process.Event) -> None:
        """Progress is the agent's word: it never goes back, and never reaches the end."""
        value = event.get("fraction")
        if isinstance(value, (int, float)) and 0 <= value <= 1:
            self._told = max(self._told, min(float(value), LAST_REPORT))
        task = " ".join("".join(c if c.isprintable() else " " for c in str(event.get("task", ""))).split())
        self._work.report(self._told, task[:120] or "Working")


def spent_in(folder: Path) -> list[Used]:
    """What the execution whose worktree lies in `folder` spent on this machine. Safe to ask at any time."""
    return [used_of(entry) for entry in Ledger(folder / FILE).entries()]


def unavailable(settings: Settings) -> str | None:
    """Why Claude can't work here, as a sentence; None when it can."""
    if settings.anthropic_api_key is None or not settings.anthropic_api_key.get_secret_value().strip():
        return "Claude is not connected: set ANTHROPIC_API_KEY."
    return confinement.missing()
