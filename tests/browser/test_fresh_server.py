"""Deep links: into a server that nobody has asked anything yet, to things that are not there, and as a viewer."""

from __future__ import annotations

import re

import pytest

from tests.support.journey import MEMBER, TUNE, Journey, address
from tests.support.screens import Person, Visit
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(900)]

NOWHERE = "00000000-0000-7000-8000-000000000000"
GONE = "There is no such {}; it may have been removed, or the link is wrong."

# Words on the buttons of everything that changes something.
WRITING = re.compile(
    r"\b(New workspace|Describe|Launch|Send|Run|Approve|Withdraw|Reopen|Archive|Restore|Import|Complete|Retest|Right|"
    r"Wrong|Moved|Unsure|Undo|Missed|Verify|Return|Cancel|Add|Rename|Accept|Continue|Deploy anyway)\b"
)


@pytest.mark.parametrize(
    ("screen", "title"),
    [
        ("session", TUNE[0]),
        *(
            pytest.param(screen, title, marks=pytest.mark.long)
            for screen, title in (
                ("workspace", "Swings"),
                ("execution", "Execution 3"),
                ("review", "Review"),
                ("statistics", "Statistics"),
                ("admin", "Admin"),
            )
        ),
    ],
)
def test_the_first_request_of_a_server_goes_through_the_sign_in(
    server: Server, journey: Journey, visit: Visit, screen: str, title: str
) -> None:
    with server.another_server() as url:
        person = visit(url, MEMBER)
        person.open(address(server, journey, screen))
        person.see(re.compile("^Local mode: pick who you are"))
        shown = person.page.inner_text("body")
        assert person.page.get_by_role("heading").all_inner_texts() == ["Pattern Desk"]
        assert "Swings" not in shown and "IBM" not in shown
        assert person.page.get_by_test_id("stTopNavLink").count() == 0
        person.sign_in()
        person.title(title)
        assert address(server, journey, screen) in person.page.url
        person.no_errors()
        person.leave()


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (f"/workspace?id={NOWHERE}", GONE.format("workspace")),
        ("/workspace?id=nonsense", GONE.format("workspace")),
        (f"/session?id={NOWHERE}", GONE.format("session")),
        ("/session?id=nonsense", "The address names no session. Choose one from the list."),
        ("/session", "The address names no session. Choose one from the list."),
        (f"/execution?id={NOWHERE}", GONE.format("execution")),
        ("/execution?id=nonsense", "The address names no execution. Choose one from the list."),
        (f"/review?id={NOWHERE}", GONE.format("workspace")),
        ("/review?id=nonsense", "The address names no workspace; choose one from the queue."),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(reader: Person, link: str, sentence: str) -> None:
    reader.open(link)
    reader.see(sentence)
    shown = reader.page.inner_text("body")
    assert "Traceback" not in shown and "Reference" not in shown
    reader.no_errors()


@pytest.mark.parametrize(
    "screen",
    [
        "session",
        *(
            pytest.param(screen, marks=pytest.mark.long)
            for screen in ("", "workspace", "sessions", "executions", "execution", "review", "statistics", "admin")
        ),
    ],
)
def test_a_viewer_reads_everything_and_changes_nothing(
    reader: Person, server: Server, journey: Journey, screen: str
) -> None:
    reader.open(address(server, journey, screen))
    reader.page.get_by_role("heading", level=1).first.wait_for()
    reader.settle()
    if screen == "session":  # the verdicts stand there, greyed out
        reader.board_ready()
    names = [name.strip() for name in reader.page.locator("button:enabled").all_inner_texts()]
    assert [name for name in names if WRITING.search(name)] == []
    reader.no_errors()
