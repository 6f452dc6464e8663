"""What the API can answer, seen by the real SDK and command line: the kind, the decision, the sentence, the pause.

`python -m benchmarks.agent_faults` runs this and prints the table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from services.agents.claude.faults import AgentFault
from services.worker.decisions import LONGEST_ASKED_S, Action, Failure, FailureDecision, decide
from tests.support.agent_setup import PLAN, AgentSetup
from tests.support.messages_api import Turn, answer, failure, text

BUSY_S = 60.0  # of a test: the program starts slowly on a busy machine
FAIL, RETRY = Action.FAIL, Action.RETRY


@dataclass(frozen=True)
class Case:
    """An answer that the API gives again and again, and what is made of it. `asked_s` is its retry-after."""

    name: str
    turn: Turn
    kind: str
    action: Action
    sentence: str
    asked_s: float | None = None


def limited(wait: str | None = None) -> Turn:
    return failure(429, "rate_limit_error", "slow down", **({"retry_after": wait} if wait else {}))


def invalid(message: str) -> Turn:
    return failure(400, "invalid_request_error", message)


CASES = [
    Case("wrong key", failure(401, "authentication_error", "invalid x-api-key"), "agent.key_refused", FAIL,
         "Claude's API refused the key."),
    Case("revoked key", failure(403, "permission_error", "This API key has been disabled."), "agent.key_refused", FAIL,
         "Claude's API refused the key."),
    Case("no credit", invalid("Your credit balance is too low to access the Anthropic API."), "agent.no_credit", FAIL,
         "Claude account has no credit left"),
    Case("spend limit", invalid("You have reached your specified API usage limits."), "agent.no_credit", FAIL,
         "its spend limit is reached"),
    Case("402", failure(402, "billing_error", "pay first"), "agent.no_credit", FAIL, "no credit left"),
    Case("403", failure(403, "permission_error", "no access"), "agent.key_not_allowed", FAIL, "not allowed to use this"),
    Case("404 model", failure(404, "not_found_error", "model: claude-x"), "agent.unknown_model", FAIL,
         "Claude's API does not know the model claude-sonnet-5-5."),
    Case("400", invalid("max_tokens is odd"), "agent.bad_request", FAIL, "did not accept the request: "),
    Case("too long", invalid("prompt is too long: 208310 tokens > 200000 maximum"), "agent.too_large", FAIL,
         "What the agent was given is too large"),
    Case("413", failure(413, "request_too_large", "Request too large"), "agent.too_large", FAIL, "too large"),
    Case("408", failure(408, "timeout_error", "timed out"), "agent.api_failed", RETRY, "too long to answer"),
    Case("409", failure(409, "conflict", "conflict"), "agent.api_failed", RETRY, "conflict of its own"),
    Case("429", limited(), "agent.rate_limited", RETRY, "asked for a pause (too many requests)."),
    Case("429, 90 s", limited("90"), "agent.rate_limited", RETRY, "it asked to wait until ", 90.0),
    Case("429, 3 h", limited("10800"), "agent.rate_limited", FAIL, "it asked to wait until ", 10_800.0),
    Case("500", failure(500), "agent.api_failed", RETRY, "Claude's API failed with status 500."),
    Case("503, 90 s", failure(503, retry_after="90"), "agent.api_failed", RETRY, "it asked to wait until ", 90.0),
    Case("529", failure(529, "overloaded_error", "Overloaded"), "agent.overloaded", RETRY, "is overloaded."),
    Case("529, 90 s", failure(529, "overloaded_error", "Overloaded", retry_after="90"), "agent.overloaded", RETRY,
         "it asked to wait until ", 90.0),
    Case("declined", Turn([text("I")], stop="refusal"), "agent.refused", FAIL, "Claude declined to work on this text."),
    Case("truncated", Turn([text("cut")], cut=True), "agent.unreachable", RETRY, "could not be reached, or broke off"),
    Case("hangs", Turn([text("…")], hang=True), "agent.silent", RETRY, "Claude was silent for 8 seconds"),
]  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    print(
        "\n| case | status | kind | decision | seconds | asked | sentence |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    print("\n".join(rows))


def fault_of(agent_setup: AgentSetup) -> AgentFault:
    with pytest.raises(AgentFault) as raised:
        agent_setup.agent.plan(agent_setup.work(), None)
    return raised.value


def decided(fault: AgentFault) -> FailureDecision:
    assert fault.failure is not None
    return decide(Failure(fault.failure, str(fault), fault.retry_after_s), retry_count=0, max_retries=10)


# One of each decision; the others differ by what the stand-in answers alone.
SHORT = ("wrong key", "429, 90 s", "truncated")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name.replace(" ", "-"), marks=() if case.name in SHORT else pytest.mark.long)
        for case in CASES
    ],
)
def test_an_answer_of_the_api(agent_setup: AgentSetup, case: Case, table: list[str]) -> None:
    agent_setup.with_settings(
        claude_idle_s=8.0 if case.turn.hang else 20.0, claude_max_retries=0 if case.turn.hang else 1
    )
    agent_setup.api.script, agent_setup.api.forever = [case.turn], True
    started = time.monotonic()
    fault = fault_of(agent_setup)
    seconds, decision = time.monotonic() - started, decided(fault)
    pause = f" in {decision.pause_s:.0f} s" if decision.action == RETRY else ""
    table.append(f"| {case.name} | {fault.status or '–'} | {fault.failure} | {decision.action}{pause} | {seconds:.1f} "
                 f"| {len(agent_setup.api.asked)} | {fault} |")  # fmt: skip
    assert fault.failure == case.kind, str(fault)
    assert case.sentence in str(fault)
    assert str(fault).endswith(".")
    assert "\n" not in str(fault)
    assert decision.action == case.action
    assert (decision.advice is None) is (case.action != FAIL)
    assert seconds < BUSY_S
    assert 1 <= len(agent_setup.api.asked) <= 8  # it leaves things out of a request that was not accepted
    if case.asked_s is None:
        assert (fault.retry_after_s or 0) < 30
    else:
        assert len(agent_setup.api.asked) == 1, "a long pause is not waited for in the agent's process"
        assert case.asked_s <= (fault.retry_after_s or 0) <= case.asked_s * 1.3  # the command line adds a little
        if case.action == FAIL:
            assert case.asked_s > LONGEST_ASKED_S
            assert (decision.advice or "").startswith("It asked for a pause of 3 h")
        else:
            assert decision.pause_s == fault.retry_after_s


def test_a_short_pause_is_waited_for_and_the_phase_goes_on(agent_setup: AgentSetup) -> None:
    agent_setup.api.script = [limited("2"), answer(**PLAN)]
    assert agent_setup.agent.plan(agent_setup.work(), None).summary == PLAN["summary"]
    first, second = agent_setup.api.asked
    assert second.at - first.at >= 1.9


@pytest.mark.long
def test_after_a_long_pause_the_conversation_goes_on(agent_setup: AgentSetup) -> None:
    agent_setup.api.script = [limited("90")]
    assert fault_of(agent_setup).failure == "agent.rate_limited"
    assert agent_setup.alive() == []
    agent_setup.api.script = [answer(**PLAN)]
    assert agent_setup.agent.plan(agent_setup.work(), None).summary == PLAN["summary"]


@pytest.mark.long
def test_without_capacity_it_asks_as_often_as_it_may(agent_setup: AgentSetup) -> None:
    agent_setup.with_settings(claude_max_retries=2)
    agent_setup.api.script, agent_setup.api.forever = [failure(529, "overloaded_error", "Overloaded")], True
    assert fault_of(agent_setup).failure == "agent.overloaded"
    assert len(agent_setup.api.asked) == 3


@pytest.mark.long
def test_nobody_listens(agent_setup: AgentSetup, table: list[str]) -> None:
    agent_setup.with_settings(anthropic_base_url="http://127.0.0.1:9")
    started = time.monotonic()
    fault = fault_of(agent_setup)
    decision = decided(fault)
    table.append(f"| nobody listens | – | {fault.failure} | {decision.action} in {decision.pause_s:.0f} s "
                 f"| {time.monotonic() - started:.1f} | 0 | {fault} |")  # fmt: skip
    assert (fault.failure, fault.status) == ("agent.unreachable", None)
    assert decision.action == RETRY
