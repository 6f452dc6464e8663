"""The shell: nobody gets a page without signing in, deep links land after it, errors are sentences."""

from __future__ import annotations

import pytest
import streamlit as st
from sqlalchemy.exc import OperationalError
from streamlit.testing.v1 import AppTest

from pages.components import links
from pages.components.errors import AWAY, explain
from services import people
from services.database.engine import transaction
from services.errors import Conflict
from services.lifecycle import Role
from tests.support.product import ROUTER, World, open_page, words

PAGES = sorted({*links.FILES.values()} - {"workspaces.py"})


def labels(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


@pytest.mark.parametrize("file", ["", *PAGES])
def test_nobody_sees_a_page_before_signing_in(world: World, file: str) -> None:
    at = AppTest.from_file(str(ROUTER), default_timeout=30).run()
    if file:
        at.switch_page(file).run()
    assert not at.exception
    assert "pick who you are" in words(at)
    assert "Swings" not in words(at)
    assert labels(at) == ["Admin One :gray[admin]", "Member One :gray[member]", "Viewer One :gray[viewer]"]


@pytest.mark.parametrize("file", PAGES)
def test_every_page_asks_for_its_actor_by_itself(world: World, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = open_page("account.py", world.member)
    monkeypatch.setattr("pages.components.actor._known", _none_after_the_router())
    at.switch_page(file).run()
    assert not at.exception
    assert "pick who you are" in words(at)


def _none_after_the_router() -> object:
    """The router is told a person, whatever asks after it is told nobody."""
    with transaction() as session:
        answers = [people.actor_by_email(session, "member@example.com")]
    return lambda: answers.pop() if answers else None


def test_picking_a_person_lands_on_the_page_that_was_asked_for(world: World) -> None:
    at = AppTest.from_file(str(ROUTER), default_timeout=30).run()
    at.query_params["id"] = str(world.bos)
    at.switch_page("workspace.py").run()
    at.button(key=f"person-{world.member.id}").click().run()
    assert not at.exception
    assert at.title[0].value == "Break of structure"


def test_a_person_who_is_shut_out_is_refused_from_the_next_run_on(world: World) -> None:
    with transaction() as session:
        leaving = people.ensure_person(session, email="leaving@example.com", name="Lea Ving", role=Role.MEMBER)
    at = open_page("account.py", leaving)
    with transaction() as session:
        people.set_active(session, leaving.id, False, actor=world.admin)
    at.run()
    assert "no longer active" in words(at)
    assert "Switch person" not in labels(at)


def test_switching_asks_again_who_is_here(world: World) -> None:
    at = open_page("account.py", world.member)
    next(button for button in at.button if button.label == "Switch person").click().run()
    assert "pick who you are" in words(at)


def test_the_first_person_on_an_empty_database_becomes_its_admin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "list_people", lambda _session: [])
    at = AppTest.from_file(str(ROUTER), default_timeout=30).run()
    at.text_input[0].set_value("Fay First")
    at.text_input[1].set_value("fay@example.com")
    next(button for button in at.button if button.label == "Start").click().run()
    with transaction() as session:
        assert people.actor_by_email(session, "fay@example.com").role == Role.ADMIN
        people.set_active(session, people.actor_by_email(session, "fay@example.com").id, False, actor=world.admin)


def test_an_error_is_a_sentence_a_link_or_a_reference() -> None:
    stands = explain(Conflict("Execution 3 is live.", link="/execution?id=1"))
    assert (stands.sentence, stands.link) == ("Execution 3 is live.", "/execution?id=1")
    away = OperationalError("SELECT 1", {}, Exception("connection refused"))
    assert explain(away).sentence == AWAY
    unknown = explain(ValueError("the password is hunter2"))
    assert unknown.sentence.startswith("Something went wrong. Reference ")
    assert "hunter2" not in unknown.sentence


def test_links_lead_to_our_screens_only() -> None:
    assert links.target("/workspace?id=7") == ("workspace.py", {"id": "7"})
    assert links.target("/") == ("workspaces.py", {})
    assert links.target("https://elsewhere.example/workspace?id=7") is None
    assert links.target("//elsewhere.example/workspace") is None
    assert links.target("/nowhere") is None


def test_the_browsers_tab_carries_the_name_of_the_thing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    titles: list[str] = []
    plain = st.set_page_config
    monkeypatch.setattr(
        st, "set_page_config", lambda **given: (titles.append(str(given["page_title"])), plain(**given))
    )
    open_page("workspace.py", world.viewer, id=str(world.swings))
    assert titles[-1] == "Swings · Pattern Desk"
    open_page("corrections.py", world.viewer)
    assert titles[-1] == "Corrections · Pattern Desk"
