"""What to do after a failure: a pure function from what happened to a decision. The workflow acts on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0


class Action(StrEnum):
    RETRY = "retry"  # the same again after a pause
    REFINE = "refine"  # back to the agent with what was said
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened. `source` is agent, files, tests, contract, replay, git, deploy (its build failed), target (which
    deploys, and refused or did not answer) or engine; `transient` that the same thing may go well next time."""

    source: str
    sentence: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows. `pause_s` is waited durably before it; `advice` tells the person what to do when it is final."""

    action: Action
    pause_s: float
    advice: str | None


_ADVICE = {
    "agent": "Look at the sentence above, mend its cause and run it again.",
    "tests": "Open the execution's log, correct the detector or its tests, and run it again.",
    "contract": "The detector looks ahead or breaks its contract; correct it and run it again.",
    "replay": "Look at the broken cases; correct the marks that are wrong, or judge more and run it again.",
    "files": "Let the change keep to the pattern's own module, tests and parameters, and run it again.",
    "git": "Look at the pattern repository, then run it again.",
    "deploy": "Read the deploy's log, then run it again.",
    "target": "Look at the deploy target's settings and its own pages, then run it again.",
    "engine": "Run it again; the reference finds it in the log.",
}


def pause(retry: int) -> float:
    """Seconds before retry number `retry` (1 is the first): doubles each time, up to five minutes."""
    return min(FIRST_PAUSE_S * 2.0 ** (retry - 1), LONGEST_PAUSE_S)


def decide(failure: Failure, *, retry_count: int, max_retries: int) -> Decision:
    """Transient faults are retried and failed deploys go back to the agent, until the retries are spent."""
    advice = _ADVICE.get(failure.source, _ADVICE["engine"])
    if retry_count >= max_retries:
        spent = f"All {max_retries} retries are spent. " if max_retries else ""
        return Decision(Action.FAIL, 0.0, spent + advice)
    if failure.source == "deploy":
        return Decision(Action.REFINE, pause(retry_count + 1), None)
    if failure.transient:
        return Decision(Action.RETRY, pause(retry_count + 1), None)
    return Decision(Action.FAIL, 0.0, advice)
