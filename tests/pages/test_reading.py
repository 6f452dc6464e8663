"""Every screen can be read: enough contrast in light and dark, and on a phone cards in place of tables."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Browser, expect

from pages.components import looks
from pages.components.charts.kept import phase_boxes
from pages.components.columns import Column
from pages.components.rows.component import card
from services import feedback
from services.database.engine import transaction
from tests import factories
from tests.support.contrast import Faint, faint_texts
from tests.support.product import World
from tests.support.screens import Person

PARTS = ("People", "System", "Runs", "Schedules", "Backups", "Storage", "Connections", "Tokens", "Audit")
PHONE = {"width": 390, "height": 844}


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_aa(chromium: Browser, address: str, screens: list[str], scheme: str) -> None:
    person = Person(chromium, address, "Admin One", color_scheme=scheme)
    person.open("/")
    person.sign_in()
    faint = {}
    for screen in screens:
        person.open(screen)
        faint[screen] = lasting(person)
    person.open("/admin")
    for part in PARTS:
        person.pick(part)
        faint[part] = lasting(person)
    person.leave()
    assert {screen: found for screen, found in faint.items() if found} == {}


def lasting(person: Person) -> list[Faint]:
    """The texts that stay faint: while a page runs again, Streamlit lets what it drew before fade."""
    for _ in range(20):
        person.page.wait_for_timeout(500)
        if not (found := faint_texts(person.page)):
            break
    return found


def test_on_a_phone_a_table_is_cards_that_open_and_nothing_lies_over_them(
    chromium: Browser, address: str, screens: list[str]
) -> None:
    person = Person(chromium, address, "Viewer One", viewport=PHONE, has_touch=True)
    person.open("/")
    person.sign_in()
    person.open("/executions")
    first = (
        person.page.get_by_role("group", name="Executions that have ended, the newest first")
        .get_by_role("button")
        .first
    )
    expect(first).to_be_visible()
    expect(person.page.get_by_test_id("stDataFrame")).to_have_count(0)
    assert person.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    first.click()
    person.title("Execution 1")
    person.page.set_viewport_size({"width": 1280, "height": 844})
    person.open("/executions")
    expect(person.page.get_by_test_id("stDataFrame").first).to_be_visible()
    person.no_errors()
    person.leave()


def test_on_a_phone_corrections_are_ticked_and_taken_back_together(
    chromium: Browser, address: str, world: World
) -> None:
    with transaction() as session:
        home = factories.workspace(session, world.member)
        for n in range(3):
            factories.feedback_item(session, home, world.member, index=n)
    person = Person(chromium, address, "Member One", viewport=PHONE, has_touch=True)
    person.open("/")
    person.sign_in()
    person.open(f"/corrections?workspace={home}")
    boxes = person.page.get_by_role("checkbox", name=re.compile("^Tick "))
    expect(boxes).to_have_count(3)
    boxes.nth(0).check()
    person.see("1 correction ticked")
    boxes.nth(2).check()
    person.see("2 corrections ticked")
    expect(boxes.nth(0)).to_be_checked()
    person.press("Take back 2")
    with person.dialog("Take back corrections") as box:
        person.button("Take back", box).click()
    person.see("2 corrections taken back.")
    expect(boxes.nth(1)).not_to_be_checked()
    assert person.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    with transaction() as session:
        states = [row.state for row in feedback.list_feedback(session, home)]
    assert sorted(states) == ["open", "withdrawn", "withdrawn"]
    person.no_errors()
    person.leave()


def test_a_card_has_a_title_its_states_and_what_is_not_missing() -> None:
    columns: list[Column[uuid.UUID]] = [
        Column("Execution", lambda _: "#4"),
        Column("Pattern", lambda _: "Swings"),
        Column("Status", lambda _: ["Failed"]),
        Column("Corrections", lambda _: 1200),
        Column("Commit", lambda _: looks.MISSING),
    ]
    made_card = card(columns, uuid.uuid4(), 2)
    assert made_card["title"] == "#4 · Swings"
    assert made_card["badges"] == [{"color": "red", "label": "Failed"}]
    assert made_card["facts"] == [("Corrections", "1,200")]


def test_phases_of_seconds_are_told_in_seconds() -> None:
    import pandas as pd

    row = {"phase": "testing", "n": 4, "low": 2.0, "quarter": 3.0, "median": 4.0, "three_quarters": 6.0, "high": 9.0}
    figure = phase_boxes(pd.DataFrame([row]), "/executions")
    assert figure.layout.xaxis.ticksuffix == " s" and figure.data[0].median == (4.0,)
    longer = phase_boxes(pd.DataFrame([row | {"high": 900.0}]), "/executions")
    assert longer.layout.xaxis.ticksuffix == " min" and longer.data[0].upperfence == (15.0,)
