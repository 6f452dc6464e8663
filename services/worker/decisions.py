"""What to do after a failure: a pure function from what happened to a decision. The workflow acts on it.

What is known of each kind of failure is data: `RULES`. An error says its kind by `error.failure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

FIRST_PAUSE_S = 2.0
LONGEST_PAUSE_S = 300.0
LONGEST_ASKED_S = 3600.0  # a pause that the other side asks for; a longer one is left to the person


class Action(StrEnum):
    RETRY = "retry"  # the same again after a pause
    REFINE = "refine"  # back to the agent with the reason
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened. `kind` is a key of RULES; `retry_after_s` a pause that the other side asked for."""

    kind: str
    sentence: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class FailureDecision:
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


def _final(advice: str) -> Rule:
    return Rule(Action.FAIL, advice)


def _passing(advice: str, most: int | None = None) -> Rule:
    return Rule(Action.RETRY, advice, most)


_CONNECTIONS = "look at Admin, Connections"
RULES: Mapping[str, Rule] = {
    # The agent's API refuses.
    "agent.key_refused": _final(
        "Set ANTHROPIC_API_KEY to a key that is valid, restart the worker, then continue it or run it again."
    ),
    "agent.no_credit": _final(
        "Add credit or raise the spend limit in the Claude console, under Billing, then continue it or run it again."
    ),
    "agent.key_not_allowed": _final(
        "Give the key's workspace access to the model in the Claude console, or set CLAUDE_MODEL to one it may use, "
        "then continue it or run it again."
    ),
    "agent.unknown_model": _final(
        "Set CLAUDE_MODEL to a model that exists, restart the worker, then continue it or run it again."
    ),
    "agent.bad_request": _final(
        "Open the execution's log for what the API said. If the text of a correction causes it, change that text and "
        "run it again."
    ),
    "agent.too_large": _final("Send fewer corrections at once, or shorten their texts, and run it again."),
    "agent.refused": _final(
        "Claude was asked a second time and declined again. Reword the description or the corrections of this pattern, "
        "or set CLAUDE_MODEL to another model, and run it again."
    ),
    # The agent's API or its connection has trouble that passes.
    "agent.rate_limited": _passing(
        "Lower WORKER_CONCURRENCY, or raise the rate limits in the Claude console, under Limits, then continue it or run it again."
    ),
    "agent.overloaded": _passing("Continue it or run it again when Claude's status page reports no trouble."),
    "agent.api_failed": _passing("Continue it or run it again when Claude's status page reports no trouble."),
    "agent.unreachable": _passing(
        "Look at this machine's network, and at CLAUDE_PROXY and ANTHROPIC_BASE_URL if they are set, then continue it or "
        "run it again."
    ),
    "agent.silent": _passing(
        "Open the execution's log for what it did last. Raise CLAUDE_IDLE_S if it only needed longer, then continue it or "
        "run it again.",
        most=2,
    ),
    "agent.killed": _passing(
        "Open the execution's log for its last words; if the machine ran out of memory, lower WORKER_CONCURRENCY. "
        "Then continue it or run it again.",
        most=3,
    ),
    "agent.no_answer": _passing(
        "Open the execution's log for what it said instead, then continue it or run it again.", most=1
    ),
    # Limits that a person set. More of the same would spend more.
    "agent.deadline": _final(
        "Send fewer corrections at once, or raise CLAUDE_DEADLINE_S, then continue it or run it again."
    ),
    "agent.turns": _final(
        "Send fewer corrections at once, or raise CLAUDE_MAX_TURNS, then continue it or run it again."
    ),
    "agent.budget": _final("Send fewer corrections at once, or raise CLAUDE_BUDGET_USD, and run it again."),
    "agent.day_cap": _final(
        "Continue it or run it again after midnight UTC, or ask an admin to raise the workspace's cap of the day."
    ),
    # The agent can't work here, or not on this.
    "agent.not_connected": _final(
        f"To see what is missing, {_CONNECTIONS}; set it and restart the worker, or launch with another agent."
    ),
    "agent.no_sandbox": _final(
        "Install bubblewrap and socat and allow user namespaces on the worker's machine, or launch with the tuner."
    ),
    "agent.too_few_marks": _final("Judge more marks in sessions that are not held out, and run it again."),
    "agent.no_starter": _final("Set ANTHROPIC_API_KEY so that Claude can write a detector, and launch with Claude."),
    "agent.fault": _final("Mend what the sentence above names, and run it again."),
    # The gates.
    "files": _final("Let the change keep to the pattern's own module, tests and parameters, and run it again."),
    "tests": _final("Open the execution's log, correct the detector or its tests, and run it again."),
    "contract": _final("The detector looks ahead or breaks its contract; correct it and run it again."),
    "replay": _final(
        "Look at the broken judgements; correct the marks that are wrong, waive the places, or judge more and run it again."
    ),
    "detector": _final("Open the execution's log, correct the pattern's detector in the repository, and run it again."),
    # The pattern repository.
    "git.conflict": _final("Run it again: it then begins from what is on main now."),
    "git.moved": _passing("Continue it or run it again when fewer people push to the pattern repository."),
    "git.push_rejected": _final(
        "Let the app's key push to main and to refs/patterndesk (protected branches, permissions and hooks of the "
        "remote), then continue it or run it again."
    ),
    "git.no_access": _final(
        "Give the worker a key or credentials that the pattern repository's remote accepts, then continue it or run it again."
    ),
    "git.unreachable": _passing(
        "Look at the network and at the pattern repository's remote, then continue it or run it again."
    ),
    "git.busy": _passing(
        "Another program works in the pattern repository, or one that was cut off left a .lock file there. Remove that "
        "file when no git runs, then continue it or run it again.",
        most=5,
    ),
    "git.missing": _final("Set PATTERN_REPOSITORY to the right repository, or put it back, and run it again."),
    "git.diverged": _final(
        "Bring main of the worker's pattern repository and of its remote together by hand, then continue it or run it again."
    ),
    "git": _final("Look at the pattern repository with git status, then continue it or run it again."),
    # The deploy.
    "deploy.failed": Rule(
        Action.REFINE,
        "Read the deploy's log on the execution's page, mend what it names, and continue the run.",
    ),
    "target.refused": _final(
        "Look at the deploy target's settings under Admin, Connections, and at its own pages, and continue the run."
    ),
    "target.not_connected": _final(
        f"To see which settings are missing, {_CONNECTIONS}; set them and restart the worker, or deploy to this machine."
    ),
    "target.unavailable": _passing("Look at the deploy target's status and its own pages, and continue the run."),
    "target.rate_limited": _passing("Look at the deploy target's usage and limits on its own pages."),
    "target.overtaken": _passing("Continue the run when fewer deploys go to the target at the same time."),
    # The machine and the app.
    "disk": _passing(
        "Make room on the worker's disk, see that its data folder can be written, then continue it or run it again.",
        most=3,
    ),
    "engine.unavailable": _passing(
        "Look under Admin whether the database and the storage are there, and continue the run."
    ),
    "engine": _final("Run it again; the reference finds it in the log."),
}


def pause(retry: int) -> float:
    """Seconds before retry number `retry` (1 is the first): doubles each time, up to five minutes."""
    return min(FIRST_PAUSE_S * 2.0 ** min(retry - 1, 60), LONGEST_PAUSE_S)


def decide(failure: Failure, *, retry_count: int, max_retries: int, in_a_row: int = 1) -> FailureDecision:
    """What follows a failure. `retry_count` retries were made before; `in_a_row` failures of this kind just now.

    Passing faults are retried and failed deploys go back to the agent, until the retries are spent. A pause is never
    shorter than the other side asked for.
    """
    rule = RULES.get(failure.kind, RULES["engine"])
    asked = failure.retry_after_s or 0.0
    if rule.action == Action.FAIL:
        return _fail(rule.advice)
    if asked > LONGEST_ASKED_S:
        return _fail(f"It asked for a pause of {_duration(asked)}, so it was not tried again. {rule.advice}")
    if retry_count >= max_retries:
        spent = f"All {max_retries} retries are spent. " if max_retries else ""
        return _fail(spent + rule.advice)
    if rule.most is not None and in_a_row > rule.most:
        return _fail(f"It was tried {in_a_row} times in a row. {rule.advice}")
    return FailureDecision(rule.action, max(pause(retry_count + 1), asked), None)


def _fail(advice: str) -> FailureDecision:
    return FailureDecision(Action.FAIL, 0.0, advice)


def _duration(seconds: float) -> str:
    """Hours and minutes, rounded up."""
    minutes = -int(-seconds // 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
