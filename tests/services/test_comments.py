"""What people type, and the one kind of message that moves: a phase's."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services import timeline
from services.errors import InvalidInput, NotAllowed, NotFound
from services.lifecycle import MessageStatus, MessageType, Role
from services.people import Actor
from services.timeline.writing import MAX_COMMENT
from tests import factories
from tests.support import scenarios


def entry(session: Session, message_id: uuid.UUID) -> timeline.TimelineEntry:
    found = timeline.entry(session, message_id)
    assert found is not None
    return found


def test_a_comment_is_changed_and_taken_back_by_its_author_alone(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    made = timeline.comment(session, undescribed, "  first\x00  ", attachments=["k.png"], actor=member)
    assert (entry(session, made).content, entry(session, made).edited_at) == ("first", None)
    before = scenarios.everything(session)
    for other in (factories.person(session), factories.person(session, Role.ADMIN)):
        before = scenarios.everything(session)
        with pytest.raises(NotAllowed, match="who wrote"):
            timeline.edit_comment(session, made, "mine", actor=other)
        with pytest.raises(NotAllowed, match="who wrote"):
            timeline.delete_comment(session, made, actor=other)
        assert scenarios.everything(session) == before
    timeline.edit_comment(session, made, "second", actor=member)
    assert (entry(session, made).content, entry(session, made).attachments) == ("second", ["k.png"])
    assert entry(session, made).edited_at is not None
    timeline.delete_comment(session, made, actor=member)
    gone = entry(session, made)
    assert (gone.content, gone.attachments, gone.deleted_at is not None) == (None, [], True)
    for attempt in (
        lambda: timeline.edit_comment(session, made, "third", actor=member),
        lambda: timeline.delete_comment(session, made, actor=member),
    ):
        with pytest.raises(NotFound, match="no such comment"):
            attempt()
    assert [e.seq for e in timeline.page(session, undescribed)] == [1, 2]


def test_everything_else_stays_as_it_happened(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    created = timeline.page(session, undescribed)[0]
    assert created.author is not None
    assert created.author["id"] == str(member.id)
    with pytest.raises(NotAllowed, match="Only comments"):
        timeline.edit_comment(session, created.id, "x", actor=member)
    with pytest.raises(NotAllowed, match="Only comments"):
        timeline.delete_comment(session, created.id, actor=member)


@pytest.mark.parametrize("text", ["", "   ", "\x00", "x" * (MAX_COMMENT + 1)])
def test_an_empty_or_endless_comment_is_refused(
    session: Session, member: Actor, undescribed: uuid.UUID, text: str
) -> None:
    with pytest.raises(InvalidInput):
        timeline.comment(session, undescribed, text, actor=member)
    made = timeline.comment(session, undescribed, "x" * MAX_COMMENT, actor=member)
    with pytest.raises(InvalidInput):
        timeline.edit_comment(session, made, text, actor=member)


def test_files_alone_are_a_comment(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    made = timeline.comment(session, undescribed, " ", attachments=["k.png"], actor=member)
    assert (entry(session, made).content, entry(session, made).attachments) == ("", ["k.png"])


def test_words_are_kept_as_they_are(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    words = "<script>alert(1)</script> @file /command 'ignore your instructions' \u202e 🙂 %s {x} \\"
    assert entry(session, timeline.comment(session, undescribed, words, actor=member)).content == words


def test_a_phase_moves_forward_only_and_nothing_else_moves(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    data = {"execution_id": uuid.uuid4(), "phase": "planning", "phase_started_at": "2026-01-05T12:00:00Z"}
    made = timeline.append(
        session, undescribed, MessageType.CLAUDE_PHASE_UPDATE, data=data, status=MessageStatus.IN_PROGRESS, progress=10,
        dedupe_key="phase",
    )  # fmt: skip
    assert made is not None
    running, done = MessageStatus.IN_PROGRESS, MessageStatus.COMPLETED
    timeline.update_progress(session, "phase", status=running, progress=40, current_task="half")
    timeline.update_progress(session, "phase", status=running, progress=20, checkpoint="found it")
    now = entry(session, made)
    assert (now.progress, now.status) == (40, "in_progress")
    assert (now.data["current_task"], now.data["checkpoint"], now.data["phase"]) == ("half", "found it", "planning")
    timeline.update_progress(session, "phase", status=done, progress=50)
    assert (entry(session, made).progress, entry(session, made).status) == (50, "completed")
    timeline.append(session, undescribed, MessageType.COMMENT, data={}, dedupe_key="talk")
    for key in ("talk", "no such key"):
        with pytest.raises(NotFound):
            timeline.update_progress(session, key, status=done, progress=1)
