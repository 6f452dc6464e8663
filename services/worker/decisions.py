"""What to do after a failure: a pure function from what happened to a decision. The workflow acts on it."""

from __future__ import annotations

from collections.abc import Mapping
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
    """What happened. `kind` is a key of RULES; `retry_after_s` a pause that the other side asked for."""

    kind: str
    sentence: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows. `pause_s` is waited durably before it; `advice` tells the person what to do when it is final."""

    action: Action
    pause_s: float
    advice: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """What a kind of failure calls for. `most` bounds how often it is tried again in a row, None by the run's retries."""

    action: Action
    advice: str
    most: int | None = None


_AGAIN = "Look at the sentence above, mend its cause and run it again."
RULES: Mapping[str, Rule] = {
    "agent.fault": Rule(Action.FAIL, _AGAIN),
    "agent.passing": Rule(Action.RETRY, _AGAIN),
    "files": Rule(
        Action.FAIL, "Let the change keep to the pattern's own module, tests and parameters, and run it again."
    ),
    "tests": Rule(Action.FAIL, "Open the execution's log, correct the detector or its tests, and run it again."),
    "contract": Rule(Action.FAIL, "The detector looks ahead or breaks its contract; correct it and run it again."),
    "replay": Rule(
        Action.FAIL, "Look at the broken cases; correct the marks that are wrong, or judge more and run it again."
    ),
    "git": Rule(Action.FAIL, "Look at the pattern repository, then run it again."),
    "deploy.failed": Rule(Action.REFINE, "Read the deploy's log, then run it again."),
    "target.refused": Rule(Action.FAIL, "Look at the deploy target's settings and its own pages, then run it again."),
    "target.passing": Rule(Action.RETRY, "Look at the deploy target's settings and its own pages, then run it again."),
    "engine": Rule(Action.FAIL, "Run it again; the reference finds it in the log."),
}


def pause(retry: int) -> float:
    """Seconds before retry number `retry` (1 is the first): doubles each time, up to five minutes."""
    return min(FIRST_PAUSE_S * 2.0 ** (retry - 1), LONGEST_PAUSE_S)


def decide(failure: Failure, *, retry_count: int, max_retries: int, in_a_row: int = 1) -> Decision:
    """What follows a failure. `retry_count` retries were made before, `in_a_row` failures of this kind just now.

    Passing faults are retried and failed deploys go back to the agent, until the retries are spent.
    """
    rule = RULES.get(failure.kind, RULES["engine"])
    if rule.action == Action.FAIL:
        return Decision(Action.FAIL, 0.0, rule.advice)
    if retry_count >= max_retries:
        spent = f"All {max_retries} retries are spent. " if max_retries else ""
        return Decision(Action.FAIL, 0.0, spent + rule.advice)
    if rule.most is not None and in_a_row > rule.most:
        return Decision(Action.FAIL, 0.0, f"It was tried {in_a_row} times. {rule.advice}")
    return Decision(rule.action, max(pause(retry_count + 1), failure.retry_after_s or 0.0), None)
