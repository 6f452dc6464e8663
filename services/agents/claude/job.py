"""What the app gives the agent's own process: one phase of one execution, or one question. It travels over that process's
input."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Phase = Literal["plan", "implement", "refine", "answer"]
TOOL_SERVER, TOOL_NAME = "desk", "progress"
PROGRESS_TOOL = f"mcp__{TOOL_SERVER}__{TOOL_NAME}"


class JobPicture(BaseModel):
    """A picture of the prompt; `data` is base64."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    media_type: str
    data: str


class Job(BaseModel):
    """One phase, or the answer to a question, which is text and has no schema. `owned` are the files that it may write, below the worktree; `commands` the only shell commands.

    `deadline_s` ends the process by itself, for a worker that is frozen can't. `session_id` (a UUID) names the conversation of the whole execution; `resume` says that it has begun already.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    phase: Phase
    worktree: str
    prompt: str
    pictures: tuple[JobPicture, ...] = ()
    session_id: str
    resume: bool
    model: str
    max_turns: int
    budget_usd: float
    deadline_s: float
    owned: tuple[str, ...]
    commands: tuple[str, ...]
    answer_schema: dict[str, Any] | None

    @property
    def may_write(self) -> bool:
        """Whether files may change: never while planning, and never for an answer."""
        return self.phase in ("implement", "refine")

    @property
    def is_answer(self) -> bool:
        """Whether a question is answered: then nothing but reading is there, and the text streams."""
        return self.phase == "answer"


def commands_for(pattern_type: str) -> tuple[str, ...]:
    """The shell commands that the agent may run, word for word."""
    return ("python -m pytest -q", f"python -m pytest -q tests/test_{pattern_type}.py")
