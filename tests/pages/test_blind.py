"""What a blind review keeps from a reviewer, on every screen that lists judgements: nothing tells of others' verdicts
before one has judged the same mark."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from services import exports, feedback, sessions, timeline, workspaces
from services.database.engine import get_engine, transaction
from services.feedback import CorrectionFilter, MarkPosition
from services.lifecycle import SessionStatus, Verdict
from services.models import Detection, PatternSession, now
from services.people import Actor
from tests import factories
from tests.support.product import World, given, open_page


@dataclass(frozen=True)
class Judged:
    """A session on whose first mark the admin said "wrong" and where they added a missed one."""

    session_id: uuid.UUID
    marks: list[uuid.UUID]


@pytest.fixture
def judged(world: World) -> Judged:
    made = world.run()
    with transaction() as session:
        workspaces.set_blind_review(session, world.swings, True, actor=world.member)
        of_it = select(Detection.id).where(Detection.session_id == made).order_by(Detection.anchor_index)
        marks = list(session.scalars(of_it))
        row = session.get_one(PatternSession, made)
        row.name = f"Blind {made}"  # the list of corrections names it
        feedback.judge(
            session, marks[0], Verdict.FALSE_POSITIVE, reason="the admin says it is noise", actor=world.admin
        )
        taken = set(session.scalars(select(Detection.anchor_index).where(Detection.session_id == made)))
        free = next(n for n in range(row.start_index + 5, row.end_index) if not taken & set(range(n - 4, n + 5)))
        place = MarkPosition(free, now(), 101.0)
        feedback.add_missed(
            session, made, kind="swing_high", direction=1, place=place, reason="the admin missed it", actor=world.admin
        )
    return Judged(made, marks)


def on_the_timeline(world: World, reader: Actor, judged: Judged) -> list[str]:
    """The reasons of the corrections as the timeline's component was given them."""
    at = open_page("workspace.py", reader, id=str(world.swings))
    assert not at.exception
    entries = next(data for data in given(at) if "entries" in data)["entries"]
    of_it = [e for e in entries if e["session"] and e["session"]["id"] == str(judged.session_id)]
    return sorted(e["content"] for e in of_it if e["type"] == "feedback_added")


def on_the_list(world: World, reader: Actor, judged: Judged) -> list[str]:
    """The reasons on the screen of corrections."""
    at = open_page("corrections.py", reader, workspace=str(world.swings))
    assert not at.exception
    with transaction() as session:
        name = session.get_one(PatternSession, judged.session_id).name
    if not at.dataframe:
        return []
    table = at.dataframe[0].value
    return sorted(table[table["Session"] == name]["Reason"])


def in_the_csv(world: World, reader: Actor, judged: Judged) -> list[str]:
    chunks = exports.stream_csv(
        "corrections", {"workspace": str(world.swings)}, actor_id=reader.id, engine=get_engine()
    )
    rows = csv.DictReader(io.StringIO(b"".join(chunks).decode("utf-8-sig")))
    return sorted(row["reason"] for row in rows if row["session_id"] == str(judged.session_id))


def counted(world: World, reader: Actor) -> int:
    with transaction() as session:
        return feedback.count_corrections(session, CorrectionFilter(world.swings), viewer=reader)


WHOLE = ["the admin missed it", "the admin says it is noise"]


@pytest.mark.parametrize("read", [on_the_timeline, on_the_list, in_the_csv])
def test_others_corrections_show_once_one_has_judged_and_to_who_only_looks_on(
    world: World, judged: Judged, read: object
) -> None:
    assert callable(read)
    assert read(world, world.member, judged) == []
    assert read(world, world.admin, judged) == WHOLE, "one's own are never hidden"
    assert read(world, world.viewer, judged) == WHOLE, "who only looks on gives no verdict that could be swayed"
    before = counted(world, world.member)
    with transaction() as session:
        feedback.judge(session, judged.marks[0], Verdict.CONFIRMED, actor=world.member)
    assert read(world, world.member, judged) == ["the admin says it is noise"], "what was missed stays hidden"
    with transaction() as session:
        for mark in judged.marks[1:]:
            feedback.judge(session, mark, Verdict.CONFIRMED, actor=world.member)
    assert read(world, world.member, judged) == WHOLE and counted(world, world.member) == before + 2


@pytest.mark.parametrize("read", [on_the_timeline, on_the_list, in_the_csv])
def test_without_the_rule_everything_shows_at_once(world: World, judged: Judged, read: object) -> None:
    assert callable(read)
    with transaction() as session:
        workspaces.set_blind_review(session, world.swings, False, actor=world.member)
    assert read(world, world.member, judged) == WHOLE


def test_a_dispute_of_others_and_the_score_of_a_reopened_session_are_kept_back_too(
    world: World, judged: Judged
) -> None:
    with transaction() as session:
        third = factories.person(session)
        feedback.judge(session, judged.marks[0], Verdict.CONFIRMED, actor=third)
        sessions.complete(session, judged.session_id, actor=world.admin)

    def kinds(reader: Actor | None) -> set[str]:
        with transaction() as session:
            entries = timeline.page(session, world.swings, viewer=reader)
        return {e.type for e in entries if e.session and e.session["id"] == str(judged.session_id)}

    told = {"mark_disputed", "session_completed", "feedback_added"}
    assert told <= kinds(world.member), "a completed session is blind to nobody"
    with transaction() as session:
        sessions.reopen(session, judged.session_id, reason="One was forgotten", actor=world.admin)
        assert session.get_one(PatternSession, judged.session_id).status == SessionStatus.ACTIVE
    assert not told & kinds(world.member) and "session_reopened" in kinds(world.member)
    assert told <= kinds(world.admin) and told <= kinds(None)


def test_a_link_to_a_hidden_correction_and_a_search_tell_nothing(world: World, judged: Judged) -> None:
    with transaction() as session:
        entries = timeline.page(session, world.swings, search="says it is noise")
        (message,) = [e for e in entries if e.session and e.session["id"] == str(judged.session_id)]
        searched = timeline.page(session, world.swings, search="says it is noise", viewer=world.member)
        assert message.id not in [e.id for e in searched]
        place = timeline.place_of(session, world.swings, message.id)
        assert place is not None
        after = timeline.page_after(session, world.swings, place, viewer=world.member)
        assert message.id not in [e.id for e in after]
        assert timeline.page_after(session, world.swings, place)[0].id == message.id


def test_a_launch_neither_shows_nor_sends_what_a_blind_reviewer_may_not_see(world: World, judged: Judged) -> None:
    def opened(actor: Actor) -> AppTest:
        def script() -> None:
            import streamlit as st

            from pages.components.launch.dialog import launch

            launch(st.session_state["home"])

        at = AppTest.from_function(script, default_timeout=60)
        at.session_state["person_id"], at.session_state["home"] = actor.id, world.swings
        at.run()
        assert not at.exception
        return at

    def offered(at: AppTest) -> list[str]:
        rows = [row for frame in at.dataframe for _, row in frame.value.iterrows()]
        return sorted(row["Reason"] for row in rows if row["Session"] == f"Blind {judged.session_id}")

    with transaction() as session:
        hidden = feedback.open_corrections(session, world.swings, viewer=world.member)
        whole = feedback.open_corrections(session, world.swings)
    assert hidden.masked >= 2  # with those of the tests before
    assert judged.session_id not in {f.session_id for f in hidden.sent}
    assert {f.id for f in hidden.sent} < {f.id for f in whole.sent}
    at = opened(world.member)
    assert f"{hidden.masked} open corrections of others are left out" in " ".join(str(c.value) for c in at.caption)
    assert offered(at) == []
    assert "the admin missed it" in offered(opened(world.admin)), "one's own are never hidden"
