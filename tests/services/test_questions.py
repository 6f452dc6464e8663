"""Questions to the agent: who may ask, what stands in the thread, that one is answered once, and what it counts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import holding, limiting, questions, stats, timeline
from services.cli.recount import recount_statistics
from services.errors import Conflict, NotAllowed, NotFound, StaleEpoch
from services.lifecycle import Role
from services.models import Question, WorkspaceMessage
from services.people import Actor
from services.questions import Outcome, SpentRow
from services.settings import get_settings
from services.stats import Filters, kept
from services.timeline import TimelineEntry
from tests import factories
from tests.support import scenarios

ASKED = "@claude why did you exclude inside bars?"


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    limiting.forget()
    yield
    limiting.forget()


def asked(session: Session, workspace_id: uuid.UUID, actor: Actor, text: str = ASKED) -> tuple[Question, TimelineEntry]:
    """A question and the message of its answer."""
    questions.comment(session, workspace_id, text, actor=actor)
    row = session.scalars(select(Question).order_by(Question.created_at.desc(), Question.id.desc()).limit(1)).one()
    return row, answer_of(session, row)


def answer_of(session: Session, row: Question) -> TimelineEntry:
    entry = timeline.entry(session, row.answer_message_id)
    assert entry is not None
    return entry


def begin(session: Session, row: Question) -> questions.Begun:
    begun = questions.begin(session, row.id, worker_id="worker 1")
    assert begun is not None
    return begun


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("@claude why?", True), ("why, @Claude?", True), ("(@CLAUDE) why", True), ("mail me@claude.com", False),
        ("@claudette why?", False), ("claude why?", False), ("@Claude Monet, look", False),
        ("@Claude Monet, let us ask @claude", True),
    ],
)  # fmt: skip
def test_what_is_a_question(text: str, asks: bool) -> None:
    assert questions.asks_agent(text, ["Claude Monet", "Mara"]) is asks


def test_a_question_is_followed_by_its_answer(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    row, waiting = asked(session, undescribed, member)
    assert [e.type for e in timeline.page(session, undescribed)][-2:] == ["comment", "claude_answer"]
    assert (waiting.status, waiting.author_type, waiting.data["asked_by"]) == ("pending", "claude", member.name)
    begun = begin(session, row)
    assert (begun.text, begun.attempt, begun.asked_by) == (ASKED, 1, member.name)
    questions.tell(session, row.id, attempt=1, text="They are", doing="Reading detectors/swings.py")
    told = answer_of(session, row)
    assert (told.status, told.content) == ("in_progress", "They are")
    assert told.data["doing"] == "Reading detectors/swings.py"
    questions.add_usage(
        session, row.id, [SpentRow("m1", "claude-x", 0.01, 100, 7), SpentRow("m2", "claude-x", 0.02, 200, 8)]
    )
    questions.add_usage(session, row.id, [SpentRow("m2", "claude-x", 0.02, 200, 9)])
    done = Outcome(text="They are no turning points.\x00", model="claude-x", version="0.2.0")
    assert questions.end(session, row.id, attempt=1, outcome=done)
    last = answer_of(session, row)
    assert (last.status, last.content) == ("completed", "They are no turning points.")
    assert {k: last.data[k] for k in ("cost_usd", "input_tokens", "output_tokens", "model", "version")} == {
        "cost_usd": 0.03, "input_tokens": 300, "output_tokens": 16, "model": "claude-x", "version": "0.2.0",
    }  # fmt: skip
    assert not questions.end(session, row.id, attempt=1, outcome=Outcome(text="Another"))
    assert questions.begin(session, row.id, worker_id="worker 2") is None
    assert answer_of(session, row) == last


def test_one_that_was_taken_over_is_answered_once(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    row, _ = asked(session, undescribed, member)
    begin(session, row)
    questions.tell(session, row.id, attempt=1, text="Half of it", doing=None)
    assert begin(session, row).attempt == 2
    assert answer_of(session, row).content is None, "what the first attempt said is gone"
    for late in (
        lambda: questions.tell(session, row.id, attempt=1, text="late", doing=None),
        lambda: questions.beat(session, row.id, attempt=1),
    ):
        with pytest.raises(StaleEpoch):
            late()
    assert not questions.end(session, row.id, attempt=1, outcome=Outcome(text="late"))
    assert not questions.beat(session, row.id, attempt=2)
    assert questions.end(session, row.id, attempt=2, outcome=Outcome(text="once"))
    assert answer_of(session, row).content == "once"
    entries = [e for e in timeline.page(session, undescribed) if e.type == "claude_answer"]
    assert len(entries) == 1


def test_one_that_ends_its_worker_each_time_is_given_up(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    row, _ = asked(session, undescribed, member)
    for attempt in range(1, questions.MOST_ATTEMPTS + 1):
        assert begin(session, row).attempt == attempt
    assert questions.begin(session, row.id, worker_id="worker 9") is None
    failed = answer_of(session, row)
    assert (failed.status, failed.data["error"]) == (
        "failed",
        "Answering was cut off 3 times, so it was given up; it may be asked again.",
    )


def test_a_failed_one_may_be_asked_again_and_no_other(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    row, _ = asked(session, undescribed, member)
    with pytest.raises(Conflict, match="on its way"):
        questions.ask_again(session, row.answer_message_id, actor=member)
    begin(session, row)
    questions.end(session, row.id, attempt=1, outcome=Outcome(error="Claude's API is overloaded."))
    colleague = factories.person(session)
    second = questions.ask_again(session, row.answer_message_id, actor=colleague)
    again = timeline.entry(session, second)
    assert again is not None
    assert (again.status, again.data["asked_by"]) == ("pending", colleague.name)
    with pytest.raises(Conflict, match="asked again already"):
        questions.ask_again(session, row.answer_message_id, actor=member)
    with pytest.raises(NotFound):
        questions.ask_again(session, row.asked_message_id, actor=member)


def test_a_deleted_question_is_not_answered(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    row, _ = asked(session, undescribed, member)
    timeline.delete_comment(session, row.asked_message_id, actor=member)
    assert not questions.wait(session, row.id, "Adam paused all runs.")
    assert questions.begin(session, row.id, worker_id="worker 1") is None
    assert answer_of(session, row).data["error"] == "The question was deleted before it was answered."
    with pytest.raises(Conflict, match="was deleted"):
        questions.ask_again(session, row.answer_message_id, actor=member)
    running, _ = asked(session, undescribed, member)
    begin(session, running)
    timeline.delete_comment(session, running.asked_message_id, actor=member)
    assert questions.beat(session, running.id, attempt=1), "a running one is told to stop"


def test_a_viewer_asks_nothing(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    viewer = factories.person(session, Role.VIEWER)
    row, _ = asked(session, undescribed, member)
    before = scenarios.everything(session)
    with pytest.raises(NotAllowed):
        questions.comment(session, undescribed, ASKED, actor=viewer)
    with pytest.raises(NotAllowed):
        questions.ask_again(session, row.answer_message_id, actor=viewer)
    assert scenarios.everything(session) == before


def test_other_comments_ask_nothing(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    questions.comment(session, undescribed, "Mail to a@claude.example, @Mara", actor=member)
    assert session.scalars(select(Question)).all() == []
    assert timeline.page(session, undescribed)[-1].type == "comment"


def test_who_asks_too_often_reads_so_in_the_thread(
    session: Session, member: Actor, undescribed: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMITS", "ask=1/hour")
    get_settings.cache_clear()
    try:
        assert asked(session, undescribed, member)[1].status == "pending"
        row, refused = asked(session, undescribed, member)
        assert refused.status == "failed"
        assert refused.data["error"].startswith("That was more than 1 questions to the agent in one hour")
        assert questions.begin(session, row.id, worker_id="worker 1") is None
        assert asked(session, undescribed, factories.person(session))[1].status == "pending", "others still may"
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_answers_count_towards_the_cap_of_the_day(
    session: Session, member: Actor, admin: Actor, undescribed: uuid.UUID
) -> None:
    holding.set_cap(session, undescribed, 1.0, actor=admin)
    row, _ = asked(session, undescribed, member)
    assert begin(session, row).left_today_usd == 1.0
    questions.add_usage(session, row.id, [SpentRow("m1", "claude-x", 0.4, 1, 1)])
    assert holding.left_today(session, undescribed) == pytest.approx(0.6)
    questions.add_usage(session, row.id, [SpentRow("m2", "claude-x", 0.7, 1, 1)])
    assert holding.left_today(session, undescribed) == 0.0
    _, refused = asked(session, undescribed, member)
    assert refused.status == "failed"
    assert "spent today's cap of $1.00. Ask again after midnight UTC" in refused.data["error"]


def test_answers_count_in_the_statistics(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    factories.execution(session, undescribed, member, cost_usd="0.5", agent="claude")
    row, _ = asked(session, undescribed, member)
    begin(session, row)
    questions.add_usage(session, row.id, [SpentRow("m1", "claude-x", 0.25, 100, 10)])
    here = Filters(undescribed)
    assert kept.questions(session, here)[["count", "cost_usd"]].values.tolist() == [[1, 0.25]]
    assert kept.questions(session, Filters(uuid.uuid4())).empty
    spent = kept.spent(session, here)
    assert spent[["executions", "questions", "cost_usd"]].sum().tolist() == [1, 1, 0.75]
    assert stats.summary(session, here, None).cost_usd.now.value == 0.75
    assert stats.summary(session, here, None).executions.now.value == 1
    report = stats.cost(session, here)
    assert report[["executions", "questions", "cost_usd"]].sum().tolist() == [1, 1, 0.75]
    by_hours = kept.questions(session, here, "hour")
    assert by_hours[["count", "cost_usd"]].values.tolist() == [[1, 0.25]]
    assert recount_statistics(session) == []
    session.delete(session.get_one(WorkspaceMessage, row.answer_message_id))
    session.flush()
    assert kept.questions(session, here).empty, "what is deleted is counted no more"
    assert recount_statistics(session) == []
