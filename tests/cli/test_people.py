"""`patterndesk people`: how an installation gets its first admin, and how people are changed from the machine itself."""

from __future__ import annotations

import pytest

from services.database.engine import transaction
from services.models import AuditEvent
from tests.cli.conftest import Command


def test_the_first_admin_is_made_by_a_command(command: Command) -> None:
    assert "Nobody is here yet" in command("people", "list").out
    added = command("people", "add", "Ada@Desk.example", "--name", "Ada  Lovelace", "--role", "admin", "--json")
    assert added.code == 0
    assert (added.json["email"], added.json["name"], added.json["role"]) == (
        "ada@desk.example",
        "Ada Lovelace",
        "admin",
    )
    people = command("people", "list", "--json").json["people"]
    assert [(p["email"], p["role"], p["is_active"]) for p in people] == [("ada@desk.example", "admin", True)]


def test_changes_are_told_and_recorded_with_who_did_them(command: Command) -> None:
    command("people", "add", "ada@desk.example", "--name", "Ada", "--role", "admin")
    command("people", "add", "bo@desk.example", "--name", "Bo", "--as", "ada@desk.example")
    assert command("people", "role", "BO@desk.example", "member", "--as", "ada@desk.example").out == (
        "Bo (bo@desk.example) is now member.\n"
    )
    assert command("people", "deactivate", "bo@desk.example").out.startswith("Bo (bo@desk.example) is shut out")
    assert command("people", "activate", "bo@desk.example").code == 0
    with transaction() as session:
        events = [
            (event.action, event.actor_id is not None) for event in session.query(AuditEvent).order_by(AuditEvent.id)
        ]
    assert events == [
        ("person_added", False), ("person_added", True), ("role_changed", True),
        ("active_changed", False), ("active_changed", False),
    ]  # fmt: skip


def test_the_last_admin_stays(command: Command) -> None:
    command("people", "add", "ada@desk.example", "--name", "Ada", "--role", "admin")
    for refused in (
        command("people", "role", "ada@desk.example", "viewer"),
        command("people", "deactivate", "ada@desk.example"),
    ):
        assert (refused.code, refused.out) == (2, "")
        assert "at least one active admin" in refused.err
    assert command("people", "list", "--json").json["people"][0]["role"] == "admin"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "not-an-address", "--name", "X"), "is no e-mail address"),
        (("add", "x@desk.example", "--name", "   "), "Give a name"),
        (("add", "x@desk.example", "--name", "a\x00b"), "Give a name"),
        (("add", "x@desk.example", "--name", "X", "--role", "owner"), "is no role"),
        (("add", "ada@desk.example", "--name", "Second"), "is here already"),
        (("role", "nobody@desk.example", "admin"), "Nobody here has the address"),
        (("add", "x@desk.example", "--name", "X", "--as", "nobody@desk.example"), "Nobody active here"),
        (("add", "x@desk.example", "--name", "X", "--as", "vi@desk.example"), "to manage people takes a admin"),
    ],
)
def test_wrong_calls_get_a_sentence_and_change_nothing(
    command: Command, arguments: tuple[str, ...], sentence: str
) -> None:
    command("people", "add", "ada@desk.example", "--name", "Ada", "--role", "admin")
    command("people", "add", "vi@desk.example", "--name", "Vi")
    before = command("people", "list", "--json").json
    answer = command("people", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert sentence in answer.err
    assert answer.err.count("\n") == 1
    assert command("people", "list", "--json").json == before
