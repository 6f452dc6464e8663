"""The list of workspaces: cards, filters, the table, and the dialog that makes a new one."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from streamlit.testing.v1 import AppTest

from pages.components.columns import table
from pages.components.workspaces import rows as workspace_rows
from pages.components.workspaces.create_dialog import suggestion, type_words
from services import demo_state, workspaces
from services.database.engine import transaction
from services.places import rate
from services.workspaces import WorkspaceRow
from tests import factories
from tests.support.product import World, downloaded, given, open_page, words


def rows(**filters: Any) -> list[WorkspaceRow]:
    with transaction() as session:
        return workspaces.list_workspaces(session, **filters)


def cards(at: AppTest) -> list[str]:
    """The names on the grid, as it was sent to the browser."""
    (grid,) = (data for data in given(at) if "cards" in data)
    return [card["name"] for card in grid["cards"]]


@pytest.fixture
def at(world: World) -> AppTest:
    opened = open_page("workspaces.py", world.member)
    assert not opened.exception
    return opened


def test_cards_show_every_workspace(at: AppTest) -> None:
    assert sorted(cards(at)) == ["Break of structure", "Swings"]


def test_search_and_status_narrow_the_cards(at: AppTest) -> None:
    at.text_input(key="workspaces-search").set_value("break").run()
    assert cards(at) == ["Break of structure"]
    at.text_input(key="workspaces-search").set_value("").run()
    at.button_group(key="workspaces-status").set_value(["beta"]).run()
    assert cards(at) == ["Swings"]
    at.button_group(key="workspaces-status").set_value(["verified"]).run()
    assert "No pattern fits" in words(at)


def test_the_table_has_a_line_for_each(at: AppTest) -> None:
    at.button_group(key="workspaces-view").set_value("table").run()
    frame = at.dataframe[0].value
    assert list(frame["Pattern"]) == ["Break of structure", "Swings"]
    assert list(frame["Version"]) == ["–", "0.1.0"]


def test_a_viewer_is_not_offered_a_new_workspace(world: World) -> None:
    assert "New workspace" not in [b.label for b in open_page("workspaces.py", world.viewer).button]


def test_the_dialog_asks_for_name_type_and_category(at: AppTest) -> None:
    next(b for b in at.button if b.label == "New workspace").click().run()
    assert not at.exception
    assert {"create-name", "create-type"} <= {field.key for field in at.text_input}
    assert "Create" in [b.label for b in at.button]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Break of structure", "break_of_structure"), ("  3 Drives!", "drives"), ("Größe 2", "gr_e_2"), ("???", "")],
)
def test_a_pattern_type_is_suggested_from_the_name(name: str, expected: str) -> None:
    assert suggestion(name) == expected


def test_the_dialog_says_what_can_make_a_detector_before_anybody_labels_for_nothing(at: AppTest) -> None:
    assert type_words("bos", ["bos", "fvg"], claude=False) == "The tuner can begin with the detector of 'bos'."
    assert type_words("wedge", ["bos", "fvg"], claude=True) == (
        "A detector to begin with is there for bos, fvg. Any other type is written by Claude."
    )
    assert type_words("wedge", [], claude=False) == (
        "'wedge' has none, and Claude is not connected here, so it can be labelled and not launched."
    )
    next(b for b in at.button if b.label == "New workspace").click().run()
    assert any("A detector to begin with is there for " in str(c.value) and "fvg" in str(c.value) for c in at.caption)


def test_a_live_execution_shows_its_phase_on_card_and_table(world: World) -> None:
    row = next(r for r in rows() if r.id == world.swings)
    live = replace(row, execution_status="running", execution_phase="testing", execution_progress=61)
    assert workspace_rows.card(row, [])["live"] is None
    assert workspace_rows.card(live, [])["live"] == {
        "phase": "testing",
        "progress": 61,
        "status": "running",
        "stalled": False,
    }
    frame = table(workspace_rows.columns({}), [live])
    assert (frame["Execution"][0], frame["Progress"][0]) == ("Testing", 61)
    assert table(workspace_rows.columns({}), [replace(live, execution_status="pending")])["Execution"][0] == "Waiting"


def test_the_file_behind_the_link_holds_the_rows_of_the_table(world: World, at: AppTest) -> None:
    with transaction() as session:
        made = factories.workspace(session, world.member, name='=cmd("a"); b', category="Zones")
        session.execute(
            text("UPDATE pattern_workspaces SET success_rate = 0.75, success_tp = 9, success_fp = 2, success_fn = 1, "
                 "last_tested_at = '2026-01-02T03:04:05Z' WHERE id = :id"), {"id": made},
        )  # fmt: skip
    try:
        at.button_group(key="workspaces-view").set_value("table").run()
        frame, file = at.dataframe[0].value, downloaded(at, "workspaces")
        assert [row["Pattern"] for row in file] == list(frame["Pattern"]) and len(file) == 3
        at.text_input(key="workspaces-search").set_value("cmd(").run()
        (row,) = downloaded(at, "workspaces")
        judged = rate(9, 2, 1)
        assert (row["Pattern"], row["Category"], row["Status"]) == ('=cmd("a"); b', "Zones", "Soon")
        assert (row["Success"], row["n"], row["Tested"]) == ("0.75", "12", "2026-01-02 03:04:05")
        assert float(row["Interval from"]) == pytest.approx(judged.ci_low)
        assert float(row["Interval to"]) == pytest.approx(judged.ci_high)
        with transaction() as session:
            workspaces.archive(session, made, actor=world.admin)
        at.text_input(key="workspaces-search").set_value("").run()
        assert len(downloaded(at, "workspaces")) == 2
        at.button_group(key="workspaces-status").set_value(["archived"]).run()
        assert '=cmd("a"); b' in [row["Pattern"] for row in downloaded(at, "workspaces")]
    finally:
        with transaction() as session:
            session.execute(text("DELETE FROM workspace_messages WHERE workspace_id = :id"), {"id": made})
            session.execute(text("DELETE FROM pattern_workspaces WHERE id = :id"), {"id": made})


def test_the_banner_says_that_the_demo_is_being_built(world: World) -> None:
    with transaction() as session:
        demo_state.write(session, "building", "running sessions")
    assert "The demo is being built: running sessions." in words(open_page("workspaces.py", world.member))
    with transaction() as session:
        demo_state.write(session, "ready", "")
    assert "demo" not in words(open_page("workspaces.py", world.member))


def test_an_archived_workspace_leaves_the_cards(world: World) -> None:
    with transaction() as session:
        made: uuid.UUID = workspaces.create(
            session, pattern_type="old_pattern", name="Old pattern", category="Zones", actor=world.member
        )
        workspaces.archive(session, made, actor=world.admin)
    at = open_page("workspaces.py", world.member)
    assert "Old pattern" not in cards(at)
    at.button_group(key="workspaces-status").set_value(["archived"]).run()
    assert cards(at) == ["Old pattern"]


def test_a_thousand_workspaces_come_by_pages_and_the_file_holds_all(world: World, at: AppTest) -> None:
    with transaction() as session:
        for number in range(120):
            factories.workspace(session, world.member, name=f"Many {number:03}")
    try:
        at.text_input(key="workspaces-search").set_value("many").run()
        assert cards(at) == [f"Many {n:03}" for n in range(100)] and "1–100 of 120 workspaces" in words(at)
        next(button for button in at.button if button.label == "Show more").click().run()
        assert cards(at) == [f"Many {n:03}" for n in range(100, 120)] and "101–120 of 120 workspaces" in words(at)
        assert "Show more" not in [button.label for button in at.button]
        next(button for button in at.button if button.label == "Back").click().run()
        assert cards(at)[0] == "Many 000"
        assert len(downloaded(at, "workspaces")) == 120
    finally:
        with transaction() as session:
            session.execute(text("UPDATE pattern_workspaces SET archived_at = now() WHERE name LIKE 'Many %'"))
