"""What is decided about each kind of failure, case by case, and what holds for all of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settings import ROOT
from services.worker.decisions import FIRST_PAUSE_S, LONGEST_ASKED_S, LONGEST_PAUSE_S, RULES, Action, Failure, decide

FAIL, RETRY, REFINE = Action.FAIL, Action.RETRY, Action.REFINE
ALWAYS = None  # until the run's own retries are spent
# Each kind: what follows its first failure, how often in a row it is tried again, and a word of the advice at the end.
TABLE: dict[str, tuple[Action, int | None, str]] = {
    "agent.key_refused": (FAIL, 0, "ANTHROPIC_API_KEY"),
    "agent.no_credit": (FAIL, 0, "Billing"),
    "agent.key_not_allowed": (FAIL, 0, "CLAUDE_MODEL"),
    "agent.unknown_model": (FAIL, 0, "CLAUDE_MODEL"),
    "agent.bad_request": (FAIL, 0, "log"),
    "agent.too_large": (FAIL, 0, "fewer corrections"),
    "agent.refused": (FAIL, 0, "Reword"),
    "agent.rate_limited": (RETRY, ALWAYS, "WORKER_CONCURRENCY"),
    "agent.overloaded": (RETRY, ALWAYS, "status page"),
    "agent.api_failed": (RETRY, ALWAYS, "status page"),
    "agent.unreachable": (RETRY, ALWAYS, "CLAUDE_PROXY"),
    "agent.silent": (RETRY, 2, "CLAUDE_IDLE_S"),
    "agent.killed": (RETRY, 3, "memory"),
    "agent.no_answer": (RETRY, 1, "log"),
    "agent.deadline": (FAIL, 0, "CLAUDE_DEADLINE_S"),
    "agent.turns": (FAIL, 0, "CLAUDE_MAX_TURNS"),
    "agent.budget": (FAIL, 0, "CLAUDE_BUDGET_USD"),
    "agent.day_cap": (FAIL, 0, "cap of the day"),
    "agent.not_connected": (FAIL, 0, "Admin"),
    "agent.no_sandbox": (FAIL, 0, "bubblewrap"),
    "agent.too_few_marks": (FAIL, 0, "Judge more marks"),
    "agent.no_starter": (FAIL, 0, "Claude"),
    "agent.fault": (FAIL, 0, "sentence above"),
    "files": (FAIL, 0, "own module"),
    "tests": (FAIL, 0, "log"),
    "contract": (FAIL, 0, "looks ahead"),
    "replay": (FAIL, 0, "broken judgements"),
    "detector": (FAIL, 0, "detector"),
    "git.conflict": (FAIL, 0, "Run it again"),
    "git.moved": (RETRY, ALWAYS, "push"),
    "git.push_rejected": (FAIL, 0, "protected branches"),
    "git.no_access": (FAIL, 0, "credentials"),
    "git.unreachable": (RETRY, ALWAYS, "network"),
    "git.busy": (RETRY, 5, ".lock"),
    "git.missing": (FAIL, 0, "PATTERN_REPOSITORY"),
    "git.diverged": (FAIL, 0, "together by hand"),
    "git": (FAIL, 0, "git status"),
    "deploy.failed": (REFINE, ALWAYS, "deploy's log"),
    "target.refused": (FAIL, 0, "Connections"),
    "target.not_connected": (FAIL, 0, "Admin"),
    "target.unavailable": (RETRY, ALWAYS, "status"),
    "target.rate_limited": (RETRY, ALWAYS, "limits"),
    "target.overtaken": (RETRY, ALWAYS, "deploys"),
    "disk": (RETRY, 3, "disk"),
    "engine.unavailable": (RETRY, ALWAYS, "Admin"),
    "engine": (FAIL, 0, "reference"),
}
KINDS = sorted(RULES)
PASSING = [kind for kind in KINDS if RULES[kind].action != FAIL]


def test_every_rule_has_its_row() -> None:
    assert set(TABLE) == set(RULES)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_failure(kind: str) -> None:
    action, times, word = TABLE[kind]
    first = decide(Failure(kind, "It failed."), retry_count=0, max_retries=10)
    assert first.action == action
    if action == FAIL:
        assert first.advice is not None
        assert word in first.advice
        assert first.pause_s == 0.0
        return
    assert first.advice is None
    assert first.pause_s == FIRST_PAUSE_S
    if times is not None:
        tried = [
            decide(Failure(kind, "It failed."), retry_count=0, max_retries=10, in_a_row=n).action
            for n in range(1, times + 2)
        ]
        assert tried == [action] * times + [FAIL]
    spent = decide(Failure(kind, "It failed."), retry_count=10, max_retries=10)
    assert spent.action == FAIL
    assert (spent.advice or "").startswith("All 10 retries are spent. ")
    assert word in (spent.advice or "")


def test_an_unknown_kind_is_a_bug_and_final() -> None:
    assert decide(Failure("no.such", "x"), retry_count=0, max_retries=10).advice == RULES["engine"].advice


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [decide(Failure("deploy.failed", "x"), retry_count=n, max_retries=10).pause_s for n in range(10)]
    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 2.0), (0.0, 2.0), (1.0, 2.0), (90.0, 90.0), (301.0, 301.0), (3600.0, 3600.0)]
)
def test_a_pause_that_was_asked_for_is_kept(asked: float | None, pause: float) -> None:
    decision = decide(Failure("agent.rate_limited", "x", asked), retry_count=0, max_retries=10)
    assert (decision.action, decision.pause_s) == (RETRY, pause)


@pytest.mark.parametrize(
    ("asked", "told"), [(3600.1, "1 h 1 min"), (7200.0, "2 h"), (10_800.0, "3 h"), (86_399.0, "24 h")]
)
def test_a_pause_of_more_than_an_hour_is_left_to_the_person(asked: float, told: str) -> None:
    decision = decide(Failure("target.rate_limited", "x", asked), retry_count=0, max_retries=10)
    assert decision.action == FAIL
    assert (decision.advice or "").startswith(f"It asked for a pause of {told}, so it was not tried again. ")


def test_without_retries_nothing_is_said_to_be_spent() -> None:
    decision = decide(Failure("agent.overloaded", "x"), retry_count=0, max_retries=0)
    assert (decision.action, decision.advice) == (FAIL, RULES["agent.overloaded"].advice)


retries = st.integers(min_value=0, max_value=10_000)
asked_for = st.none() | st.floats(min_value=0, max_value=1e9)


@given(st.sampled_from(KINDS), retries, retries, st.integers(1, 100), asked_for)
def test_what_holds_for_all(kind: str, count: int, most: int, in_a_row: int, asked: float | None) -> None:
    decision = decide(Failure(kind, "x", asked), retry_count=count, max_retries=most, in_a_row=in_a_row)
    if decision.action == FAIL:
        assert decision.pause_s == 0.0
        assert re.search(r"[A-Z].*\.$", decision.advice or "")
        return
    assert count < most, "never beyond the run's retries"
    assert in_a_row <= (RULES[kind].most or in_a_row)
    assert decision.action == RULES[kind].action
    assert decision.advice is None
    assert decision.pause_s >= (asked or 0.0)
    assert FIRST_PAUSE_S <= decision.pause_s <= max(LONGEST_PAUSE_S, LONGEST_ASKED_S)
    if (asked or 0.0) <= FIRST_PAUSE_S:
        assert decision.pause_s <= LONGEST_PAUSE_S
    assert decision == decide(Failure(kind, "x", asked), retry_count=count, max_retries=most, in_a_row=in_a_row)


@given(st.sampled_from(PASSING), st.integers(0, 100), st.integers(1, 100))
def test_a_run_comes_to_its_end(kind: str, most: int, alike: int) -> None:
    """However a passing fault goes on, no more than the run's retries follow it, and the pauses never get shorter."""
    pauses = [
        decision.pause_s
        for count in range(most + 1)
        if (decision := decide(Failure(kind, "x"), retry_count=count, max_retries=most, in_a_row=alike)).action != FAIL
    ]
    assert len(pauses) <= most
    assert pauses == sorted(pauses)
    assert decide(Failure(kind, "x"), retry_count=most, max_retries=most).action == FAIL


@pytest.mark.parametrize("kind", KINDS)
def test_advice_is_one_or_two_sentences_that_say_what_to_do(kind: str) -> None:
    advice = RULES[kind].advice
    assert advice.endswith(".")
    assert len(re.findall(r"[.;:?!](?= [A-Z]|$)", advice)) <= 2
    assert 20 < len(advice) < 220
    assert re.search(r"[Rr]un it again|continue the run|[Ll]aunch with|Continue the run|deploy to this|limits", advice)


DOTTED = re.compile(r"(agent|git|deploy|target|engine)\.(?!js$)[a-z_]+")  # engine.js is a file


def sources() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted((ROOT / "services").rglob("*.py")):
        yield str(file.relative_to(ROOT)), ast.parse(file.read_text())


def kinds_in(tree: ast.AST) -> Iterator[str]:
    """What the code gives as a kind of failure: `failure=`, a step's outcome, a gate, and what looks like one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
            yield node.value
        for value in _given(node):
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def _given(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.keyword):
        return [node.value] if node.arg == "failure" else []
    if isinstance(node, ast.Assign):
        return [node.value] if "failure" in map(_name, node.targets) else []
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value is not None and _name(node.target) == "failure" else []
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [value for key, value in pairs if isinstance(key, ast.Constant) and key.value in ("kind", "gate")]
    if isinstance(node, ast.Call) and _name(node.func) == "_Refused":
        return node.args[:1]
    return []


def _name(node: ast.AST) -> str | None:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


def test_every_kind_that_the_code_names_has_a_rule() -> None:
    named = {(file, kind) for file, tree in sources() for kind in kinds_in(tree)}
    assert {(file, kind) for file, kind in named if kind not in RULES} == set()
    assert len({kind for _, kind in named}) > 30, "it finds them"


def test_every_rule_is_for_something_that_the_code_names() -> None:
    texts = {
        node.value
        for file, tree in sources()
        if file != "services/worker/decisions.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(RULES) - texts == set()
