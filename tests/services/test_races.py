"""Many people on one workspace at the same moment: no illegal state, no deadlock, true counters."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from services import executions, feedback, labels, review, sessions, timeline, workspaces
from services.database.engine import engine_for, transaction
from services.errors import Conflict, PatternDeskError, StaleEpoch
from services.feedback import MarkPosition
from services.lifecycle import ExecutionPhase, Role, Verdict, WorkspaceStatus
from services.models import ClaudeExecution, Detection, FeedbackItem, PatternSession, PatternWorkspace, now
from services.people import Actor
from tests import factories
from tests.support import scenarios
from tests.support.waiting import until

THREADS = 50
SECONDS = 60.0  # far beyond what it takes: a deadlock or a lock timeout fails the test long before


@pytest.fixture
def engine(clone_url: str) -> Iterator[Engine]:
    engine = engine_for(clone_url)
    yield engine
    engine.dispose()


@dataclass
class Desk:
    """One workspace in beta with a completed and an active session, three people, and what happened to it."""

    engine: Engine
    home: uuid.UUID
    people: list[Actor]
    stored: factories.DatasetRow
    seen: Counter[str] = field(default_factory=Counter)
    counting: threading.Lock = field(default_factory=threading.Lock)

    def attempt(self, name: str, what: Callable[[Session], Any]) -> None:
        """One request: whole, or refused with a sentence. Anything else, a deadlock say, is raised."""
        try:
            with transaction(self.engine) as session:
                what(session)
            outcome = name
        except PatternDeskError as refused:
            assert str(refused).endswith("."), str(refused)
            outcome = f"{name} refused"
        with self.counting:
            self.seen[outcome] += 1

    def newest(self, session: Session, model: type[Any], *where: Any) -> Any:
        found = session.scalars(select(model).where(model.workspace_id == self.home, *where).limit(20)).all()
        return random.choice(found) if found else None


@pytest.fixture
def desk(engine: Engine) -> Desk:
    with transaction(engine) as session:
        people = [
            factories.person(session),
            factories.person(session, Role.ADMIN),
            factories.person(session, Role.ADMIN),
        ]
        home = scenarios.in_beta(session, people[0])
        scenarios.judged(session, home, people[0], right=10, wrong=4)
        stored = factories.dataset(session, people[0])
        scenarios.run_session(session, home, people[0], stored, anchors=range(0, 60, 3))
    return Desk(engine, home, people, stored)


def _judge(desk: Desk, session: Session, actor: Actor) -> None:
    active = desk.newest(session, PatternSession, PatternSession.status == "active")
    if active:
        marks = session.scalars(select(Detection.id).where(Detection.session_id == active.id)).all()
        verdict = random.choice([Verdict.CONFIRMED, Verdict.FALSE_POSITIVE, Verdict.UNSURE])
        feedback.judge(session, random.choice(marks), verdict, actor=actor)


def _miss(desk: Desk, session: Session, actor: Actor) -> None:
    active = desk.newest(session, PatternSession, PatternSession.status == "active")
    if active:
        place = MarkPosition(random.randrange(60), now())
        feedback.add_missed(session, active.id, kind="swing_high", direction=1, place=place, actor=actor)


def _undo(desk: Desk, session: Session, actor: Actor) -> None:
    item = desk.newest(session, FeedbackItem, FeedbackItem.state == "open", FeedbackItem.author_id == actor.id)
    if item:
        feedback.withdraw(session, item.id, actor=actor)


def _complete(desk: Desk, session: Session, actor: Actor) -> None:
    active = desk.newest(session, PatternSession, PatternSession.status == "active")
    if active:
        sessions.complete(session, active.id, actor=actor)


def _cancel(desk: Desk, session: Session, actor: Actor) -> None:
    live = workspaces.has_live_execution(session, desk.home)
    if live:
        executions.cancel(session, live.id, actor=actor)


def _work(desk: Desk, session: Session, _: Actor) -> None:
    """A worker's whole run in one go; it may find that somebody canceled."""
    live = workspaces.has_live_execution(session, desk.home)
    if live is None:
        return
    epoch = scenarios.begin(session, live.id)
    if executions.heartbeat(session, live.id, epoch=epoch):
        executions.end_canceled(session, executions.locked(session, live.id, epoch))
    elif random.random() < 0.3:
        executions.fail(session, executions.locked(session, live.id, epoch), error="It broke.")
    else:
        scenarios.candidate(session, live.id, epoch, params={"left": random.randrange(1000)})
        scenarios.start_deploy(session, live.id, epoch)
        scenarios.finish(session, live.id, epoch)


VERBS: dict[str, Callable[[Desk, Session, Actor], Any]] = {
    "launch": lambda d, s, a: scenarios.launch(s, d.home, a),
    "approve": lambda d, s, a: review.approve(s, d.home, actor=a),
    "withdraw": lambda d, s, a: review.withdraw(s, d.home, actor=a),
    "verify": lambda d, s, a: review.verify(s, d.home, actor=a),
    "return": lambda d, s, a: review.return_to_beta(s, d.home, reason="r", actor=a),
    "reopen": lambda d, s, a: review.reopen(s, d.home, reason="r", actor=a),
    "comment": lambda d, s, a: timeline.comment(s, d.home, "hello", actor=a),
    "words": lambda d, s, a: feedback.add_comment_item(s, d.home, "words", actor=a),
    "test": lambda d, s, a: scenarios.run_session(s, d.home, a, d.stored, anchors=range(0, 60, 4)),
    "judge": _judge, "missed": _miss, "undo": _undo, "complete": _complete, "cancel": _cancel, "work": _work,
}  # fmt: skip


@pytest.mark.timeout(180)
def test_fifty_people_at_once_leave_no_illegal_state(desk: Desk) -> None:
    gate = threading.Barrier(THREADS, timeout=SECONDS)
    began = time.monotonic()

    def person(number: int) -> None:
        names = random.Random(number).sample(list(VERBS), k=5)
        gate.wait()
        for name in names:
            desk.attempt(name, lambda s, n=name: VERBS[n](desk, s, desk.people[number % 3]))  # type: ignore[misc]

    with ThreadPoolExecutor(THREADS) as pool:
        for done in [pool.submit(person, n) for n in range(THREADS)]:
            done.result(timeout=SECONDS)
    assert time.monotonic() - began < SECONDS
    assert desk.seen.total() == THREADS * 5
    with transaction(desk.engine) as session:
        assert scenarios.lies(session) == []
        found = scenarios.row(session, desk.home)
        assert found.status in set(WorkspaceStatus)
        entries = list(timeline.full(session, desk.home))
        moves = [(e.data["previous_status"], e.data["new_status"]) for e in entries if e.type == "status_changed"]
        assert [a for _, a in moves[:-1]] == [b for b, _ in moves[1:]], "each change begins where the last one ended"
        assert moves[-1][1] == found.status
        assert [e.seq for e in entries] == list(range(1, found.message_seq + 1))
    assert {n for n in VERBS if desk.seen[n] or desk.seen[f"{n} refused"]} == set(VERBS)


def test_one_pattern_gets_one_workspace_however_many_create_it(engine: Engine) -> None:
    with transaction(engine) as session:
        member = factories.person(session)

    def create(_: int) -> str:
        try:
            with transaction(engine) as session:
                workspaces.create(session, pattern_type="swings", name="Swings", category="c", actor=member)
        except Conflict as refused:
            assert refused.link
            return str(refused)
        return "created"

    with ThreadPoolExecutor(20) as pool:
        results = Counter(pool.map(create, range(20)))
    assert results == {"created": 1, "There is a workspace for the pattern type 'swings' already: Swings.": 19}
    with transaction(engine) as session:
        assert scenarios.count(session, PatternWorkspace) == 1


def test_approving_and_launching_at_once_never_both(desk: Desk) -> None:
    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            list(
                pool.map(lambda n: desk.attempt(n, lambda s: VERBS[n](desk, s, desk.people[0])), ["approve", "launch"])
            )
        with transaction(desk.engine) as session:
            live = workspaces.has_live_execution(session, desk.home)
            assert (live is not None) != (scenarios.row(session, desk.home).status == WorkspaceStatus.IN_REVIEW)
            assert scenarios.lies(session) == []
        desk.attempt("cancel", lambda s: _cancel(desk, s, desk.people[0]))
        desk.attempt("withdraw", lambda s: review.withdraw(s, desk.home, actor=desk.people[0]))


def test_two_verdicts_of_one_person_at_once_are_one_item(desk: Desk) -> None:
    with transaction(desk.engine) as session:
        active = desk.newest(session, PatternSession, PatternSession.status == "active")
        mark = next(iter(scenarios.detections(session, active.id).values()))

    def judge(verdict: Verdict) -> None:
        desk.attempt("judge", lambda s: feedback.judge(s, mark, verdict, actor=desk.people[0]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(judge, [Verdict.CONFIRMED, Verdict.FALSE_POSITIVE] * 4))
    assert desk.seen == {"judge": 8}
    with transaction(desk.engine) as session:
        assert scenarios.count(session, FeedbackItem, FeedbackItem.detection_id == mark) == 1
        assert scenarios.lies(session) == []


def test_two_workers_on_one_run_write_each_message_once(desk: Desk) -> None:
    with transaction(desk.engine) as session:
        made = scenarios.launch(session, desk.home, desk.people[0])

    def worker(_: int) -> str:
        try:
            with transaction(desk.engine) as session:
                epoch = executions.take_over(session, made, worker_id="w")
            for phase in (ExecutionPhase.PLANNING, ExecutionPhase.IMPLEMENTING, ExecutionPhase.TESTING):
                with transaction(desk.engine) as session:
                    executions.begin(session, made, epoch=epoch, worker_id="w", base_commit="b")
                    scenarios.phase(session, made, epoch, phase)
        except StaleEpoch:
            return "stopped"
        return "through"

    with ThreadPoolExecutor(6) as pool:
        results = Counter(pool.map(worker, range(6)))
    assert results["through"] >= 1
    with transaction(desk.engine) as session:
        told = [e.type for e in timeline.full(session, desk.home) if e.execution and e.execution["id"] == str(made)]
        assert Counter(told)["claude_started"] == 1
        assert Counter(told)["claude_phase_update"] == Counter(told)["claude_checkpoint"] == 3
        assert scenarios.lies(session) == []
        assert scenarios.count(session, ClaudeExecution, ClaudeExecution.id == made) == 1


def test_whoever_writes_the_places_of_a_workspace_waits_for_who_has_locked_it(desk: Desk) -> None:
    """A run derives the places while somebody judges: each has what the other waits for, unless both begin alike."""
    with transaction(desk.engine) as session:
        session.execute(text("DELETE FROM places"))
    kept: list[labels.LabelSet] = []

    def derive() -> None:
        with transaction(desk.engine) as session:
            kept.append(labels.keep(session, desk.home))

    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with transaction(desk.engine) as session:
        workspaces.lock(session, desk.home)
        run = threading.Thread(target=derive)
        run.start()
        with desk.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            until(lambda: other.scalar(text(waiting)), "the run to wait")
        own = labels.keep(session, desk.home)
    run.join(SECONDS)
    assert kept and kept[0].places == own.places
