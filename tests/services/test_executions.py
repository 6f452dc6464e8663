"""Executions: what may be launched, what a worker writes, how they end."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services import deployments, executions, feedback, review, timeline, workspaces
from services.database.engine import engine_for, transaction
from services.errors import Conflict, IllegalTransition, InvalidInput, NotFound, StaleEpoch
from services.executions import FollowUp, PhaseFacts, UsageRow
from services.lifecycle import EXECUTION_TRANSITIONS, ExecutionPhase, ExecutionStatus, FeedbackState, Role
from services.models import ClaudeExecution, ExecutionAttempt, ExecutionFeedback, FeedbackItem, WorkspaceMessage
from services.people import Actor
from tests import factories
from tests.support import scenarios

P, X, S = ExecutionPhase, ExecutionStatus, FeedbackState


def words(session: Session, home: uuid.UUID, member: Actor, count: int = 1) -> list[uuid.UUID]:
    return [feedback.add_comment_item(session, home, f"Look at {i}.", actor=member) for i in range(count)]


def states(session: Session, ids: list[uuid.UUID]) -> list[str]:
    session.flush()
    query = select(FeedbackItem.id, FeedbackItem.state).where(FeedbackItem.id.in_(ids))
    found = dict(session.execute(query).all())
    return [found[i] for i in ids]


def queued(session: Session) -> list[str]:
    """The workflows that wait in the engine's queue, by their ids."""
    return list(session.scalars(text("SELECT workflow_uuid FROM engine.workflow_status WHERE status = 'ENQUEUED'")))


def test_a_launch_writes_run_links_messages_and_job_together(session: Session, member: Actor, home: uuid.UUID) -> None:
    ids = words(session, home, member, 3)
    made = scenarios.launch(session, home, member, feedback_ids=ids[:2])
    run = scenarios.run_row(session, made)
    assert (run.status, run.number, run.progress, run.is_first) == ("pending", 2, 0, False)
    assert set(run.feedback_ids) == {str(i) for i in ids[:2]}
    assert states(session, ids) == [S.SENT, S.SENT, S.OPEN]
    assert scenarios.kinds(session, home)[-1] == "feedback_batch_sent"
    assert str(made) in queued(session)
    assert scenarios.lies(session) == []


def _nothing_to_send(s: Session, home: uuid.UUID, m: Actor) -> None:
    scenarios.launch(s, home, m)


def _not_described(s: Session, home: uuid.UUID, m: Actor) -> None:
    scenarios.launch(s, factories.workspace(s, m, described=False), m)


def _in_review(s: Session, home: uuid.UUID, m: Actor) -> None:
    scenarios.judged(s, home, m)
    words(s, home, m)
    review.approve(s, home, actor=m)
    scenarios.launch(s, home, m)


def _archived(s: Session, home: uuid.UUID, m: Actor) -> None:
    words(s, home, m)
    workspaces.archive(s, home, actor=factories.person(s, Role.ADMIN))
    scenarios.launch(s, home, m)


def _chosen_is_gone(s: Session, home: uuid.UUID, m: Actor) -> None:
    ids = words(s, home, m, 2)
    feedback.withdraw(s, ids[0], actor=m)
    scenarios.launch(s, home, m, feedback_ids=ids)


def _unknown_agent(s: Session, home: uuid.UUID, m: Actor) -> None:
    words(s, home, m)
    scenarios.launch(s, home, m, agent="nobody")


@pytest.mark.parametrize(
    ("attempt", "error", "sentence"),
    [
        (_nothing_to_send, InvalidInput, "no open correction"),
        (_not_described, InvalidInput, "not described yet"),
        (_in_review, Conflict, "withdraw the approval first"),
        (_archived, Conflict, "restore it first"),
        (_chosen_is_gone, Conflict, "1 of the chosen corrections"),
        (_unknown_agent, InvalidInput, "There is no agent called nobody; there are tuner, claude"),
    ],
)
def test_what_can_not_be_launched_says_why(
    session: Session, member: Actor, home: uuid.UUID, attempt: Callable[[Session, uuid.UUID, Actor], None],
    error: type[Exception], sentence: str,
) -> None:  # fmt: skip
    jobs = queued(session)
    with pytest.raises(error, match=sentence):
        attempt(session, home, member)
    assert queued(session) == jobs
    assert scenarios.count(session, ClaudeExecution) == 1
    assert scenarios.lies(session) == []


def test_a_second_launch_is_refused_with_a_link_to_the_first(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member, 1)
    first = scenarios.launch(session, home, member)
    words(session, home, member, 1)
    before = scenarios.everything(session)
    with pytest.raises(Conflict, match="one runs at a time") as refused:
        scenarios.launch(session, home, member)
    assert refused.value.link == f"/execution?id={first}"
    assert scenarios.everything(session) == before


def test_twenty_launches_at_once_leave_one_run(clone_url: str) -> None:
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        member = factories.person(session)
        home = factories.workspace(session, member)

    def launch(_: int) -> uuid.UUID | str:
        try:
            with transaction(engine) as session:
                return scenarios.launch(session, home, member)
        except Conflict as refused:
            return str(refused)

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(launch, range(20)))
    won = [r for r in results if isinstance(r, uuid.UUID)]
    assert len(won) == 1
    assert {r for r in results if isinstance(r, str)} == {
        f"Execution 1 of {loop_name(engine, home)} is live; one runs at a time."
    }
    with transaction(engine) as session:
        assert queued(session) == [str(won[0])]
        assert scenarios.lies(session) == []
        run = ClaudeExecution(workspace_id=home, triggered_by=member.id, number=9)
        with pytest.raises(Exception, match="uq_claude_executions_live"), session.begin_nested():
            session.add(run)
    engine.dispose()


def loop_name(engine: Any, home: uuid.UUID) -> str:
    with transaction(engine) as session:
        return workspaces.get(session, home).name


def test_canceling_a_queued_run_ends_it_and_one_under_way_waits_for_its_worker(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    [item] = words(session, home, member)
    first = scenarios.launch(session, home, member)
    executions.cancel(session, first, actor=member)
    run = scenarios.run_row(session, first)
    assert (run.status, run.error, run.canceled_by_id) == ("failed", f"Canceled by {member.name}.", member.id)
    assert (scenarios.row(session, home).status, states(session, [item])) == ("soon", [S.OPEN])
    with pytest.raises(Conflict, match="ended already"):
        executions.cancel(session, first, actor=member)

    second = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, second)
    assert not executions.heartbeat(session, second, epoch=epoch)
    executions.cancel(session, second, actor=member)
    executions.cancel(session, second, actor=member)
    assert (scenarios.run_row(session, second).status, states(session, [item])) == ("running", [S.SENT])
    assert executions.heartbeat(session, second, epoch=epoch)
    executions.end_canceled(session, executions.locked(session, second, epoch))
    assert (scenarios.run_row(session, second).status, scenarios.row(session, home).status) == ("failed", "soon")
    assert states(session, [item]) == [S.OPEN]
    attempts = session.scalars(select(ExecutionAttempt).where(ExecutionAttempt.execution_id == second)).all()
    assert [(a.number, a.outcome) for a in attempts] == [(1, "canceled")]
    assert scenarios.lies(session) == []


def test_a_request_to_cancel_that_came_too_late_is_no_cancel(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    scenarios.candidate(session, made, epoch)
    executions.cancel(session, made, actor=member)
    scenarios.start_deploy(session, made, epoch)
    scenarios.finish(session, made, epoch)
    detail = executions.get(session, made)
    assert (detail.row.status, detail.row.canceled, detail.canceled_by_name) == ("completed", False, None)


def worker_writes(session: Session, made: uuid.UUID, epoch: int) -> dict[str, Callable[[], object]]:
    """Every write of a worker, in an order in which a run can make them."""
    at: dict[str, Any] = {"epoch": epoch}
    one: dict[str, Any] = {**at, "phase": P.PLANNING, "attempt": 1}
    candidate: dict[str, Any] = {
        "commit_hash": scenarios.commit_hash(1), "module_path": "detectors/swings.py", "code_sha256": scenarios.code_hash(1),
        "params": {"left": 4}, "spec": scenarios.SPEC, "origin": "tuner", "contract_report": None,
    }  # fmt: skip
    moved: dict[str, Any] = {"status": "building", "raw": "BUILDING", "logs": "l", "url": None}
    ended: dict[str, Any] = {"url": None, "raw": "READY", "logs": "l", "changes": [], "holding_ids": [], "summary": "s"}
    return {
        "begin": lambda: executions.begin(session, made, worker_id="w", base_commit="b", **at),
        "begin_phase": lambda: executions.begin_phase(session, made, task="t", **one),
        "report": lambda: executions.report(session, made, fraction=0.5, task="t", **one),
        "checkpoint": lambda: executions.checkpoint(session, made, key="k", text="t", **one),
        "end_phase": lambda: executions.end_phase(session, made, facts=PhaseFacts(commit_hash=scenarios.commit_hash(1)), **one),
        "begin_retry": lambda: executions.begin_retry(
            session, made, attempt=1, reason="r", follow_up=FollowUp(), announce=True, **at),
        "add_usage": lambda: executions.add_usage(session, made, rows=[used("m")], **at),
        "keep_deploy": lambda: executions.keep_deploy(session, made, attempt=1, log_key="k", **at),
        "deploy_retry": lambda: deployments.deploy_retry(session, made, attempt=1, previous_error="e", **at),
        "begin again": lambda: executions.begin_phase(session, made, task="t", **{**one, "attempt": 2}),
        "end again": lambda: executions.end_phase(session, made, **{**one, "attempt": 2}),
        "add_candidate": lambda: deployments.add_candidate(session, made, **candidate, **at),
        "deploy_started": lambda: deployments.deploy_started(session, made, attempt=2, deployment_id="d", **at),
        "deploy_moved": lambda: deployments.deploy_moved(session, made, attempt=2, **moved, **at),
        "deploy_succeeded": lambda: deployments.deploy_succeeded(session, made, attempt=2, **ended, **at),
        "deploy_failed": lambda: deployments.deploy_failed(
            session, made, attempt=2, error="e", logs="l", will_retry=False, **at),
        "reject_candidate": lambda: deployments.reject_candidate(session, made, **at),
        "heartbeat": lambda: executions.heartbeat(session, made, **at),
    }  # fmt: skip


def test_a_worker_that_lost_its_run_can_write_nothing(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    old = scenarios.begin(session, made)
    scenarios.candidate(session, made, old, params={"left": 9})
    executions.take_over(session, made, worker_id="worker 2")
    before = scenarios.everything(session)
    for name, write in worker_writes(session, made, old).items():
        with pytest.raises(StaleEpoch):
            write()
        assert scenarios.everything(session) == before, name


def test_every_write_of_a_worker_may_run_twice(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    epoch = executions.take_over(session, made, worker_id="w")
    writes = worker_writes(session, made, epoch)
    for name in list(writes)[: list(writes).index("deploy_succeeded") + 1]:
        writes[name]()
        facts = _facts(session, home, made)
        writes[name]()
        assert _facts(session, home, made) == facts, name
        assert scenarios.lies(session) == [], name
    assert scenarios.run_row(session, made).status == X.COMPLETED


def _facts(session: Session, home: uuid.UUID, made: uuid.UUID) -> tuple[object, ...]:
    run = executions.get(session, made)
    return (
        scenarios.kinds(session, home), run.row.status, run.row.phase, run.row.progress, run.row.retry_count,
        [(a.number, a.outcome) for a in run.attempts], len(run.checkpoints), len(run.phases),
        scenarios.row(session, home).version, [(v.id, v.status) for v in deployments.list_versions(session, home)],
    )  # fmt: skip


def test_failing_opens_what_it_took_and_a_second_end_touches_no_other_run(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    [item] = words(session, home, member)
    first = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, first)
    executions.begin_phase(session, first, epoch=epoch, phase=P.PLANNING, attempt=1, task="t")
    executions.fail(session, executions.locked(session, first, epoch), error="It broke.", advice="Mend it.")
    run = scenarios.run_row(session, first)
    assert (run.status, run.error, scenarios.row(session, home).status) == ("failed", "It broke. Mend it.", "soon")
    assert states(session, [item]) == [S.OPEN]
    assert scenarios.kinds(session, home)[-2:] == ["claude_failed", "status_changed"]
    second = scenarios.launch(session, home, member)
    before = scenarios.everything(session)
    executions.fail(session, executions.locked(session, first, epoch), error="Again.")
    assert scenarios.everything(session) == before
    assert states(session, [item]) == [S.SENT]
    outcomes = select(ExecutionFeedback.outcome).where(ExecutionFeedback.execution_id == first)
    assert session.scalars(outcomes).all() == ["not_fixed"]
    with pytest.raises(IllegalTransition):
        executions.complete(session, executions.locked(session, first, epoch), summary="no")
    assert scenarios.run_row(session, second).status == X.PENDING


def test_a_run_that_finds_nothing_better_opens_its_items_again(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    ids = words(session, home, member, 2)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    executions.complete(session, executions.locked(session, made, epoch), summary="Nothing better was found.")
    assert states(session, ids) == [S.OPEN, S.OPEN]
    assert scenarios.row(session, home).version == "0.1.0"
    assert executions.get(session, made).row.status == X.COMPLETED
    assert scenarios.lies(session) == []


def test_a_first_run_without_a_deploy_leaves_the_pattern_where_it_was(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    executions.complete(session, executions.locked(session, made, epoch), summary="Nothing to do.")
    assert scenarios.row(session, home).status == "soon"
    assert scenarios.lies(session) == []
    scenarios.deploy(session, scenarios.launch(session, home, member))
    assert (scenarios.row(session, home).status, scenarios.row(session, home).version) == ("beta", "0.1.0")


def test_a_retry_ends_the_phase_under_way_and_begins_from_zero(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    executions.begin_phase(session, made, epoch=epoch, phase=P.TESTING, attempt=1, task="t")
    scenarios.retry(session, made, epoch, 1, "The network was away.", kind="git.unreachable")
    scenarios.retry(session, made, epoch, 1, "The step runs again.", kind="git.unreachable")
    run = executions.get(session, made)
    assert (run.row.status, run.row.progress, run.row.retry_count) == ("retry", 0, 1)
    assert [(a.number, a.outcome) for a in run.attempts] == [(1, "retry"), (2, None)]
    assert run.phases["testing"].status == "failed"
    message = session.scalars(select(WorkspaceMessage).where(WorkspaceMessage.type == "claude_phase_update",
                                                             WorkspaceMessage.execution_id == made)).one()  # fmt: skip
    assert message.status == "failed"
    (told,) = [e for e in timeline.page(session, home) if e.type == "claude_failed"]
    assert told.data == {
        "execution_id": str(made), "error": "The network was away.", "phase": "testing", "will_retry": True,
        "retry_count": 1,
    }  # fmt: skip
    of_run = select(ExecutionAttempt).where(ExecutionAttempt.execution_id == made)
    first = session.scalars(of_run.order_by(ExecutionAttempt.number)).first()
    assert first is not None
    assert (first.phase, first.decision) == (
        "testing", {"kind": "git.unreachable", "action": "retry", "pause_s": 4.0, "advice": None}
    )  # fmt: skip
    row = session.get_one(ClaudeExecution, made)
    assert row.retry_at is not None
    assert first.ended_at is not None
    assert (row.retry_at - first.ended_at).total_seconds() == 4.0
    executions.begin_phase(session, made, epoch=epoch, phase=P.TESTING, attempt=2, task="t")
    assert row.retry_at is None


def test_alike_failures_are_counted_back_from_the_last(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    for attempt, kind in enumerate(("git", "agent.silent", "agent.silent"), 1):
        executions.begin_phase(session, made, epoch=epoch, phase=P.PLANNING, attempt=attempt, task="t")
        scenarios.retry(session, made, epoch, attempt, "It broke.", kind=kind)
    assert executions.failures_alike(session, made, "agent.silent") == 2
    assert executions.failures_alike(session, made, "git") == 0


def used(message: str, cost: float = 0.25, attempt: int = 1) -> UsageRow:
    return UsageRow(message, attempt, "implement", "claude-x", cost, 1000, 50)


def test_what_the_agent_spends_is_kept_by_message_and_summed(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    executions.add_usage(session, made, epoch=epoch, rows=[used("m1"), used("m2", 0.1)])
    executions.add_usage(session, made, epoch=epoch, rows=[used("m2", 0.5), used("m1", 0.2)])  # told again, grown
    assert executions.spent(session, made) == 0.75
    executions.begin_phase(session, made, epoch=epoch, phase=P.PLANNING, attempt=1, task="t")
    scenarios.retry(session, made, epoch, 1, "It broke.", kind="agent.overloaded")
    executions.add_usage(session, made, epoch=epoch, rows=[used("m3", 1.0, attempt=2)])
    run = executions.get(session, made)
    assert (float(run.row.cost_usd), run.input_tokens, run.output_tokens) == (1.75, 3000, 150)
    assert [float(a.cost_usd) for a in run.attempts] == [0.75, 1.0]


def test_the_end_of_an_attempts_log_is_there_for_all_and_its_key_stays(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    words(session, home, member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    executions.keep_log(session, made, epoch=epoch, attempt=1, tail="x" * 70_000 + "\x00end", key="k1.txt")
    executions.keep_log(session, made, epoch=epoch, attempt=1, tail="later")
    executions.keep_log(session, made, epoch=epoch - 1, attempt=1, tail="an old worker's")
    assert executions.kept_log(session, made, 1) == ("k1.txt", "later")
    executions.keep_log(session, made, epoch=epoch, attempt=1, tail="x" * 70_000 + "\x00end")
    _, tail = executions.kept_log(session, made, 1)
    assert tail is not None
    assert (len(tail), tail[-4:]) == (executions.TAIL_CHARACTERS - 1, "xend")
    assert executions.kept_log(session, made, 2) == (None, None)


def failed(session: Session, home: uuid.UUID, member: Actor, **facts: object) -> uuid.UUID:
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    row = executions.locked(session, made, epoch)
    for name, value in facts.items():
        setattr(row, name, value)
    executions.fail(session, row, error="It broke.", follow_up=FollowUp(kind="deploy.failed", action="fail"))
    return made


def test_a_failed_run_is_continued_by_a_child_with_its_commit_and_plan(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    words(session, home, member)
    made = failed(
        session, home, member, commit_hash="c" * 40, plan={"summary": "s"}, base_commit="b" * 40, summary="Did it.",
        deploy_logs="the log",
    )  # fmt: skip
    assert executions.why_not_continue(session, made) is None
    child = executions.continue_from(session, made, actor=member)
    row = session.get_one(ClaudeExecution, child)
    assert (row.parent_execution_id, row.continues, row.commit_hash) == (made, True, "c" * 40)
    assert (row.plan, row.base_commit, len(row.feedback_ids)) == ({"summary": "s"}, "b" * 40, 1)
    taken = executions.continued(session, child)
    assert taken is not None
    assert (taken.execution_id, taken.commit_hash, taken.kind) == (made, "c" * 40, "deploy.failed")
    assert (taken.reason, taken.deploy_logs, taken.summary) == ("It broke.", "the log", "Did it.")
    assert executions.continued(session, made) is None
    with pytest.raises(Conflict, match="follows it already"):
        executions.continue_from(session, made, actor=member)


def test_the_clock_of_a_failed_run_stands_still_on_the_timeline(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    words(session, home, member)
    made = failed(session, home, member)
    row = session.get_one(ClaudeExecution, made)
    told = next(e for e in timeline.page(session, home) if e.type == "claude_failed")
    assert told.execution is not None
    assert row.started_at is not None and row.errored_at is not None
    times = (told.execution["started_at"], told.execution["completed_at"])
    assert times == (row.started_at.isoformat(), row.errored_at.isoformat())


def test_what_cannot_be_continued_says_why(session: Session, member: Actor, home: uuid.UUID) -> None:
    words(session, home, member)
    bare = failed(session, home, member)
    assert "before there was anything" in (executions.why_not_continue(session, bare) or "")
    planned = failed(session, home, member, plan={"summary": "s"})
    assert executions.why_not_continue(session, planned) is None
    live = scenarios.launch(session, home, member)
    assert "is live" in (executions.why_not_continue(session, planned) or "")
    assert "failed or was canceled" in (executions.why_not_continue(session, live) or "")
    with pytest.raises(NotFound):
        executions.why_not_continue(session, uuid.uuid4())


@pytest.mark.parametrize("source", list(X))
@pytest.mark.parametrize("target", list(X))
def test_statuses_of_runs_move_along_their_table(source: X, target: X) -> None:
    run = ClaudeExecution(number=1, status=source)
    if source == target or (source, target) in EXECUTION_TRANSITIONS:
        executions.set_status(run, target)
        assert run.status == target
    else:
        with pytest.raises(IllegalTransition):
            executions.set_status(run, target)
        assert run.status == source
