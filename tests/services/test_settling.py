"""What an execution fixed, and the columns that follow its batch."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services import executions, feedback
from services.lifecycle import FeedbackState, Verdict
from services.models import ClaudeExecution, ExecutionFeedback, FeedbackItem, PatternSession, WorkspaceMessage
from services.people import Actor
from tests import factories
from tests.support import scenarios
from tests.support.batches import disagreements

S = FeedbackState


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    return scenarios.in_beta(session, member)


def comments(session: Session, home: uuid.UUID, member: Actor, count: int) -> list[uuid.UUID]:
    return [feedback.add_comment_item(session, home, f"words {n}", actor=member) for n in range(count)]


def state(session: Session, item: uuid.UUID) -> tuple[str, bool]:
    """The state of a correction, and whether a version resolved it."""
    found = session.get_one(FeedbackItem, item, populate_existing=True)
    return found.state, found.resolved_version_id is not None


def outcomes(session: Session, execution: uuid.UUID) -> dict[uuid.UUID, str | None]:
    links = select(ExecutionFeedback.feedback_id, ExecutionFeedback.outcome)
    return {row[0]: row[1] for row in session.execute(links.where(ExecutionFeedback.execution_id == execution))}


def test_a_deploy_settles_what_it_took_and_what_it_fixed_along_with_it(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    fixed, missed, beside, untouched, taken_back = comments(session, home, member, 5)
    elsewhere = comments(session, scenarios.in_beta(session, member), member, 1)[0]
    feedback.withdraw(session, taken_back, actor=member)
    execution = scenarios.launch(session, home, member, feedback_ids=[fixed, missed])
    assert [state(session, i)[0] for i in (fixed, missed, beside)] == [S.SENT, S.SENT, S.OPEN]
    version = scenarios.deploy(session, execution, fixed=[str(i) for i in (fixed, beside, taken_back, elsewhere)])
    assert state(session, fixed) == (S.ADDRESSED, True)
    assert state(session, missed) == (S.OPEN, False)
    assert state(session, beside) == (S.ADDRESSED, True)
    assert state(session, untouched) == (S.OPEN, False)
    assert state(session, taken_back) == (S.WITHDRAWN, False)
    assert state(session, elsewhere) == (S.OPEN, False)
    assert session.get_one(FeedbackItem, beside).resolved_version_id == version
    assert outcomes(session, execution) == {fixed: "fixed", missed: "not_fixed"}
    assert session.get_one(FeedbackItem, beside).execution_id is None, "it was not sent"
    assert scenarios.lies(session) == []


def test_what_was_judged_right_is_no_correction_that_a_deploy_addresses(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=[10, 20])
    marks = scenarios.detections(session, made)
    right = feedback.judge(session, marks[10], Verdict.CONFIRMED, actor=member)
    wrong = feedback.judge(session, marks[20], Verdict.FALSE_POSITIVE, actor=member)
    session.get_one(PatternSession, made).split = "holdout"  # held back from the agent, and settled all the same
    sent = comments(session, home, member, 1)
    execution = scenarios.launch(session, home, member, feedback_ids=sent)
    scenarios.deploy(session, execution, fixed=[str(right), str(wrong)])
    assert state(session, right) == (S.OPEN, False)
    assert state(session, wrong) == (S.ADDRESSED, True)


def test_a_run_that_deploys_nothing_addresses_nothing_beside_its_batch(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    taken, beside = comments(session, home, member, 2)
    execution = scenarios.launch(session, home, member, feedback_ids=[taken])
    scenarios.begin(session, execution)
    row = session.get_one(ClaudeExecution, execution)
    executions.complete(session, row, summary="Nothing to change.", holding_ids=[str(beside)])
    assert [state(session, i) for i in (taken, beside)] == [(S.OPEN, False), (S.OPEN, False)]
    assert outcomes(session, execution) == {taken: "not_fixed"}


def test_a_deploy_recorded_again_after_a_later_one_changes_nothing(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    comments(session, home, member, 2)
    first = scenarios.launch(session, home, member)
    scenarios.deploy(session, first, code="first")
    epoch = session.get_one(ClaudeExecution, first, populate_existing=True).epoch
    second = scenarios.launch(session, home, member)
    scenarios.deploy(session, second, code="second")
    before = scenarios.everything(session)
    scenarios.finish(session, first, epoch)
    assert scenarios.everything(session) == before


def test_the_repeated_columns_follow_the_links_whoever_writes_them(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    first, second, third = comments(session, home, member, 3)
    old = scenarios.launch(session, home, member, feedback_ids=[third, first])
    row = session.get_one(ClaudeExecution, old)
    assert row.feedback_ids == [str(first), str(third)], "in the order in which they were given"
    scenarios.deploy(session, old)
    new = scenarios.launch(session, home, member, feedback_ids=[first, second])
    assert disagreements(session) == []
    holders = {i: session.get_one(FeedbackItem, i, populate_existing=True).execution_id for i in (first, second, third)}
    assert holders == {first: new, second: new, third: old}
    link = (ExecutionFeedback.execution_id == new) & (ExecutionFeedback.feedback_id == first)
    session.execute(delete(ExecutionFeedback).where(link))
    assert session.get_one(FeedbackItem, first, populate_existing=True).execution_id == old
    assert session.get_one(ClaudeExecution, new, populate_existing=True).feedback_ids == [str(second)]
    session.execute(delete(WorkspaceMessage).where(WorkspaceMessage.feedback_id == third))
    session.execute(delete(FeedbackItem).where(FeedbackItem.id == third))
    assert session.get_one(ClaudeExecution, old, populate_existing=True).feedback_ids == [str(first)]
    assert disagreements(session) == []


def test_a_link_is_written_or_removed_and_never_changed(session: Session, member: Actor, home: uuid.UUID) -> None:
    first, second = comments(session, home, member, 2)
    execution = scenarios.launch(session, home, member, feedback_ids=[first])
    with pytest.raises(DBAPIError, match="written or removed, never changed"), session.begin_nested():
        session.execute(update(ExecutionFeedback).values(feedback_id=second))
    session.execute(update(ExecutionFeedback).values(outcome="fixed"))
    assert outcomes(session, execution) == {first: "fixed"}


def test_the_comparison_sees_a_column_that_was_changed_by_hand(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    _, second = comments(session, home, member, 2)
    scenarios.launch(session, home, member)
    assert disagreements(session) == []
    session.execute(update(ClaudeExecution).where(ClaudeExecution.workspace_id == home).values(feedback_ids=[]))
    session.execute(update(FeedbackItem).where(FeedbackItem.id == second).values(execution_id=None))
    assert [what.split(" ")[0] for what, _, _ in disagreements(session)] == ["feedback_ids", "execution_id"]
