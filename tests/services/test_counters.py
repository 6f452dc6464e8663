"""Anything that people and the worker can do, in any order: counters and sums equal a recount and no status lies."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from services import disputes, executions, feedback, review, sessions, timeline, workspaces
from services.cli.recount import recount_statistics
from services.detectors.types import Detection as Found
from services.errors import PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import ExecutionPhase, Role, Verdict
from services.models import Detection, FeedbackItem, PatternSession, now
from tests import factories
from tests.support import scenarios

P = ExecutionPhase
PLACES = st.integers(0, 59)
REVIEWERS = st.integers(0, 2)
PICK = st.integers(0, 10**6)


class Workspace(RuleBasedStateMachine):
    """One workspace, two members and two admins, driven through the services alone.

    A rule tries; an expected refusal is rolled back and must have changed nothing. The invariants look at the rows.
    """

    engine: Engine
    refused: dict[str, int]
    done: dict[str, int]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        connection = self.stack.enter_context(self.engine.connect())
        self.stack.callback(connection.begin().rollback)
        self.session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        self.stack.callback(self.session.close)
        self.fresh = False
        self.looked = 0

    def teardown(self) -> None:
        try:
            assert recount_statistics(self.session) == []
        finally:
            self.stack.close()

    def attempt(self, name: str, what: Callable[[], Any]) -> Any:
        """Runs one use case as an edge would: whole, or not at all."""
        self.fresh = False
        try:
            with self.session.begin_nested():
                made = what()
            self.done[name] = self.done.get(name, 0) + 1
        except PatternDeskError as error:
            assert str(error).endswith((".", "?")), str(error)
            self.refused[name] = self.refused.get(name, 0) + 1
            self.session.expire_all()
            return None
        return made

    @initialize(stage=st.integers(0, 7))
    def begin(self, stage: int) -> None:
        """Mostly from a pattern whose first version is live and under test, else from the very start."""
        s = self.session
        self.people = [factories.person(s), factories.person(s, Role.ADMIN), factories.person(s, Role.ADMIN)]
        self.home = factories.workspace(s, self.people[0], described=False)
        self.stored = factories.dataset(s, self.people[0])
        self.candles = factories.dataset_candles(self.stored)
        self.run: tuple[uuid.UUID, int, int] | None = None  # the run a worker holds: its id, epoch and attempt
        self.live: uuid.UUID | None = None
        self.code = 0
        if stage > 0:
            self.describe()
        if stage > 1:
            self.launch(0)
            self.take()
            self.deploy(0)
            self.test({0, 5, 10, 15, 20, 25, 30, 35, 40, 45}, False, 0)
        if stage in (3, 4):
            self.ask_in_words(0)
            self.launch(0)
        if stage == 4:
            self.take()
        if stage > 4:
            self.judge_all(stage, 0)
            self.complete(0)
        if stage > 5:
            self.decide(0, "approve")
        if stage > 6:
            self.decide(1, "verify")

    def picked(self, model: Any, pick: int, *where: Any) -> Any:
        found = self.session.scalars(
            select(model).where(model.workspace_id == self.home, *where).order_by(model.id)
        ).all()
        return found[pick % len(found)] if found else None

    @precondition(lambda self: self.code == 0)
    @rule()
    def describe(self) -> None:
        self.attempt("describe", lambda: workspaces.describe(
            self.session, self.home, description="d", user_reasoning="r", identification_steps=["s"],
            actor=self.people[0]))  # fmt: skip

    @rule(who=REVIEWERS)
    def comment(self, who: int) -> None:
        self.attempt("comment", lambda: timeline.comment(self.session, self.home, "hello", actor=self.people[who]))

    @rule(who=REVIEWERS)
    def ask_in_words(self, who: int) -> None:
        self.attempt("words", lambda: feedback.add_comment_item(
            self.session, self.home, "words", actor=self.people[who]))  # fmt: skip

    @rule(who=REVIEWERS)
    def launch(self, who: int) -> None:
        made = self.attempt("launch", lambda: scenarios.launch(self.session, self.home, self.people[who]))
        if made is not None:
            assert self.live is None
            self.live, self.run = made, None

    @precondition(lambda self: self.live and not self.run)
    @rule()
    def take(self) -> None:
        assert self.live
        epoch = self.attempt("begin", lambda: scenarios.begin(self.session, self.live))  # type: ignore[arg-type]
        assert epoch is not None
        self.run = (self.live, epoch, 1)

    @precondition(lambda self: self.run)
    @rule(phase=st.sampled_from(list(P)))
    def work(self, phase: P) -> None:
        assert self.run
        made, epoch, attempt = self.run
        self.attempt("phase", lambda: scenarios.phase(self.session, made, epoch, phase, attempt))

    @precondition(lambda self: self.run)
    @rule()
    def retry(self) -> None:
        assert self.run
        made, epoch, attempt = self.run
        self.attempt("retry", lambda: scenarios.retry(self.session, made, epoch, attempt, "away", kind="git"))
        executions.begin(self.session, made, epoch=epoch, worker_id="worker 1", base_commit="b")
        self.run = (made, epoch, attempt + 1)

    def ended(self, name: str, what: Callable[[uuid.UUID, int], Any]) -> None:
        assert self.run
        made, epoch, _ = self.run
        self.attempt(name, lambda: what(made, epoch))
        self.run = self.live = None

    @precondition(lambda self: self.run)
    @rule()
    def fail(self) -> None:
        self.ended("fail", lambda made, epoch: executions.fail(
            self.session, executions.locked(self.session, made, epoch), error="It broke."))  # fmt: skip

    @precondition(lambda self: self.run)
    @rule()
    def find_nothing(self) -> None:
        self.ended("nothing", lambda made, epoch: executions.complete(
            self.session, executions.locked(self.session, made, epoch), summary="Nothing better."))  # fmt: skip

    @precondition(lambda self: self.run)
    @rule(pick=PICK)
    def deploy(self, pick: int) -> None:
        self.code += 1 + pick % 2
        items = self.session.scalars(select(FeedbackItem.id).where(FeedbackItem.workspace_id == self.home)).all()
        fixed = [str(i) for n, i in enumerate(items) if pick >> n & 1]

        def whole(made: uuid.UUID, epoch: int) -> None:
            scenarios.candidate(self.session, made, epoch, code=self.code, params={"left": pick % 20})
            scenarios.start_deploy(self.session, made, epoch)
            scenarios.finish(self.session, made, epoch, fixed)

        self.ended("deploy", whole)
        self.fresh = True

    @precondition(lambda self: self.live)
    @rule(who=REVIEWERS)
    def cancel(self, who: int) -> None:
        assert self.live
        made = self.live
        self.attempt("cancel", lambda: executions.cancel(self.session, made, actor=self.people[who]))
        if self.run:
            self.ended("end canceled", lambda m, e: executions.end_canceled(
                self.session, executions.locked(self.session, m, e)))  # fmt: skip
        self.live = None

    @rule(anchors=st.sets(st.sampled_from(range(0, 60, 5)), min_size=8, max_size=12), retest=st.booleans(), pick=PICK)
    def test(self, anchors: set[int], retest: bool, pick: int) -> None:
        old = self.picked(PatternSession, pick, PatternSession.status.in_(["active", "completed"])) if retest else None

        def whole() -> None:
            plan = sessions.create(
                self.session, self.home, dataset_id=self.stored.id, start_index=0, end_index=59,
                retest_of_id=old.id if old else None, actor=self.people[0],
            )  # fmt: skip
            found = [
                Found("swing_high", 1, i, int(self.candles["time"][i]), i, i, min(i + 3, 59)) for i in sorted(anchors)
            ]
            sessions.record(self.session, plan.session_id, found, self.candles, run_ms=1, isolation="reduced",
                            context_bars=0, actor=self.people[0])  # fmt: skip

        self.attempt("retest" if old else "test", whole)

    def marks(self, pick: int) -> tuple[PatternSession | None, list[Detection]]:
        one = self.picked(PatternSession, pick, PatternSession.status == "active")
        if one is None:
            return None, []
        query = select(Detection).where(Detection.session_id == one.id).order_by(Detection.anchor_index)
        return one, list(self.session.scalars(query))

    @rule(pick=PICK, who=REVIEWERS)
    def judge_all(self, pick: int, who: int) -> None:
        """A whole pass over a session, as reviewers do; the digits of `pick` say how each mark is judged."""
        _, found = self.marks(pick)
        for n, mark in enumerate(found):
            verdict = Verdict.FALSE_POSITIVE if pick >> n & 1 else Verdict.CONFIRMED
            self.attempt("judge", lambda m=mark, v=verdict: feedback.judge(  # type: ignore[misc]
                self.session, m.id, v, actor=self.people[who]))  # fmt: skip

    @rule(
        pick=PICK, who=REVIEWERS, place=PLACES,
        verdict=st.sampled_from([Verdict.CONFIRMED, Verdict.FALSE_POSITIVE, Verdict.ADJUSTMENT, Verdict.UNSURE]),
    )  # fmt: skip
    def judge(self, pick: int, who: int, place: int, verdict: Verdict) -> None:
        _, found = self.marks(pick)
        if found:
            self.attempt("judge", lambda: feedback.judge(
                self.session, found[pick % len(found)].id, verdict, expected=MarkPosition(place, now()),
                actor=self.people[who]))  # fmt: skip

    @rule(pick=PICK, who=REVIEWERS, place=PLACES)
    def miss(self, pick: int, who: int, place: int) -> None:
        one, _ = self.marks(pick)
        if one is not None:
            self.attempt("missed", lambda: feedback.add_missed(
                self.session, one.id, kind="swing_high", direction=1, place=MarkPosition(place, now()),
                actor=self.people[who]))  # fmt: skip

    @rule(pick=PICK, who=REVIEWERS)
    def undo(self, pick: int, who: int) -> None:
        item = self.picked(FeedbackItem, pick)
        if item is not None:
            self.attempt("undo", lambda: feedback.withdraw(self.session, item.id, actor=self.people[who]))

    @rule(pick=PICK)
    def settle(self, pick: int) -> None:
        waiting = disputes.list_disputes(self.session, self.home)
        if waiting:
            self.attempt("settle", lambda: disputes.settle(
                self.session, self.home, waiting[0].id, present=bool(pick % 2), rule="a rule", actor=self.people[0]))  # fmt: skip

    @rule(pick=PICK)
    def complete(self, pick: int) -> None:
        one, _ = self.marks(pick)
        if one is not None:
            self.attempt("complete", lambda: sessions.complete(self.session, one.id, actor=self.people[0]))

    @rule(
        who=REVIEWERS, what=st.sampled_from(["approve", "withdraw", "verify", "return", "reopen", "archive", "restore"])
    )
    def decide(self, who: int, what: str) -> None:
        s, home, actor = self.session, self.home, self.people[who]
        self.attempt(what, {
            "approve": lambda: review.approve(s, home, comment="It was mended.", actor=actor),
            "withdraw": lambda: review.withdraw(s, home, actor=actor),
            "verify": lambda: review.verify(s, home, actor=actor),
            "return": lambda: review.return_to_beta(s, home, reason="r", actor=actor),
            "reopen": lambda: review.reopen(s, home, reason="r", actor=actor),
            "archive": lambda: workspaces.archive(s, home, actor=actor),
            "restore": lambda: workspaces.restore(s, home, actor=actor),
        }[what])  # fmt: skip

    @invariant()
    def nothing_lies(self) -> None:
        if not hasattr(self, "home"):
            return
        assert scenarios.lies(self.session) == []
        self.looked += 1
        if self.looked % 8 == 0:  # the sums of the whole history; at the end as well
            assert recount_statistics(self.session) == []
        found = scenarios.row(self.session, self.home)
        live = workspaces.has_live_execution(self.session, self.home)
        assert (live.id if live else None) == self.live
        assert (found.approved_at is None) == (found.approved_by_id is None)
        assert found.success_rate is None or not self.fresh


@pytest.fixture
def machine(engine: Engine) -> type[Workspace]:
    Workspace.engine, Workspace.refused, Workspace.done = engine, {}, {}
    return Workspace


def test_one_known_order_takes_every_verb(machine: type[Workspace]) -> None:
    one = machine()
    one.begin(0)
    wrong = Verdict.FALSE_POSITIVE
    steps: list[Callable[[], Any]] = [
        one.describe, lambda: one.comment(0), lambda: one.launch(0), lambda: one.cancel(1), lambda: one.launch(1),
        one.take, lambda: one.work(P.PLANNING), one.retry, lambda: one.work(P.REFINING), one.fail,
        lambda: one.launch(0), one.take, one.find_nothing, lambda: one.launch(0), one.take, lambda: one.deploy(0),
        lambda: one.test({0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50}, False, 0), lambda: one.judge_all(3, 0),
        lambda: one.judge(4, 1, 3, wrong), lambda: one.settle(0), lambda: one.judge(5, 0, 3, Verdict.ADJUSTMENT),
        lambda: one.miss(0, 0, 7), lambda: one.undo(1, 0), lambda: one.ask_in_words(1), lambda: one.complete(0),
        lambda: one.decide(0, "approve"), lambda: one.decide(0, "withdraw"), lambda: one.decide(0, "approve"),
        lambda: one.decide(1, "return"), lambda: one.decide(0, "approve"), lambda: one.decide(1, "verify"),
        lambda: one.decide(2, "reopen"), lambda: one.launch(0), one.take, lambda: one.deploy(2**20 - 1),
        lambda: one.test({0, 5, 10, 15}, True, 0), lambda: one.complete(0),
        lambda: one.decide(1, "archive"), lambda: one.decide(1, "restore"),
    ]  # fmt: skip
    for step in steps:
        step()
        one.nothing_lies()
    one.teardown()
    assert set(machine.done) >= {
        "describe", "comment", "launch", "cancel", "begin", "phase", "retry", "fail", "nothing", "deploy", "test",
        "judge", "settle", "missed", "undo", "words", "complete", "approve", "withdraw", "return", "verify", "reopen",
        "retest", "archive", "restore",
    }, (machine.done, machine.refused)  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(300)
def test_any_order_of_verbs_leaves_true_counters(machine: type[Workspace]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=20, stateful_step_count=25, deadline=None, derandomize=True, print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
    assert {"launch", "deploy", "judge", "complete"} <= set(machine.done), (machine.done, machine.refused)
