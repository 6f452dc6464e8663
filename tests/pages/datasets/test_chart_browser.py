"""The chart of a dataset in a real browser: a window chosen by dragging or by two fields, and a session started on it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.product import World

WAIT_MS = 60_000


@pytest.fixture
def page(chromium: Browser, address: str, world: World) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, timezone_id="UTC")
    made = context.new_page()
    made.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    made.goto(address)
    made.get_by_role("button", name=re.compile("Member One")).click()
    made.get_by_test_id("stTopNavLink").first.wait_for()
    made.goto(f"{address}/dataset?id={world.dataset.id}&bar=1500")
    yield made
    context.close()


@pytest.fixture
def chart(page: Page) -> Locator:
    found = page.get_by_test_id("candles")
    expect(found).to_have_attribute("data-ready", "true")
    return found


def drag(page: Page, chart: Locator, first: int, last: int) -> None:
    """From one candle to another, by the mouse."""
    ends = [chart.evaluate("(root, which) => root.placeOf('candle', which)", str(each)) for each in (first, last)]
    page.mouse.move(ends[0][0], ends[0][1] + 40)
    page.mouse.down()
    page.mouse.move((ends[0][0] + ends[1][0]) / 2, ends[0][1] + 40, steps=3)
    page.mouse.move(ends[1][0], ends[0][1] + 40, steps=3)
    page.mouse.up()


def test_a_window_is_dragged_and_the_detector_is_run_on_it(page: Page, chart: Locator) -> None:
    chart.hover()
    page.keyboard.press("w")
    expect(chart.get_by_text("Drag across the candles to choose a window")).to_be_visible()
    drag(page, chart, 1480, 1510)
    expect(chart).to_have_attribute("data-start", "1480")
    expect(chart).to_have_attribute("data-end", "1510")
    expect(chart.locator(".words")).to_contain_text("Chosen: 31 candles")
    chart.get_by_role("button", name="Run the detector on this window").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("spinbutton", name="First candle")).to_have_value("1480")
    expect(dialog.get_by_role("spinbutton", name="Last candle")).to_have_value("1510")
    dialog.get_by_role("button", name=re.compile("Run$")).click()
    expect(page.get_by_test_id("board")).to_have_attribute("data-ready", "true")


def test_a_window_is_written_and_labelled_without_a_detector(page: Page, chart: Locator) -> None:
    first, last = (chart.get_by_role("textbox", name=name) for name in ("First candle", "Last candle"))
    first.fill("nonsense")
    first.blur()
    expect(chart.get_by_text("Write a date or the number of a candle")).to_be_visible()
    first.fill("1,400")
    last.fill("#1450")
    last.blur()
    expect(chart).to_have_attribute("data-end", "1450")
    chart.get_by_role("button", name="Label this window without a detector").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("spinbutton", name="First candle")).to_have_value("1400")
    dialog.get_by_role("button", name=re.compile("Start labelling")).click()
    board = page.get_by_test_id("board")
    expect(board).to_have_attribute("data-ready", "true")
    expect(page.get_by_text(re.compile("labels, no detector"))).to_be_visible()


def test_a_drag_without_the_tool_moves_the_view_and_chooses_nothing(page: Page, chart: Locator) -> None:
    expect(chart).to_have_attribute("data-pointed", "1500")
    before = chart.locator(".words").inner_text()
    drag(page, chart, 1490, 1510)
    expect(chart.locator(".words")).not_to_have_text(before)
    assert not chart.get_attribute("data-start")


def test_a_row_of_the_report_brings_its_candle(page: Page, chart: Locator) -> None:
    report = page.get_by_test_id("stDataFrame").first
    report.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # a table draws its rows once it is in view, and takes no click before
    report.click(position={"x": 60, "y": 50})
    expect(chart).not_to_have_attribute("data-pointed", "1500")
