"""Every screen, tab and dialog by axe-core: nothing serious; and none says an error or asks another host for anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Request

from tests.support.axe import Fault, faults
from tests.support.product import World
from tests.support.screens import Person

PARTS = ("People", "System", "Runs", "Schedules", "Backups", "Storage", "Connections", "Tokens", "Audit")
# What opens over a screen, by the button that opens it; in More by the name there.
DIALOGS = {
    "/": ("New workspace",),
    "/sessions?list=Datasets": ("Import candles",),
    "/sessions": ("Run a session",),
    "/statistics": ("Filters", "Export"),
    "/corrections": ("CSV",),
    "/admin": ("Add a person",),
}
IN_MORE = ("Describe", "Read the description", "Policies", "Export CSV", "Notifications", "Blind review", "Archive")


class Looker:
    """A person who notes what is wrong with each thing that they see."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.found: dict[str, list[Fault]] = {}
        self.hosts: set[str] = set()
        person.context.on("request", self._asked)

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss"):
            self.hosts.add(str(address.hostname))

    def look(self, name: str) -> None:
        self.person.settle()
        self.person.page.wait_for_timeout(700)  # what fades in has come
        if wrong := faults(self.person.page):
            self.found[name] = wrong

    def screen(self, screen: str) -> None:
        self.person.open(screen)
        self.look(screen)
        tabs = self.person.page.get_by_role("tab")
        for at in range(1, tabs.count()):
            tabs.nth(at).click()
            self.look(f"{screen} tab {at}")

    def over(self, screen: str, label: str) -> None:
        """What a button opens, a dialog or a popover."""
        self.person.open(screen)
        self.person.press(re.compile(f"{label}$"))
        self.look(f"{screen} {label}")

    def all_right(self) -> None:
        assert self.found == {}
        assert self.hosts == {"127.0.0.1"}
        self.person.no_errors()


@contextmanager
def looking(chromium: Browser, address: str, scheme: str) -> Iterator[Looker]:
    person = Person(chromium, address, "Admin One", color_scheme=scheme)
    person.open("/")
    person.sign_in()
    yield Looker(person)
    person.leave()


def test_two_screens_have_no_serious_fault(chromium: Browser, address: str, world: World) -> None:
    with looking(chromium, address, "light") as looker:
        looker.screen(f"/workspace?id={world.swings}")
        looker.screen("/executions")
        looker.over("/sessions?list=Datasets", "Import candles")
        looker.all_right()


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_on_any_screen_tab_or_dialog_is_a_serious_fault(
    chromium: Browser, address: str, world: World, screens: list[str], scheme: str
) -> None:
    with looking(chromium, address, scheme) as looker:
        for screen in screens:
            looker.screen(screen)
        looker.person.open("/admin")
        for part in PARTS:
            looker.person.pick(part)
            looker.look(f"/admin {part}")
        for screen, labels in DIALOGS.items():
            for label in labels:
                looker.over(screen, label)
        for name in IN_MORE:
            looker.person.open(f"/workspace?id={world.swings}")
            looker.person.press(re.compile("More"))
            looker.person.page.get_by_text(name, exact=True).last.click()
            looker.look(f"/workspace {name}")
        looker.all_right()
