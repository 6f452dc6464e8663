"""What a launch offers: a run that could only fail is named before it is launched."""

from __future__ import annotations

import uuid

import pytest
from streamlit.testing.v1 import AppTest

from services import workspaces
from services.database.engine import transaction
from tests.support.product import World


def asked(world: World, agent: str, workspace_id: uuid.UUID) -> AppTest:
    def script() -> None:
        import streamlit as st

        from pages.components.launch.choices import may_work

        st.session_state["may"] = may_work(st.session_state["agent"], st.session_state["home"])

    at = AppTest.from_function(script, default_timeout=30)
    at.session_state["person_id"] = world.member.id
    at.session_state["agent"], at.session_state["home"] = agent, workspace_id
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize(
    ("pattern", "agent", "may"),
    [("wedge", "tuner", False), ("wedge", "claude", True), ("choch", "tuner", True)],
    ids=["no starter", "Claude writes one", "a starter"],
)
def test_the_tuner_is_offered_where_it_has_a_detector_to_begin_with(
    world: World, pattern: str, agent: str, may: bool
) -> None:
    with transaction() as session:
        home = next((w.id for w in workspaces.list_workspaces(session) if w.pattern_type == pattern), None)
        home = home or workspaces.create(
            session, pattern_type=pattern, name=pattern.title(), category="Bars", actor=world.member
        )
    at = asked(world, agent, home)
    assert at.session_state["may"] is may
    assert [("has no detector of 'wedge'" in str(w.value)) for w in at.warning] == [True] * (not may)


def test_a_pattern_that_has_a_version_needs_no_starter(world: World) -> None:
    assert asked(world, "tuner", world.swings).session_state["may"] is True
