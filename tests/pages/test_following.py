"""Lists and the execution page follow the live stream: no rerun while nothing happens, and no click for what does."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, WebSocket, expect

from services import executions, people, workspaces
from services.database.engine import transaction
from services.lifecycle import ExecutionPhase, ExecutionStatus
from services.models import ClaudeExecution, now
from tests.support.execution_screen import change, running
from tests.support.product import World
from tests.support.screens import Person

IDLE_S = 13.0  # longer than any of the looks that a page takes by itself while something runs


class Watched:
    """A person at the screens, and how often their browser asked for a rerun."""

    def __init__(self, browser: Browser, url: str, name: str) -> None:
        self.person = Person(browser, url, name)
        self.sent = 0
        self.person.page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        def counted(_payload: str | bytes) -> None:
            self.sent += 1

        socket.on("framesent", counted)

    def idle(self) -> int:
        """Messages to the server in a while in which nothing happens."""
        self.person.page.wait_for_timeout(1500)
        before = self.sent
        self.person.page.wait_for_timeout(IDLE_S * 1000)
        return self.sent - before


@pytest.fixture
def viewer(chromium: Browser, address: str, world: World) -> Iterator[Watched]:
    watched = Watched(chromium, address, "Viewer One")
    watched.person.open("/")
    watched.person.sign_in()
    yield watched
    watched.person.leave()


def report(execution_id: uuid.UUID, task: str) -> None:
    with transaction() as session:
        executions.report(session, execution_id, epoch=1, attempt=1, phase=ExecutionPhase.IMPLEMENTING, fraction=0.9,
                          task=task)  # fmt: skip


def test_an_idle_list_makes_no_rerun_and_a_new_execution_shows_without_a_click(viewer: Watched, world: World) -> None:
    viewer.person.open("/executions")
    viewer.person.title("Executions")
    assert viewer.idle() == 0, "nothing happened, so nothing was asked"
    execution_id = running(world)
    try:
        expect(viewer.person.page.get_by_text(re.compile("Tried 150|Implementing")).first).to_be_visible()
        expect(viewer.person.page.get_by_role("button", name=re.compile("Execution 1 "))).to_be_visible()
    finally:
        change(execution_id, status=ExecutionStatus.FAILED, error="It failed.", errored_at=now())
    viewer.person.no_errors()


@pytest.mark.long
def test_the_list_of_workspaces_is_told_too_and_stays_still_otherwise(viewer: Watched, world: World) -> None:
    viewer.person.title("Workspaces")
    assert viewer.idle() == 0
    with transaction() as session:
        workspaces.create(session, pattern_type="told", name="Told of it", category="Zones", actor=world.member)
    viewer.person.see("Told of it")


@pytest.mark.long
def test_the_page_of_a_run_follows_it_and_its_log(viewer: Watched, world: World) -> None:
    execution_id = running(world)
    change(execution_id, heartbeat_at=now() + timedelta(hours=1))
    viewer.person.open(f"/execution?id={execution_id}")
    viewer.person.see(re.compile("Tried 150 of 300 points"))
    report(execution_id, "Tried 290 of 300 points")
    viewer.person.see(re.compile("Tried 290 of 300 points"))
    with transaction() as session:
        executions.keep_log(session, execution_id, epoch=1, attempt=1, tail="12:00:00 the newest line\n")
    viewer.person.see(re.compile("the newest line"))
    with transaction() as session:
        row = session.get_one(ClaudeExecution, execution_id)
        executions.fail(session, row, error="The budget is used up.")
    viewer.person.see(re.compile("The budget is used up"))
    viewer.person.see(re.compile("Failed in implementing"))


def test_a_page_whose_person_is_shut_out_says_so_and_shows_nothing_more(viewer: Watched, world: World) -> None:
    viewer.person.open("/executions")
    viewer.person.title("Executions")
    with transaction() as session:
        people.set_active(session, world.viewer.id, False, actor=None)
    try:
        viewer.person.see(re.compile("no longer|deactivated|not active|shut out|Pick somebody else"))
    finally:
        with transaction() as session:
            people.set_active(session, world.viewer.id, True, actor=None)
