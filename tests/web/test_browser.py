"""Chromium under our policy: what the screens are made of works, and the console stays empty."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, sync_playwright

from tests.support.web_server import running

pytestmark = pytest.mark.browser

SCREEN = '''
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from PIL import Image

COMPONENT = """
export default function ({ parentElement, data }) {
    parentElement.querySelector("#place").textContent = "component " + data.word
}
"""

def home():
    bars = go.Candlestick(x=[1, 2, 3], open=[1, 2, 3], high=[4, 5, 6], low=[0, 1, 2], close=[2, 3, 1])
    st.plotly_chart(go.Figure(bars), on_select="rerun", key="chart")
    st.dataframe(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    st.data_editor(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))
    st.image(Image.new("RGB", (20, 20), "red"))
    st.download_button("fetch it", b"abc", "a.txt")
    place = st.components.v2.component("place", html="<div id='place'></div>", js=COMPONENT)
    place(data={"word": "works"})
    file = st.file_uploader("file")
    if file:
        st.text(f"received {file.name} of {file.size}")
    if st.button("break"):
        raise RuntimeError("secret detail of the inside")

st.navigation([st.Page(home, default=True)]).run()
st.text("the router ran")
'''


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium") or None, args=["--no-sandbox"]
            )
        except Error as error:
            pytest.skip(f"no Chromium to drive: {error.message.splitlines()[0]}")
        yield browser.new_page()
        browser.close()


@pytest.mark.long
def test_charts_tables_components_uploads_and_errors(page: Page, tmp_path: Path) -> None:
    console: list[str] = []
    page.on("console", lambda message: console.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: console.append(str(error)))
    with running(tmp_path / "app") as server:
        (server.folder / "pages" / "router.py").write_text(SCREEN)
        page.goto(server.url)
        page.get_by_text("the router ran").wait_for(timeout=30_000)
        page.locator(".js-plotly-plot .main-svg").first.wait_for()
        page.locator("[data-testid=stDataFrame] canvas").nth(1).wait_for(state="attached")
        page.get_by_text("component works").wait_for()
        page.wait_for_function("document.querySelector('[data-testid=stImage] img').naturalWidth > 0")
        page.set_input_files("input[type=file]", files={"name": "a.csv", "mimeType": "text/csv", "buffer": b"hello"})
        page.get_by_text("received a.csv of 5").wait_for()
        with page.expect_download() as download:
            page.get_by_text("fetch it").click()
        assert download.value.suggested_filename == "a.txt"
        page.get_by_role("button", name="break").click()
        page.get_by_text("The log holds it under").wait_for()
        body = page.inner_text("body")
        reference = body.partition("holds it under ")[2][:8]
        assert "secret detail" not in body and "Traceback" not in body
        assert reference in server.log() and "secret detail" in server.log()
    assert console == []
