"""All screens in light, in dark and on a phone, with the data of the journey: pictures, nothing cut off, no errors."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.journey import ADMIN, Journey, address
from tests.support.screens import Person, Visit
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.timeout(900)]

SCREENS = (
    "",
    "workspace",
    "sessions",
    "session",
    "executions",
    "execution",
    "review",
    "statistics",
    "account",
    "admin",
)
PHONE = {"width": 390, "height": 844}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True},
}
# What reaches over the right edge, but for what scrolls inside itself.
TOO_WIDE = """() => {
  const held = (node) => {
    for (let up = node.parentElement; up; up = up.parentElement)
      if (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(up).overflowX)) return true
    return false
  }
  const wide = [...document.querySelectorAll("[data-testid='stMain'] *")].filter((node) => {
    const box = node.getBoundingClientRect()
    return box.width > 0 && box.height > 0 && box.right > innerWidth + 1 && !held(node)
  })
  const main = document.querySelector("[data-testid='stMain']")
  return [document.documentElement.scrollWidth > innerWidth || main.scrollWidth > main.clientWidth + 1,
    wide.slice(0, 5).map((node) => node.outerHTML.slice(0, 160))]
}"""


# Only the narrow look is checked for more than errors, which other journeys see as well.
@pytest.fixture(
    scope="module",
    params=[pytest.param(look, marks=() if look == "phone" else pytest.mark.long) for look in LOOKS],
)
def looker(request: pytest.FixtureRequest, server: Server, visit: Visit) -> tuple[str, Person]:
    """The admin, who may see all screens, in one of the looks."""
    person = visit(server.url, ADMIN, **LOOKS[request.param])
    person.open()
    person.sign_in()
    return request.param, person


@pytest.mark.parametrize("screen", SCREENS)
def test_a_screen_looks_right(looker: tuple[str, Person], server: Server, journey: Journey, screen: str) -> None:
    look, person = looker
    person.open(address(server, journey, screen))
    expect(person.page.get_by_role("heading", level=1).first).to_be_visible()
    person.settle()
    person.picture(f"look {screen or 'workspaces'} {look}")
    if look == "phone":
        overflows, where = person.page.evaluate(TOO_WIDE)
        assert not overflows, where
    person.no_errors()
