"""The keys and the palette in a real browser, mounted as Streamlit mounts them; the answers of the server are given."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from pages.components.assets import asset
from pages.components.commands import component as commands
from pages.components.trail import component as trail

HERE = "http://desk.test"
BODY = """<!doctype html><title>desk</title><nav><a data-testid="stTopNavLink" href="/sessions"><span>Sessions</span></a>
<a data-testid="stTopNavLink" href="/"><span>Workspaces</span></a></nav><section data-testid="stMain"><input id="field">
<div class="st-key-review-verify"><button onclick="window.hit='verify'">Verify</button></div>
<div class="st-key-review-return"><button disabled onclick="window.hit='return'">Return</button></div>
<button data-testid="stBaseButton-primary" onclick="window.hit='run'"><div data-testid="stMarkdownContainer"><p>Run a session</p></div></button>
<div class="list"></div></section>"""
MOUNT = """([css, html]) => {
  const host = document.body.appendChild(document.createElement("div"))
  const root = host.attachShadow({ mode: "open" })
  root.innerHTML = `<style>${css}</style>${html}`
  window.sent = []
  window.show = (data) => window.run({ data, parentElement: root, setTriggerValue: (name, value) => window.sent.push([name, value]) })
}"""
RESULTS = [
    {"kind": "pattern", "label": "<b>Swings</b>", "note": "Market structure", "link": "/workspace?id=1"},
    {"kind": "execution", "label": "Execution 12", "note": "Swings", "link": "/execution?id=2"},
]
SCREENS = [{"title": "Statistics", "symbol": "query_stats", "note": "Over time", "link": "/statistics"}]


def _mounted(tab: Page, script: str, css: str, html: str) -> Page:
    tab.unroute_all()
    asked: list[dict[str, Any]] = []

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.path == "/find":
            asked.append({"q": parse_qs(address.query)["q"][0], "as": route.request.headers.get("authorization")})
            route.fulfill(status=200, content_type="application/json", body=json.dumps({"results": RESULTS}))
        else:
            route.fulfill(status=200, content_type="text/html", body=BODY)

    tab.route(f"{HERE}/**", answer)
    tab.goto(f"{HERE}/")
    tab.evaluate(MOUNT, [css, html])
    tab.add_script_tag(content=script.replace("export default function", "window.run = function"), type="module")
    tab.wait_for_function("!!window.run")
    tab.asked = asked  # type: ignore[attr-defined]
    return tab


@pytest.fixture
def page(tab: Page) -> Page:
    here = commands._HERE
    script = asset(
        "shared.js", *(here / f"{name}.js" for name in ("menu", "history", "recover", "rows", "palette", "component"))
    )
    css = asset("shared.css", here / "component.css")
    return _mounted(tab, script, css, '<div class="root"></div>')


def show(page: Page, screen: str = "", menu: str = "") -> None:
    page.evaluate("data => window.show(data)", {"page": screen, "menu": menu, "token": "T", "screens": SCREENS})


def test_the_palette_finds_everything_and_goes_there(page: Page) -> None:
    show(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to anything")).to_be_focused()
    assert (
        page.get_by_role("option").all_inner_texts()[0].startswith("query_stats") or page.get_by_role("option").count()
    )
    page.keyboard.type("sw")
    expect(page.get_by_role("option").filter(has_text="Execution 12")).to_be_visible()
    assert (
        page.locator(".choice .label").first.inner_text() == "<b>Swings</b>" and page.locator(".choice b").count() == 0
    )
    assert page.asked[-1] == {"q": "sw", "as": "Bearer T"}  # type: ignore[attr-defined]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.evaluate("window.sent.at(-1)") == ["open", "/execution?id=2"]
    expect(page.get_by_role("combobox")).to_have_count(0)


def test_actions_of_the_screen_are_pressed_from_the_palette(page: Page) -> None:
    show(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("run a")
    page.keyboard.press("Enter")
    assert page.evaluate("window.hit") == "run"


def test_keys_mean_nothing_while_somebody_types_or_a_dialog_is_open(page: Page) -> None:
    show(page, "review", "review")
    page.locator("#field").click()
    page.keyboard.type("v?")
    assert page.locator("#field").input_value() == "v?" and page.evaluate("window.hit") is None
    page.evaluate(
        "document.activeElement.blur(); document.body.append(Object.assign(document.createElement('div'), {id: 'box'})); document.querySelector('#box').setAttribute('role', 'dialog')"
    )
    page.keyboard.press("v")
    assert page.evaluate("window.hit") is None
    page.evaluate("document.querySelector('#box').remove()")
    page.keyboard.press("r")  # a button that can't be pressed isn't
    assert page.evaluate("window.hit") is None
    page.keyboard.press("v")
    assert page.evaluate("window.hit") == "verify"


def test_verify_and_return_are_keys_of_the_review_alone(page: Page) -> None:
    show(page, "executions", "executions")
    page.keyboard.press("v")
    assert page.evaluate("window.hit") is None
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()
    assert "Verify" not in sheet.inner_text()


def test_on_the_judging_board_only_the_palette_is_listened_for(page: Page) -> None:
    show(page, "session", "sessions")
    page.evaluate(
        "document.addEventListener('keydown', (event) => { if (event.key === 'j') { window.board = true; event.stopImmediatePropagation() } }, true)"
    )
    page.keyboard.press("j")
    assert page.evaluate("window.board") is True
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to anything")).to_be_visible()


def test_what_is_typed_in_a_dialog_goes_into_its_field_and_nowhere_else(page: Page) -> None:
    page.evaluate("window.heard = ''; document.addEventListener('keydown', (event) => { window.heard += event.key })")
    show(page, "review", "review")
    page.evaluate(
        """() => { const dialog = document.createElement('div'); dialog.setAttribute('role', 'dialog'); dialog.tabIndex = -1
        dialog.innerHTML = '<button>Close</button>'; document.body.append(dialog); dialog.focus() }"""
    )
    page.keyboard.type("rv")
    assert page.evaluate("[window.heard, window.hit ?? null]") == ["", None], "neither ours nor Streamlit's"
    page.evaluate("document.querySelector('[role=dialog]').append(document.createElement('textarea'))")
    expect(page.locator("[role=dialog] textarea")).to_be_focused()
    page.keyboard.type("more evidence")
    assert page.evaluate("[document.querySelector('textarea').value, window.hit ?? null]") == ["more evidence", None]
    page.evaluate("document.querySelector('[role=dialog]').remove()")
    page.keyboard.press("v")
    assert page.evaluate("window.hit") == "verify"


def test_going_to_another_screen_is_one_step_of_the_history(page: Page) -> None:
    show(page, "workspaces", "")
    steps = page.evaluate("history.length")
    page.evaluate("history.pushState({}, '', '/?status=beta')")  # a filter
    page.evaluate("history.pushState({}, '', '/?id=7')")  # as Streamlit goes to a screen: its query first
    page.evaluate("history.pushState({}, '', '/session?id=7')")
    assert page.evaluate("history.length") - steps == 2
    page.evaluate("history.back()")
    page.wait_for_url("**/?status=beta")
    page.evaluate("history.pushState({}, '', '/?status=verified')")
    page.evaluate("history.pushState({}, '', '/sessions')")  # a link in the menu, just after a filter
    page.evaluate("history.back()")
    page.wait_for_url("**/?status=verified")


def test_a_page_that_a_fault_left_white_is_loaded_again_and_not_in_a_circle(page: Page) -> None:
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div id=root><p>page</p></div>')")
    show(page, "workspaces", "")
    page.evaluate("window.before = true")
    page.evaluate("document.getElementById('root').replaceChildren()")
    page.wait_for_function("window.before === undefined")
    assert page.evaluate("Number(sessionStorage.getItem('patterndesk-recovered')) > 0")


def test_j_and_k_go_through_a_list_and_enter_opens_its_row(page: Page) -> None:
    page.evaluate(
        """() => { const list = document.querySelector('.list'); for (const n of [1, 2, 3]) {
        const row = document.createElement('button'); row.className = 'waiting'; row.textContent = 'row ' + n
        row.onclick = () => { window.hit = n }; list.append(row) } }"""
    )
    show(page, "review", "review")
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    assert page.evaluate("window.hit") == 2


def test_the_menu_shows_where_a_screen_belongs(page: Page) -> None:
    show(page, "session", "sessions")
    marked = "[...document.querySelectorAll('[aria-current=page]')].map((a) => a.textContent)"
    assert page.evaluate(marked) == ["Sessions"]
    show(page)
    assert page.evaluate(marked) == ["Workspaces"]


def test_the_way_up_is_links_and_ids_are_copied_whole(tab: Page) -> None:
    here = trail._HERE
    page = _mounted(
        tab,
        asset("shared.js", here / "component.js"),
        asset("shared.css", here / "component.css"),
        '<div class="root"><div class="line"></div></div>',
    )
    steps = [{"text": "Executions", "link": "/executions"}, {"text": "<i>12</i>", "link": None}]
    copies = [{"name": "Commit", "text": "abcdef0123456789", "shown": "abcdef0"}]
    page.evaluate("data => window.show(data)", {"steps": steps, "copies": copies})
    way = page.get_by_role("navigation", name="Where this is")
    assert way.get_by_role("link").evaluate_all("list => list.map((a) => a.href)") == [f"{HERE}/executions"]
    assert page.locator(".here").inner_text() == "<i>12</i>"
    way.get_by_role("link", name="Executions").click()
    assert page.evaluate("window.sent.at(-1)") == ["open", "/executions"]
    page.evaluate("document.execCommand = () => { window.copied = document.activeElement.value; return true }")
    page.get_by_role("button", name="Copy Commit abcdef0").click()
    page.wait_for_function("window.copied === 'abcdef0123456789'")
