"""What counts as read: messages in a tab that somebody sees, and none of a tab in the background."""

from __future__ import annotations

from playwright.sync_api import Browser

from services import timeline
from services.database.engine import transaction
from tests.support.processes import eventually
from tests.support.product import World, open_page
from tests.support.screens import Person

HIDDEN = "Object.defineProperty(document, 'visibilityState', { get: () => window.seen ? 'visible' : 'hidden' })"
SHOWN = "window.seen = true; document.dispatchEvent(new Event('visibilitychange'))"


def read_to(world: World) -> int | None:
    with transaction() as session:
        return timeline.last_read(session, world.swings, actor=world.viewer)


def newest(world: World) -> int:
    with transaction() as session:
        return timeline.page(session, world.swings)[-1].seq


def test_drawing_the_page_reads_nothing(world: World) -> None:
    at = open_page("workspace.py", world.viewer, id=str(world.swings))
    assert not at.exception and read_to(world) is None


def test_a_tab_left_open_in_the_background_has_read_nothing(chromium: Browser, address: str, world: World) -> None:
    person = Person(chromium, address, "Viewer One")
    person.context.add_init_script(HIDDEN)
    person.open("/")
    person.sign_in()
    person.open(f"/workspace?id={world.swings}")
    person.title("Swings")
    with transaction() as session:
        timeline.comment(session, world.swings, "While nobody looked.", actor=world.member)
    person.see("While nobody looked.")  # the tab is drawn all the same
    person.page.wait_for_timeout(3000)
    assert read_to(world) is None
    person.page.evaluate(SHOWN)
    assert eventually(lambda: read_to(world) == newest(world))
    with transaction() as session:
        timeline.comment(session, world.swings, "While somebody looked.", actor=world.member)
    person.see("While somebody looked.")
    assert eventually(lambda: read_to(world) == newest(world))
    person.no_errors()
    person.leave()
