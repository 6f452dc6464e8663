"""The script of an execution's drawings in a real browser: growing logs, tables to choose from, diffs, cards."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from pages.components import looks
from pages.components.runs import component
from pages.components.runs.state import counting_up, plain_text
from services.models import now

MOUNT = """([css]) => {
  const host = document.body.appendChild(document.createElement("div"))
  const root = host.attachShadow({ mode: "open" })
  root.innerHTML = `<style>${css}</style><div class="root"></div>`
  window.sent = []
  window.root = root
  window.show = (data) => window.run({ data, parentElement: root, setTriggerValue: (name, value) => window.sent.push([name, value]) })
}"""
BOX = "root.querySelector('pre.passage')"


@pytest.fixture
def page(tab: Page) -> Page:
    tab.goto("about:blank")
    script = component.JS.replace("export default function", "window.run = function")
    tab.evaluate(MOUNT, [component.CSS])
    tab.add_script_tag(content=script, type="module")
    tab.wait_for_function("!!window.run")
    return tab


def show(page: Page, **data: Any) -> None:
    page.evaluate("data => { window.show(data) }", data)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def log(page: Page, first: int, last: int) -> None:
    text = "".join(f"12:00:00 line {n} of the log\n" for n in range(first, last))
    show(page, kind="text", text=text, label="Log", height="200px", wrap=True, follow=True)


def at_end(page: Page) -> bool:
    return bool(page.evaluate(f"() => {BOX}.scrollHeight - {BOX}.scrollTop - {BOX}.clientHeight < 2"))


def test_a_growing_log_follows_a_reader_at_its_end(page: Page) -> None:
    log(page, 0, 100)
    assert at_end(page)
    log(page, 0, 130)
    assert at_end(page) and "line 129 " in page.evaluate(f"{BOX}.textContent")
    log(page, 60, 190)
    assert at_end(page) and "line 59 " not in page.evaluate(f"{BOX}.textContent"), (
        "the page holds no more than it is sent"
    )


def test_nothing_moves_for_a_reader_who_scrolled_up(page: Page) -> None:
    log(page, 0, 300)
    page.evaluate(f"() => {{ {BOX}.scrollTop = 900 }}")
    for first, last in ((0, 320), (40, 340), (200, 500)):  # its beginning is cut off while it grows
        log(page, first, last)
        assert page.evaluate(f"{BOX}.scrollTop") == 900 and not at_end(page)
    assert "line 0 " in page.evaluate(f"{BOX}.textContent") and "line 499 " in page.evaluate(f"{BOX}.textContent")
    assert page.evaluate(f"{BOX}.textContent.match(/line 250 /g).length") == 1, "nothing is there twice"
    page.evaluate(f"() => {{ {BOX}.scrollTop = {BOX}.scrollHeight }}")
    log(page, 300, 510)
    assert at_end(page) and "line 299 " not in page.evaluate(f"{BOX}.textContent")


def test_another_text_takes_the_place_of_the_one_before(page: Page) -> None:
    log(page, 0, 50)
    show(page, kind="text", text="other <b>text</b>", label="Log", height="200px", wrap=True, follow=False)
    assert page.evaluate(f"{BOX}.textContent") == "other <b>text</b>"
    assert page.evaluate(f"{BOX}.children.length") == 0, "text, never markup"


def attempts(page: Page, chosen: int, took: str = "1:00") -> None:
    cells = [[{"t": str(n)}, {"t": took if n == 40 else "0:59"}] for n in range(1, 41)]
    head = [{"t": "Attempt"}, {"t": "Took"}]
    show(page, kind="table", head=head, rows=cells, numbers=list(range(1, 41)), chosen=chosen, label="Attempts")


def test_rows_are_chosen_by_click_and_keyboard_and_a_refresh_keeps_the_place(page: Page) -> None:
    attempts(page, 40)
    page.get_by_role("cell", name="0:59").nth(2).click()
    assert page.evaluate("window.sent") == [["open", 3]]
    button = page.get_by_role("button", name="Attempt 5", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("window.sent.at(-1)") == ["open", 5]
    attempts(page, 5, took="1:01")
    assert button.get_attribute("aria-pressed") == "true"
    assert page.evaluate("root.activeElement.getAttribute('aria-label')") == "Attempt 5", (
        "the keyboard stays where it was"
    )
    page.evaluate("() => { root.querySelector('.sideways').scrollTop = 120 }")
    attempts(page, 5, took="1:02")
    assert page.get_by_text("1:02").count() == 1
    assert page.evaluate("root.querySelector('.sideways').scrollTop") == 120


def test_a_diff_of_several_files_begins_with_a_list_that_leads_to_each(page: Page) -> None:
    def file(path: str, **changes: Any) -> dict[str, Any]:
        lines = [["@", "@@ -1 +1 @@"], *[["+", f"line {n}"] for n in range(60)]]
        return {"path": path, "note": "", "added": 60, "removed": 0, "lines": lines, "tests": False} | changes

    show(page, kind="diff", files=[file("detectors/bos.py")])
    assert page.locator(".changed").count() == 0, "one file needs no list"
    show(page, kind="diff", files=[file("detectors/bos.py"), file("tests/test_bos.py", tests=True, note="new")])
    listed = page.locator(".changed li")
    assert [text.split() for text in listed.all_inner_texts()] == [
        ["detectors/bos.py", "+60", "−0"], ["tests/test_bos.py", "new", "labs", "tests", "+60", "−0"],
    ]  # fmt: skip
    page.get_by_role("button", name="Show tests/test_bos.py").click()
    page.wait_for_function("root.querySelectorAll('.file')[1].getBoundingClientRect().top < 300")


def test_a_card_says_its_state_and_what_it_waits_for(page: Page) -> None:
    run = {
        "id": "a", "name": "BOS", "number": 3, "facts": plain_text("Claude"), "percent": "80%",
        "remark": plain_text("No sign of life"),
        "look": {"color": "orange", "symbol": "heart_broken", "label": "Stalled"},
        "phases": {"status": "running", "live": True, "phase": "testing", "phases": {}, "progress": 40,
                   "states": {"now": {"color": "orange", "symbol": "heart_broken", "label": "Stalled"}}},
    }  # fmt: skip
    show(page, kind="runs", runs=[run], looks=looks.FOR_COMPONENTS)
    assert page.locator(".remark").inner_text() == "No sign of life"
    assert page.locator(".spin").count() == 0, "nothing turns while nothing happens"
    del run["phases"]["states"]  # type: ignore[attr-defined]
    show(page, kind="runs", runs=[run | {"remark": None}], looks=looks.FOR_COMPONENTS)
    assert page.locator(".spin").count() == 1 and page.locator(".remark").count() == 0
    page.get_by_role("button", name=re.compile("^BOS Execution 3")).click()
    assert page.evaluate("window.sent") == [["open", "a"]]


def test_the_browser_counts_the_time_by_itself(page: Page) -> None:
    figures = counting_up(now() - timedelta(seconds=58), after=" · attempt 1 of 3")
    due = (now() + timedelta(seconds=4)).isoformat()
    retry = {"before": "Retry 1 of 3 ", "since": None, "until": due, "after": ": it failed"}
    notice = {"color": "orange", "symbol": "replay", "text": retry}
    show(page, kind="doing", task="Testing", percent="61%", figures=figures, notices=[notice])
    assert " · attempt 1 of 3" in page.locator(".muted").inner_text()
    assert "Retry 1 of 3 in 0:0" in page.locator(".notice").inner_text()
    page.get_by_text("1 min 2 s · attempt 1 of 3").wait_for()
    page.get_by_text("Retry 1 of 3 begins now: it failed").wait_for()
    assert page.evaluate("window.sent") == [], "nothing was asked of the server for it"
