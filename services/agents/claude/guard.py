"""The guard before each tool call: a second lock behind the permission rules, for what those could miss.

It looks at where a path leads, through links and `..`, and at the whole text of a command. What it does not know it
refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.agents.claude.job import PROGRESS_TOOL, Job

FREE = frozenset({PROGRESS_TOOL, "StructuredOutput"})
READING, WRITING = frozenset({"Read"}), frozenset({"Edit", "Write"})
HIDDEN = (".git", ".claude")  # below the worktree, but the app's


def refusal(job: Job, tool: str, given: Mapping[str, Any]) -> str | None:
    """Why a tool call is refused, as a sentence for the model; None when it may run."""
    if tool in FREE:
        return None
    if tool == "Bash":
        return _command(job, given)
    if tool not in READING | WRITING:
        return f"The tool {tool} is not available here."
    path = given.get("file_path")
    if not isinstance(path, str) or not path or "\x00" in path:
        return "The path is missing."
    inside = _inside(job, path)
    if inside is None:
        return "Only files of this repository can be read or written."
    if tool in READING:
        return None
    if not job.may_write:
        return "Nothing can be changed here; say in your answer what you mean."
    if inside not in job.owned:
        return f"Only {', '.join(job.owned)} may be changed."
    return None


def _inside(job: Job, path: str) -> str | None:
    """The path below the worktree after following every link, None when it leads elsewhere."""
    root = Path(job.worktree).resolve()
    try:
        resolved = (root / path).resolve()
        inside = resolved.relative_to(root)
    except (OSError, ValueError, RuntimeError):
        return None
    if not inside.parts or inside.parts[0] in HIDDEN:
        return None
    return inside.as_posix()


def _command(job: Job, given: Mapping[str, Any]) -> str | None:
    if not job.may_write:
        return "No command can be run here."
    if given.get("command") not in job.commands:
        return f"Only these commands may be run, word for word: {'; '.join(job.commands)}."
    if given.get("dangerouslyDisableSandbox") or given.get("run_in_background"):
        return "Commands run in the sandbox and in the foreground."
    return None
