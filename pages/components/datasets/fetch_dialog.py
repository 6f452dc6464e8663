"""Fetching candles from an exchange or from Yahoo: source, symbol by search, range; and what came since."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import acting, require_actor
from pages.components.datasets.import_dialog import note_imported
from pages.components.errors import guarded
from services import actions
from services.actions.importing import Fetched
from services.candles.market import MISSING, Instrument, sources
from services.datasets import DatasetRow

USUAL: Final = ("yahoo", "binance", "bitstamp", "bybit", "coinbase", "kraken", "kucoin", "okx")
TIMEFRAMES: Final = ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")
FOUND: Final = "fetch-found"


@st.dialog("Fetch candles", width="medium", icon=":material/cloud_download:")
def fetch_dialog() -> None:
    """Asks for source, symbol and range, and stores what comes."""
    require_actor()
    known = sources()
    if not known:
        st.info(MISSING, icon=":material/extension:")
        return
    usual = [name for name in USUAL if name in known]
    source = st.selectbox("Source", [*usual, *(n for n in known if n not in usual)], key="fetch-source")
    symbol = _symbol(source)
    with st.container(horizontal=True, gap="small"):
        timeframe: str = st.selectbox(
            "Timeframe", TIMEFRAMES, index=TIMEFRAMES.index("1d"), accept_new_options=True, key="fetch-timeframe"
        )
        today = datetime.now(UTC).date()
        first = st.date_input("From", today - timedelta(days=365), max_value=today, key="fetch-from")
        last = st.date_input("To, inclusive", today, max_value=today, key="fetch-to")
    if st.button("Fetch", type="primary", icon=":material/cloud_download:", key="fetch-start", disabled=not symbol):
        with guarded(), progress_bar() as tell:
            start, end = _midnight(first), _midnight(last) + timedelta(days=1, seconds=-1)
            made = actions.fetch_candles(source, symbol, timeframe, start=start, end=end, progress=tell, actor=acting())
            note_imported(made)
            st.rerun()


def _symbol(source: str) -> str:
    """The symbol as the source names it: typed, or chosen among what a search finds."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input("Symbol or name", max_chars=40, key="fetch-text", placeholder="AAPL, BTC/USD, apple")
        search = st.button("Search", icon=":material/search:", key="fetch-search")
    if search and text.strip():
        with guarded(), st.spinner(f"Asking {source}"):
            st.session_state[FOUND] = (source, text, actions.find_instruments(source, text))
    where, asked, found = st.session_state.get(FOUND, ("", "", []))
    if (where, asked) != (source, text):
        return text.strip()
    if not found:
        st.caption(f"{source} has nothing that fits “{looks.plain(text)}”.")
        return ""
    chosen: Instrument | None = st.selectbox(
        "Found", found, format_func=lambda i: f"{i.symbol} · {i.name}", key=f"fetch-chosen-{source}-{text}"
    )
    return chosen.symbol if chosen else ""


@contextmanager
def progress_bar() -> Iterator[Fetched]:
    """A bar that says how many candles came, and goes away at the end."""
    bar = st.progress(0.0, "Asking for candles")

    def tell(count: int, share: float) -> None:
        bar.progress(min(share, 1.0), f"{count:,} candles")

    try:
        yield tell
    finally:
        bar.empty()


def update_button(dataset: DatasetRow) -> None:
    """Fetches what came since for a dataset that was fetched; it becomes a longer dataset of the same series."""
    if dataset.source_format not in sources():
        return
    text = f"Fetches from {dataset.source_format} what came after the last candle, as a longer dataset of this series"
    if st.button("Fetch what came since", icon=":material/update:", help=text, key="dataset-update"):
        with guarded(), progress_bar() as tell:
            made = actions.fetch_candles(
                dataset.source_format, dataset.symbol, dataset.timeframe, progress=tell, actor=acting()
            )
            note_imported(made)
            st.query_params["id"] = str(made.id)
            st.rerun()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
