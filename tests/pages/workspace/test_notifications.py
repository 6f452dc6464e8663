"""The dialog of a workspace's notices: addresses kept or refused, a test, what became of the latest ones."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pages.components.dialogs import ASKED
from pages.components.workspace import notifications_dialog
from services import exports, notifications
from services.database.engine import transaction
from services.database.rows import fetch
from services.lifecycle import NotificationEvent
from services.notifications import AddressOutcome, NoticeRow
from services.people import Actor
from tests.support.product import World, open_page

SECRET = "s3cr3t-t0ken-94f1"
URL = f"json://me:{SECRET}@127.0.0.1:9/"


def shown(world: World, actor: Actor) -> AppTest:
    """What the dialog holds, outside of a dialog, where its buttons can be pressed."""

    def script() -> None:
        import streamlit as st

        from pages.components.workspace import notifications_dialog

        notifications_dialog.body(st.session_state["home"])

    at = AppTest.from_function(script, default_timeout=30)
    at.session_state["person_id"], at.session_state["home"] = actor.id, world.swings
    at.run()
    assert not at.exception
    return at


@pytest.fixture(autouse=True)
def _quiet(world: World) -> Iterator[None]:
    """No addresses and no notices, before and after."""
    yield
    with transaction() as session:
        notifications.set_urls(session, world.swings, [], actor=world.member)
        fetch(session, "DELETE FROM notifications RETURNING id")


def kept(world: World) -> list[str]:
    with transaction() as session:
        return notifications.get_urls(session, world.swings, actor=world.member)


def texts(at: AppTest) -> str:
    return "\n".join(str(e.value) for kind in ("markdown", "caption", "text", "code") for e in at.get(kind))


def fill(at: AppTest, text: str, button: str) -> AppTest:
    at.text_area[0].set_value(text)
    next(b for b in at.button if b.label == button).click()
    at.run()
    assert not at.exception
    return at


def test_the_dialog_opens_from_the_page_for_members_alone(world: World) -> None:
    at = open_page("workspace.py", world.member, id=str(world.swings))
    at.session_state[ASKED] = ("notifications", (world.swings,))
    at.run()
    assert not at.exception and {"Save", "Send a test"} <= {b.label for b in at.button}
    at = open_page("workspace.py", world.viewer, id=str(world.swings))
    at.session_state[ASKED] = ("notifications", (world.swings,))
    at.run()
    assert "takes a admin or member" in at.error[0].value and not at.text_area


def test_without_addresses_it_says_what_they_look_like(world: World) -> None:
    at = shown(world, world.member)
    assert "Nobody gets messages yet" in texts(at) and "None yet" in texts(at)
    assert at.code[0].value == "\n".join(notifications_dialog.EXAMPLES)


def test_addresses_are_kept_and_shown_again(world: World) -> None:
    at = fill(shown(world, world.member), f"{URL}\n\njson://127.0.0.1:9/b", "Save")
    assert "Saved 2 addresses" in at.success[0].value and kept(world) == [URL, "json://127.0.0.1:9/b"]
    at = shown(world, world.admin)
    assert at.text_area[0].value == f"{URL}\njson://127.0.0.1:9/b" and not at.code
    at = fill(at, "", "Save")
    assert "Nobody gets messages any more" in at.success[0].value and kept(world) == []


def test_what_is_refused_stays_in_the_field_with_the_reason(world: World) -> None:
    at = fill(shown(world, world.member), f"{URL}\nsyslog://{SECRET}", "Save")
    said = at.error[0].value.replace("\\", "")
    assert said.startswith("Line 2 can't be used: syslog:// works on the server itself") and SECRET not in said
    assert at.text_area[0].value == f"{URL}\nsyslog://{SECRET}" and kept(world) == []


def test_a_test_is_queued_and_shows_at_once(world: World) -> None:
    at = fill(shown(world, world.member), "", "Send a test")
    assert "add one and save it first" in at.error[0].value
    at = fill(at, URL, "Send a test")
    assert "A test is on its way" in at.success[0].value and kept(world) == [URL]
    seen = texts(at)
    assert "Test · On its way" in seen.replace("\\", "") and "json://127.0.0.1:9" in seen.replace("\\", "")
    assert SECRET not in seen
    at = fill(at, URL, "Send a test")
    assert "under way already" in at.error[0].value


def test_names_and_outcomes_are_text_and_hold_no_secret(world: World) -> None:
    with transaction() as session:
        notifications.set_urls(session, world.swings, [URL], actor=world.member)
        made = notifications.notify(
            session, world.swings, NotificationEvent.RUN_FAILED, title="**bold** [x](http://evil)", body="b", link="/x",
            dedupe_key=str(uuid.uuid4()),
        )  # fmt: skip
        assert made is not None
        found = notifications.load(session, made, 1)
        assert found is not None
        notifications.note(session, made, next(iter(found.urls)), sent=False, said="It answered with the error 500.")
        notifications.end_try(session, made, 1, (1.0,))
    at = shown(world, world.member)
    seen = texts(at)
    assert "Failed run · Being tried again" in seen.replace("\\", "") and "error 500" in seen
    assert r"\[x\]\(http" in seen and SECRET not in seen
    chunks = exports.stream_csv("notifications", {"workspace": str(world.swings)}, actor_id=world.member.id)
    report = b"".join(chunks).decode()
    assert "It answered with the error 500." in report and SECRET not in report


ROW = NoticeRow(uuid.uuid4(), "deploy_failed", "t", "b", "/x", "failed", 5, [], None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Failed deploy · Not delivered · 5 tries"),
        ({"outcomes": [AddressOutcome("a", s, None) for s in ("sent", "failed", "failed")]},
         "Failed deploy · Delivered to 1 of 3 · 5 tries"),
        ({"status": "sent", "tries": 1}, "Failed deploy · Sent"),
        ({"status": "pending", "tries": 0}, "Failed deploy · On its way"),
        ({"status": "pending", "tries": 2}, "Failed deploy · Being tried again · 2 tries"),
    ],
)  # fmt: skip
def test_a_notice_says_how_it_stands(changed: dict[str, Any], said: str) -> None:
    assert notifications_dialog.facts(replace(ROW, **changed)) == said
