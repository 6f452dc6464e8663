"""The room of a disputed place and the rules, on a real product."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from services import disputes, feedback, policies, workspaces
from services.database.engine import transaction
from services.lifecycle import Verdict
from services.models import Detection
from tests.support.product import World, open_page, words


@pytest.fixture(scope="module")
def place(world: World) -> uuid.UUID:
    made = world.run(bars=120)
    with transaction() as session:
        mark = session.scalars(
            select(Detection.id).where(Detection.session_id == made).order_by(Detection.anchor_index)
        ).all()[2]  # fmt: skip
        feedback.judge(session, mark, Verdict.CONFIRMED, reason="It *turned* there.", actor=world.member)
        feedback.judge(session, mark, Verdict.FALSE_POSITIVE, reason="A wiggle.", actor=world.admin)
        [found] = disputes.list_disputes(session, world.swings)
    return found.id


def room(world: World, actor: object, place: uuid.UUID) -> AppTest:
    at = open_page("disputes.py", actor, id=str(world.swings), place=str(place))  # type: ignore[arg-type]
    assert not at.exception
    return at


def test_a_viewer_reads_everything_and_decides_nothing(world: World, place: uuid.UUID) -> None:
    at = room(world, world.viewer, place)
    text = words(at).replace("\\", "")
    assert "Member One" in text and "Admin One" in text and "It *turned* there." in text and "A wiggle." in text
    assert len(at.get("plotly_chart")) == 1
    assert {b.key for b in at.button} & {"settle-yes", "rules-save", "dispute-say"} == set()


def test_people_write_and_settle_it_by_a_rule(world: World, place: uuid.UUID) -> None:
    at = room(world, world.member, place)
    at.text_area(key=f"dispute-comment-{place}").set_value("Look at the bar before.")
    at.button(key="dispute-say").click().run()
    assert "Look at the bar before." in words(room(world, world.admin, place))
    at = room(world, world.admin, place)
    at.button(key="settle-yes").click().run()
    assert "Choose whether it is there" in words(at)
    at.radio(key=f"settle-word-{place}").set_value("It is there")
    at.button(key="settle-yes").click().run()
    assert "Write the rule that settles it" in words(at)
    at.text_area(key=f"settle-rule-{place}").set_value("Three closed bars confirm it.")
    at.radio(key=f"settle-word-{place}").set_value("It is not there")
    at.button(key="settle-yes").click().run()
    assert not at.exception
    with transaction() as session:
        decided = disputes.room(session, world.swings, place)
        rules = workspaces.get(session, world.swings).rules
    assert [(d.present, d.rule) for d in decided.decisions] == [(False, "Three closed bars confirm it.")]
    assert decided.place.status == "absent"
    assert (rules is not None) == (decided.place.split == "tune")
    assert "Admin One settled it" in words(room(world, world.viewer, place)).replace("\\", "")


def test_a_decided_place_can_be_pinned(world: World, place: uuid.UUID) -> None:
    at = room(world, world.member, place)
    at.button(key="place-pin").click().run()
    with transaction() as session:
        assert len(policies.pins(session, world.swings)) == 1


def test_the_rules_are_edited(world: World) -> None:
    at = open_page("disputes.py", world.member, id=str(world.swings))
    box = next(t for t in at.text_area if str(t.key).startswith("rules-"))
    box.set_value("- Only closes count.")
    at.button(key="rules-save").click().run()
    with transaction() as session:
        assert workspaces.get(session, world.swings).rules == "- Only closes count."


@pytest.mark.parametrize("given", ["nonsense", str(uuid.UUID(int=7))])
def test_an_address_of_no_place_is_a_sentence(world: World, given: str) -> None:
    at = open_page("disputes.py", world.member, id=str(world.swings), place=given)
    assert not at.exception and ("no such place" in words(at) or "names no place" in words(at))


def test_policies_are_set_in_their_dialog(world: World) -> None:
    def screen(workspace_id: object) -> None:
        from pages.components.workspace.settings_dialog import settings

        settings(workspace_id)  # type: ignore[arg-type]  # a script's arguments come as they are

    at = AppTest.from_function(screen, args=(world.swings,), default_timeout=30)
    at.session_state["person_id"] = world.admin.id
    at.run()
    assert not at.exception
    at.number_input(key="policy-judged").set_value(40)
    at.number_input(key="policy-unseen").set_value(12)
    at.number_input(key="policy-bound").set_value(60)
    at.button(key="policy-save").click().run()
    with transaction() as session:
        known = policies.read(session, world.swings).approval
    assert (known.judged, known.unseen, known.lower_bound, known.settled) == (40, 12, 0.6, True)
    reader = AppTest.from_function(screen, args=(world.swings,), default_timeout=30)
    reader.session_state["person_id"] = world.viewer.id
    reader.run()
    assert reader.number_input(key="policy-judged").disabled and "An admin changes policies" in words(reader)
