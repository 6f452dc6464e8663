"""Importing a file of candles: what is in it is shown first, and what it does not say is asked for."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import drawn, looks
from pages.components.actor import require_actor
from pages.components.datasets.table import ADJUSTMENTS
from pages.components.errors import guarded
from services import actions
from services.candles.importer import guess_timeframe, read_candles
from services.candles.times import NO_ZONE
from services.datasets import DatasetRow
from services.errors import InvalidInput

ZONES: Final = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Tokyo",
    "Asia/Hong_Kong",
    "Australia/Sydney",
)
KINDS: Final = ("csv", "txt", "tsv", "json", "parquet")
MOST_WARNINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file holds, or the sentence that says why it can't be used. `asks_zone`: its times carry no time zone."""

    problem: str | None = None
    asks_zone: bool = False
    rows: int = 0
    first: str = ""
    last: str = ""
    source_format: str = ""
    timeframe: str = ""
    price_adjustment: str = "unknown"
    warnings: tuple[str, ...] = ()
    gaps: int = 0


@st.cache_data(max_entries=8, show_spinner="Reading the file")
def preview(data: bytes, filename: str, tz: str | None = None, *, allow_nonpositive: bool = False) -> Preview:
    """Reads a file of candles without keeping it."""
    try:
        found = read_candles(data, filename=filename, tz=tz, allow_nonpositive=allow_nonpositive)
    except InvalidInput as error:
        return Preview(problem=error.sentence, asks_zone=error.sentence == NO_ZONE)
    first, last = (looks.candle_label(None, t.to_pydatetime()) for t in found.frame["time"].iloc[[0, -1]])
    return Preview(
        rows=len(found.frame),
        first=first,
        last=last,
        source_format=found.source_format,
        timeframe=_timeframe(found.frame),
        price_adjustment=found.price_adjustment,
        warnings=tuple(found.quality.warnings),
        gaps=len(found.quality.gaps),
    )


def _timeframe(frame: pd.DataFrame) -> str:
    try:
        return guess_timeframe(frame)
    except InvalidInput:
        return ""


def guess_symbol(filename: str) -> str:
    """A symbol from a file's name: `BINANCE_BTCUSDT, 60.csv` → "BTCUSDT"; "" when there is none in it."""
    words: list[str] = re.findall(r"[A-Za-z][A-Za-z0-9.^=-]*", PurePath(filename).stem.replace("_", " "))
    capitals = [w for w in words if w == w.upper() and len(w) > 1]
    return (capitals[-1] if capitals else words[0] if words else "").upper()[:32]


@st.dialog("Import candles", width="medium", icon=":material/upload:")
def import_dialog() -> None:
    """Takes a file, shows what was recognised, asks for the rest, and stores the candles."""
    actor = require_actor()
    uploaded = st.file_uploader(
        "A file of candles",
        type=list(KINDS),
        key="import-file",
        help="CSV from TradingView, Yahoo, MetaTrader, HistData or Binance, ccxt JSON, Parquet, or columns time, open, "
        "high, low, close, volume.",
    )
    if uploaded is None:
        st.caption("It is recognised by its content. Nothing is stored before you have seen what was found in it.")
        return
    data = uploaded.getvalue()
    digest = hashlib.sha256(data).hexdigest()[:12]
    zone, negative = None, False
    found = preview(data, uploaded.name)
    if found.asks_zone:
        zone = st.selectbox(
            "Time zone of the times in the file",
            ZONES,
            index=None,
            accept_new_options=True,
            placeholder="Choose, or type a name or an offset such as +02:00",
            key=f"import-zone-{digest}",
        )
        if zone is None:
            st.info(NO_ZONE, icon=":material/schedule:")
            return
        found = preview(data, uploaded.name, zone)
    if found.problem is not None and "zero or negative" in found.problem:
        negative = st.toggle("Zero and negative prices are right here (spreads, power)", key=f"import-below-{digest}")
        found = preview(data, uploaded.name, zone, allow_nonpositive=negative)
    if found.problem is not None:
        st.error("This file can't be used:", icon=":material/error:")
        st.text(found.problem)
        return
    _shown(found)
    details = _details(found, uploaded.name, digest)
    if details is not None:
        with guarded():
            made = actions.import_candles(
                data,
                filename=uploaded.name,
                tz=zone,
                symbol=details.symbol,
                timeframe=details.timeframe,
                name=details.name,
                licence_note=details.licence_note,
                price_adjustment=details.price_adjustment,
                allow_nonpositive=negative,
                actor=actor,
            )
            note_imported(made)
            st.rerun()


def note_imported(dataset: DatasetRow) -> None:
    """Leaves word for the page: which dataset to show, and whether it was there already."""
    st.session_state["imported"] = (str(dataset.id), dataset.name, dataset.existed)


def _shown(found: Preview) -> None:
    drawn.facts(
        [
            ("Recognised as", found.source_format),
            ("Candles", f"{found.rows:,}"),
            ("First and last", f"{found.first} to {found.last} (UTC)"),
        ],
        key="import-facts",
    )
    warnings(list(found.warnings))


def warnings(sentences: list[str]) -> None:
    """What the check of the candles found, in its order."""
    if not sentences:
        st.markdown(":green[:material/check_circle:] The check found nothing to warn of.")
        return
    for sentence in sentences[:MOST_WARNINGS]:
        st.markdown(f":orange[:material/warning:] {looks.plain(sentence)}")
    if len(sentences) > MOST_WARNINGS:
        st.caption(f"and {len(sentences) - MOST_WARNINGS:,} more")


@dataclass(frozen=True, slots=True)
class Details:
    """What the file does not say."""

    symbol: str
    timeframe: str
    price_adjustment: str
    name: str | None
    licence_note: str | None


def _details(found: Preview, filename: str, digest: str) -> Details | None:
    """Asks for what the file does not say. Returns it once it was sent."""
    with st.form(f"import-details-{digest}", border=False):
        with st.container(horizontal=True, gap="small"):
            symbol = st.text_input("Symbol", value=guess_symbol(filename), max_chars=32)
            timeframe = st.text_input(
                "Timeframe",
                value=found.timeframe,
                max_chars=6,
                help="Guessed from the spacing of the candles: 5m, 1h, 4h, 1d, 1w",
            )
            adjustment: str = st.selectbox(
                "Prices",
                list(ADJUSTMENTS),
                index=list(ADJUSTMENTS).index(found.price_adjustment),
                format_func=ADJUSTMENTS.__getitem__,
            )
        name = st.text_input("Name (optional)", max_chars=120, placeholder="Symbol and timeframe")
        licence = st.text_input(
            "Where the candles come from, and what may be done with them (optional)", max_chars=2000
        )
        sent = st.form_submit_button("Import", type="primary", icon=":material/upload:")
    if not sent:
        return None
    return Details(symbol.strip(), timeframe.strip(), adjustment, name.strip() or None, licence.strip() or None)
