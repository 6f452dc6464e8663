"""How far people have read, whom a comment names, and a part of the timeline around a message."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from services import timeline
from services.lifecycle import Role
from services.people import Actor
from services.timeline.readers import named_in
from tests import factories


def test_a_comment_names_people_by_their_longest_name() -> None:
    people = [(uuid.UUID(int=1), "Ann"), (uuid.UUID(int=2), "Ann Lee"), (uuid.UUID(int=3), "Zoë (QA)")]
    assert [p["name"] for p in named_in("@Ann Lee, look", people)] == ["Ann Lee"]
    assert [p["name"] for p in named_in("@ann and @zoë (qa)!", people)] == ["Zoë (QA)", "Ann"]
    assert named_in("ann@Ann.example and @Anna", people) == []


def test_the_named_person_is_told_until_they_have_read_it(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    ann = factories.person(session, Role.VIEWER, name="Ann Lee")
    message = timeline.comment(session, undescribed, "@Ann Lee: is this one?", actor=member)
    assert [(m.message_id, m.author) for m in timeline.mentions(session, actor=ann)] == [(message, member.name)]
    assert timeline.mentions(session, actor=member) == []
    written = timeline.entry(session, message)
    assert written is not None and written.data["mentions"] == [{"id": str(ann.id), "name": "Ann Lee"}]
    timeline.mark_read(session, undescribed, written.seq, actor=ann)
    assert timeline.mentions(session, actor=ann) == []


def test_an_edit_names_anew_and_a_deleted_comment_names_nobody(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    ann, bob = (factories.person(session, Role.VIEWER, name=name) for name in ("Ann Lee", "Bob"))
    message = timeline.comment(session, undescribed, "@Ann Lee", actor=member)
    timeline.edit_comment(session, message, "@Bob", actor=member)
    assert (timeline.mentions(session, actor=ann), len(timeline.mentions(session, actor=bob))) == ([], 1)
    timeline.delete_comment(session, message, actor=member)
    assert timeline.mentions(session, actor=bob) == []


def test_reading_never_goes_back_and_counts_what_is_new(
    session: Session, member: Actor, undescribed: uuid.UUID
) -> None:
    reader = factories.person(session, Role.VIEWER)
    assert timeline.last_read(session, undescribed, actor=reader) is None
    assert timeline.unread(session, actor=reader) == {}
    first = timeline.comment(session, undescribed, "one", actor=member)
    seq = timeline.entry(session, first).seq  # type: ignore[union-attr]
    timeline.mark_read(session, undescribed, seq, actor=reader)
    for words in ("two", "three"):
        timeline.comment(session, undescribed, words, actor=member)
    timeline.mark_read(session, undescribed, seq - 1, actor=reader)
    assert timeline.last_read(session, undescribed, actor=reader) == seq
    assert timeline.unread(session, actor=reader) == {undescribed: 2}
    timeline.mark_read(session, undescribed, seq + 1000, actor=reader)  # a browser may say anything
    assert timeline.last_read(session, undescribed, actor=reader) == seq + 2


def test_the_part_around_a_message_has_no_gap(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    ids = [timeline.comment(session, undescribed, str(n), actor=member) for n in range(30)]
    place = timeline.place_of(session, undescribed, ids[12])
    assert place is not None
    before = timeline.page(session, undescribed, before=place, limit=5)
    after = timeline.page_after(session, undescribed, place, limit=5)
    assert [e.id for e in (*before, *after)] == ids[7:18]
    assert timeline.place_of(session, uuid.uuid4(), ids[12]) is None
    assert timeline.day_start(session, undescribed, datetime.now(UTC) + timedelta(days=1)) is None


def test_a_candles_number_is_searched_for(session: Session, member: Actor, undescribed: uuid.UUID) -> None:
    session.execute(
        text(
            "INSERT INTO workspace_messages (id, workspace_id, type, data, author_id, seq) SELECT gen_random_uuid(), :w, "
            "'feedback_added', jsonb_build_object('candle_index', n), :p, 900 + n FROM generate_series(310, 314) n"
        ),
        {"w": undescribed, "p": member.id},
    )
    for words in ("312", "#312"):
        entries = timeline.page(session, undescribed, search=words)
        assert [e.data["candle_index"] for e in entries] == [312], words


def test_mentions_are_found_in_an_index(session: Session, member: Actor) -> None:
    # The table is empty here, so the planner takes any index: the one that could stand in is left out.
    session.execute(text("DROP INDEX ix_workspace_messages_type"))
    for other in ("enable_seqscan", "enable_indexscan"):
        session.execute(text(f"SET LOCAL {other} = off"))
    plan = session.scalars(
        text(
            "EXPLAIN SELECT id FROM workspace_messages m WHERE m.type = 'comment' AND m.data ? 'mentions' "
            "AND m.data -> 'mentions' @> CAST('[{\"id\": \"x\"}]' AS jsonb)"
        )
    ).all()
    assert any("ix_workspace_messages_mentions" in line for line in plan), plan
