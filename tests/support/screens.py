"""A person at the screens: a browser tab with what people do in it, and what went wrong in its console."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from playwright.sync_api import Browser, ConsoleMessage, Error, Locator, expect

ARTIFACTS = Path(__file__).parents[1] / "browser" / "artifacts"
WAIT_MS = 30_000
# Streamlit asks for these beside a deep link before it asks at the root, and says so in the console.
ITS_OWN = re.compile(r"/_stcore/(health|host-config)")
SETTLED = "[data-testid='stApp'][data-test-script-state='notRunning']"
STANDSTILL_TRIES = 200
TWO_FRAMES_LATER = """(board, [kind, which]) => new Promise((answer) =>
  requestAnimationFrame(() => requestAnimationFrame(() => answer(board.placeOf(kind, which)))))"""


class Person:
    """Somebody in a browser of their own. `name` is what the sign-in screen calls them."""

    def __init__(self, browser: Browser, url: str, name: str, **context: Any) -> None:
        settings: dict[str, Any] = {
            "viewport": {"width": 1440, "height": 900},
            "accept_downloads": True,
            "timezone_id": "UTC",
            "reduced_motion": "reduce",  # endless animations cost a processor where no graphics card draws them
        }
        self.context = browser.new_context(**(settings | context))
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        self.url, self.name = url, name
        self.console: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        where = f"{message.location.get('url', '')} {message.text}"
        if message.type == "error" and not ITS_OWN.search(where):
            self.console.append(where)

    def leave(self) -> None:
        self.context.close()

    # Going about

    def open(self, address: str = "/") -> None:
        self.page.goto(self.url + address)
        self.page.locator("[data-testid='stMain']").wait_for()
        self.settle()

    def settle(self) -> None:
        """Until the page has answered what was last done on it."""
        self.page.locator(SETTLED).wait_for(state="attached")
        expect(self.page.locator("[data-testid='stMain'] [data-testid='stSkeleton']")).to_have_count(0)

    def sign_in(self) -> None:
        self.button(re.compile(rf"^{self.name} ")).click()
        self.see(re.compile(r"^Local mode: pick who you are"), shown=False)
        self.settle()

    def screen(self, name: str) -> None:
        """By the menu at the top."""
        self.page.get_by_test_id("stTopNavLink").filter(has_text=name).first.click()
        self.title(name)

    def title(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", name=text, level=1).first).to_be_visible()
        self.settle()

    # Seeing and doing

    def see(self, text: str | re.Pattern[str], *, shown: bool = True, within: Locator | None = None) -> Locator:
        found = (within or self.page).get_by_text(text)
        if shown:
            expect(found.first).to_be_visible()
        else:
            expect(found).to_have_count(0)
        return found.first

    def button(self, name: str | re.Pattern[str], within: Locator | None = None) -> Locator:
        """A button by the end of its label, so that its icon's name does not matter."""
        wanted = re.compile(rf"(^|\s){re.escape(name)}$") if isinstance(name, str) else name
        return (within or self.page).get_by_role("button", name=wanted).first

    def press(self, name: str | re.Pattern[str], within: Locator | None = None) -> None:
        self.button(name, within).click()
        self.settle()

    def pick(self, name: str, within: Locator | None = None) -> None:
        """One of a row of choices."""
        (within or self.page).get_by_role("radio", name=re.compile(rf"(^|\s){re.escape(name)}$")).first.click()
        self.settle()

    def key(self, key: str) -> Locator:
        """What the page drew under this key."""
        return self.page.locator(f".st-key-{key}")

    @contextmanager
    def dialog(self, title: str | re.Pattern[str]) -> Iterator[Locator]:
        """The open dialog; it has to be gone at the end."""
        box = self.page.get_by_role("dialog").filter(has_text=title)
        expect(box).to_be_visible()
        self.settle()
        yield box
        expect(box).to_have_count(0)
        self.settle()

    def field(self, label: str, within: Locator | None = None) -> Locator:
        """A field for text or a number, by the beginning of its label."""
        place, name = within or self.page, re.compile(rf"^{re.escape(label)}")
        return place.get_by_role("textbox", name=name).or_(place.get_by_role("spinbutton", name=name)).first

    def fill(self, label: str, text: object, within: Locator | None = None) -> None:
        box = self.field(label, within)
        box.fill(str(text))
        box.blur()

    def choose(self, label: str, option: str, within: Locator | None = None) -> None:
        (within or self.page).get_by_role("combobox", name=label).first.click()
        self.page.get_by_role("option", name=option).first.click()
        self.settle()

    def download(self, control: Locator) -> Path:
        """Saves what a control hands out, under the name that it gave it."""
        with self.page.expect_download() as waiting:
            control.click()
        ARTIFACTS.mkdir(exist_ok=True)
        kept = ARTIFACTS / waiting.value.suggested_filename
        waiting.value.save_as(kept)
        return kept

    def csv(self, control: Locator) -> pd.DataFrame:
        return pd.read_csv(self.download(control))

    # The judging board

    @property
    def board(self) -> Locator:
        return self.page.get_by_test_id("board")

    def board_ready(self) -> None:
        expect(self.board).to_have_attribute("data-ready", "true")

    def all_sent(self) -> None:
        """Until every judgement of the board is acknowledged."""
        expect(self.board).to_have_attribute("data-unsent", "0")

    def click_on_chart(self, kind: str, which: object) -> None:
        """Clicks a mark (by its id) or the top of a candle (by its index), once the chart stands still."""
        at = None
        for _ in range(STANDSTILL_TRIES):
            at, before = self.board.evaluate(TWO_FRAMES_LATER, [kind, str(which)]), at
            if at is not None and at == before:
                break
        assert at is not None, f"there is no {kind} {which} on the chart"
        self.page.mouse.move(*at)
        self.page.mouse.click(*at)

    def marks_in_view(self) -> dict[str, int]:
        """The marks that can be clicked without moving the chart: id and candle."""
        return {mark: int(at) for mark, at in self.board.evaluate("board => board.marksInView()")}

    # Evidence

    def picture(self, name: str) -> None:
        ARTIFACTS.mkdir(exist_ok=True)
        self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)

    def keep(self, name: str) -> None:
        """A picture and what the console said, whatever state the page is in."""
        ARTIFACTS.mkdir(exist_ok=True)
        try:
            self.page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)
        except Error:  # a page that has crashed has no picture
            pass
        (ARTIFACTS / f"{name}.console.txt").write_text("\n".join([self.page.url, *self.console]))

    def no_errors(self) -> None:
        assert self.console == [], f"the console of {self.name}: {self.console}"


Visit = Callable[..., Person]
