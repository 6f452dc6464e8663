"""The timeline: typed payloads, one message an event, pages without gaps, readers that miss nothing."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from services import feedback, timeline
from services.database.engine import engine_for, transaction
from services.database.rows import driver
from services.errors import NotFound
from services.lifecycle import MessageType, Verdict
from services.models import WorkspaceMessage, now
from services.people import Actor
from services.timeline import payloads
from tests import factories
from tests.support import scenarios

T = MessageType
ID = uuid.UUID(int=1)
AT = "2026-01-05T12:00:00Z"
MOVED = {"previous_status": "beta", "new_status": "in_review"}

# The product's list: what each type's payload carries at least.
FACTS: dict[T, dict[str, Any]] = {
    T.PATTERN_CREATED: {"pattern_type": "swings", "category": "price", "status": "soon"},
    T.PATTERN_DESCRIPTION_SUBMITTED: {"description": "d", "identification_steps": ["a"], "attachment_count": 0},
    T.SESSION_CREATED: {"session_id": ID, "name": "n", "symbol": "S", "timeframe": "1d", "candle_count": 5},
    T.SESSION_COMPLETED: {"session_id": ID, "tp": 1, "fp": 0, "fn": 0, "success_rate": 1.0},
    T.SESSION_REOPENED: {"session_id": ID, "reason": "r"},
    T.FEEDBACK_ADDED: {"feedback_id": ID, "verdict": "false_positive"},
    T.FEEDBACK_BATCH_SENT: {"session_ids": [ID], "feedback_ids": [ID], "feedback_count": 1, "total_comments": 0,
                            "total_images": 0},
    T.CLAUDE_STARTED: {"execution_id": ID, "feedback_count": 1, "agent": "tuner"},
    T.CLAUDE_PHASE_UPDATE: {"execution_id": ID, "phase": "planning", "phase_started_at": AT},
    T.CLAUDE_CHECKPOINT: {"execution_id": ID, "phase": "planning", "checkpoint": "c"},
    T.CLAUDE_COMPLETED: {"execution_id": ID, "duration_s": 1.5, "files_changed": [], "commit_hash": None,
                         "commit_message": None},
    T.CLAUDE_FAILED: {"execution_id": ID, "error": "e", "phase": None, "will_retry": False, "retry_count": 0},
    T.DEPLOY_STARTED: {"execution_id": ID, "commit_hash": "c"},
    T.DEPLOY_BUILDING: {"execution_id": ID, "deployment_id": "d"},
    T.DEPLOY_SUCCESS: {"execution_id": ID, "deployment_id": "d", "deploy_url": None, "version": "0.1.0",
                       "duration_s": 1.0},
    T.DEPLOY_FAILED: {"execution_id": ID, "error": "e", "logs": "l", "retry_count": 0, "will_retry": True},
    T.DEPLOY_RETRY: {"execution_id": ID, "retry_number": 1, "max_retries": 10, "previous_error": "e"},
    T.USER_APPROVED: {**MOVED, "evidence": {}},
    T.ADMIN_VERIFIED: {**MOVED, "evidence": {}},
    T.VERSION_UPDATED: {"previous_version": "0.1.0", "new_version": "0.2.0", "changes": []},
    T.STATUS_CHANGED: MOVED,
    T.COMMENT: {},
    T.REVIEW_RETURNED: {**MOVED, "reason": "r"},
    T.APPROVAL_VOIDED: {**MOVED, "reason": "r"},
    T.GATE_WAIVED: {"reason": "r"},
    T.VERSION_ROLLED_BACK: {"previous_version": "0.2.0", "new_version": "0.1.0", "reason": "r"},
    T.MARK_DISPUTED: {"feedback_ids": [ID]},
    T.CLAUDE_ANSWER: {"question_id": ID, "asked_message_id": ID, "asked_by": "Mara"},
}  # fmt: skip


def test_every_type_has_a_payload_and_a_fact_here() -> None:
    assert set(FACTS) == set(payloads.PAYLOADS) == set(T)


@pytest.mark.parametrize("kind", list(T))
def test_a_payload_that_does_not_fit_is_not_written(session: Session, undescribed: uuid.UUID, kind: T) -> None:
    facts = FACTS[kind]
    before = scenarios.everything(session)
    wrong = [{**facts, "surprise": 1}, *({k: v for k, v in facts.items() if k != left} for left in facts)]
    wrong += [{**facts, name: object()} for name in facts]
    for data in wrong:
        with pytest.raises(ValidationError):
            timeline.append(session, undescribed, kind, data=data)
    assert scenarios.everything(session) == before
    made = timeline.append(session, undescribed, kind, data=facts)
    assert made is not None
    entry = timeline.entry(session, made)
    assert entry is not None
    assert set(entry.data) >= {name for name, value in facts.items() if value is not None}


def test_a_key_writes_once_and_takes_no_number(session: Session, undescribed: uuid.UUID) -> None:
    for words in ("once", "twice"):
        made = timeline.append(session, undescribed, T.COMMENT, data={}, content=words, dedupe_key="a key")
        assert (made is None) == (words == "twice")
    assert [e.content for e in timeline.page(session, undescribed)] == [None, "once"]
    assert scenarios.lies(session) == []
    with pytest.raises(NotFound, match="no such workspace"):
        timeline.append(session, uuid.uuid4(), T.COMMENT, data={})


def test_two_writers_of_one_key_at_once_leave_one_message_and_no_gap(clone_url: str) -> None:
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        undescribed = factories.workspace(session, factories.person(session), described=False)
    made: list[uuid.UUID | None] = []

    def second() -> None:
        with transaction(engine) as session:
            made.append(timeline.append(session, undescribed, T.COMMENT, data={}, dedupe_key="a key"))

    with transaction(engine) as session:
        assert timeline.append(session, undescribed, T.COMMENT, data={}, dedupe_key="a key")
        thread = threading.Thread(target=second)
        thread.start()
        _until_somebody_waits(session)
    thread.join(20)
    assert made == [None]
    with transaction(engine) as session:
        assert scenarios.lies(session) == []
    engine.dispose()


def _until_somebody_waits(session: Session) -> None:
    """Returns when another backend waits for a lock that this transaction holds."""
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    for _ in range(500):
        if session.scalar(text(waits)):
            return
        session.execute(text("SELECT pg_sleep(0.02)"))
    pytest.fail("nobody waits")


def test_readers_who_catch_up_by_seq_miss_nothing_that_commits_late(clone_url: str) -> None:
    """The row's lock makes numbers in the order of commits: nothing appears behind what a reader has seen."""
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        member = factories.person(session)
        undescribed = factories.workspace(session, member, described=False)
    done = threading.Event()

    def quick() -> None:
        with transaction(engine) as session:
            timeline.comment(session, undescribed, "quick", actor=member)
        done.set()

    with transaction(engine) as slow:
        timeline.comment(slow, undescribed, "slow", actor=member)
        thread = threading.Thread(target=quick)
        thread.start()
        _until_somebody_waits(slow)
        with transaction(engine) as reader:
            assert [e.content for e in timeline.entries_after(reader, undescribed, 1)] == []
        assert not done.is_set()
    thread.join(20)
    with transaction(engine) as reader:
        entries = timeline.entries_after(reader, undescribed, 1)
        assert [(e.seq, e.content) for e in entries] == [(2, "slow"), (3, "quick")]
        assert [e.content for e in timeline.entries_after(reader, undescribed, 2)] == ["quick"]
        assert timeline.entries_after(reader, undescribed, 3) == []
        assert [e.content for e in timeline.page(reader, undescribed)][1:] == ["slow", "quick"]
    engine.dispose()


def fill(session: Session, undescribed: uuid.UUID, count: int, kind: T = T.COMMENT, **columns: Any) -> None:
    """Messages in bulk, many at the same moment, so that only the id tells them apart."""
    first = scenarios.row(session, undescribed).message_seq
    at = now()
    session.add_all(
        WorkspaceMessage(
            workspace_id=undescribed, type=kind, seq=first + i + 1, created_at=at + factories.days(i // 7),
            content=f"message {i}", data={}, **columns,
        )
        for i in range(count)
    )  # fmt: skip
    scenarios.row(session, undescribed).message_seq = first + count
    session.flush()


@pytest.mark.parametrize("options", [{}, {"kinds": "people"}, {"search": "message"}])
def test_pages_have_no_gap_and_no_repeat_however_deep(
    session: Session, undescribed: uuid.UUID, options: dict[str, str]
) -> None:
    fill(session, undescribed, 333)
    seen: list[timeline.TimelineEntry] = []
    before = None
    while page := timeline.page(session, undescribed, before=before, limit=20, **options):
        assert page == sorted(page, key=lambda e: (e.created_at, e.id))
        seen = [*page, *seen]
        before = (page[0].created_at, page[0].id)
    texts = [e.content for e in seen if e.content]
    assert len(texts) == len(set(texts)) == 333
    assert seen == sorted(seen, key=lambda e: (e.created_at, e.id))
    if not options:
        assert [e.id for e in timeline.full(session, undescribed, batch=50)] == [e.id for e in seen]


def test_kinds_and_words_choose(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    for words in ("100% sure", "a_b", "back\\slash", "Plain", "quote ' and ? and :x %s"):
        timeline.comment(session, undescribed, words, actor=member)
    timeline.append(session, undescribed, T.STATUS_CHANGED, data=MOVED, title="beta → in_review")

    def found(**options: str) -> list[str | None]:
        return [e.content or e.title for e in timeline.page(session, undescribed, **options)]

    assert found(search="%") == ["100% sure", "quote ' and ? and :x %s"]
    assert found(search="_")[-2:] == ["a_b", "beta → in_review"]
    assert "Plain" not in found(search="_")
    assert found(search="\\") == ["back\\slash"]
    assert found(search="PLAIN\x00") == ["Plain"]
    assert found(search="' and ?") == ["quote ' and ? and :x %s"]
    assert found(search="nowhere") == []
    assert len(found(kinds="people")) == 5
    assert found(kinds="people", search="plain") == ["Plain"]
    assert found(kinds="deploys") == []
    assert {t for kinds in timeline.FILTERS.values() for t in kinds} <= set(T)


def test_a_page_takes_the_same_number_of_statements_whatever_its_size(
    session: Session, member: Actor, tmp_path: Path
) -> None:
    undescribed = scenarios.in_beta(session, member)
    stored = factories.dataset(session, member)
    made = scenarios.run_session(session, undescribed, member, stored)
    item = feedback.add_comment_item(session, undescribed, "words", session_id=made, actor=member)
    execution = scenarios.launch(session, undescribed, member)
    fill(session, undescribed, 200, author_id=member.id, session_id=made, feedback_id=item, execution_id=execution)
    counts = {limit: _statements(session, undescribed, limit, tmp_path) for limit in (5, 50, 150)}
    assert len(set(counts.values())) == 1, counts
    assert 1 <= counts[150] <= 5  # the messages, and one query a kind of what they refer to


def _statements(session: Session, undescribed: uuid.UUID, limit: int, folder: Path) -> int:
    """Statements that went to the server while one page was read, as the protocol's own trace has them."""
    pgconn = driver(session).pgconn
    with (folder / f"trace-{limit}").open("w+b") as file:
        pgconn.trace(file.fileno())
        try:
            assert len(timeline.page(session, undescribed, limit=limit)) == limit
        finally:
            pgconn.untrace()
        file.seek(0)
        kinds = [line.split(b"\t")[3] for line in file.read().splitlines() if line.count(b"\t") >= 3]
    return sum(kind in (b"Execute", b"Query") for kind in kinds)


def test_an_entry_brings_what_it_refers_to(session: Session, member: Actor) -> None:
    undescribed = scenarios.in_beta(session, member)
    made = scenarios.run_session(session, undescribed, member, factories.dataset(session, member))
    item = feedback.judge(session, scenarios.detections(session, made)[10], Verdict.FALSE_POSITIVE, actor=member)
    entry = timeline.page(session, undescribed)[-1].as_json()
    assert entry["author"]["name"] == member.name
    assert entry["session"]["id"] == str(made)
    assert (entry["feedback"]["id"], entry["feedback"]["candle_index"]) == (str(item), 10)
    completed = [e for e in timeline.page(session, undescribed) if e.type == T.CLAUDE_COMPLETED][-1]
    assert completed.execution is not None
    assert (completed.execution["number"], completed.execution["status"]) == (1, "completed")
    assert completed.author is None
