"""Importing a file of candles: what was decided about it is shown with its first and last bars and can be changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

from pages.components import drawn, looks
from pages.components.actor import require_actor
from pages.components.datasets.mapping_form import DECIMALS, mapping_form, zone_choice
from pages.components.datasets.preview import Preview, glance, preview, progress_bar
from pages.components.datasets.table import ADJUSTMENTS
from pages.components.errors import guarded
from services import actions, dataset_changes
from services.candles.importer import Glance, Reading
from services.candles.moments import NO_ZONE
from services.candles.orders import WORDS
from services.database.engine import transaction
from services.datasets import DatasetRow

KINDS: Final = (
    "csv",
    "txt",
    "tsv",
    "json",
    "jsonl",
    "ndjson",
    "parquet",
    "feather",
    "xlsx",
    "ods",
    "gz",
    "bz2",
    "xz",
    "zip",
    "prn",
    "dat",
    "asc",
)
MOST_WARNINGS: Final = 8


@st.dialog("Import candles", width="large", icon=":material/upload:")
def import_dialog() -> None:
    """Takes a file, shows what was recognised, asks for the rest, and stores the candles."""
    actor = require_actor()
    uploaded = st.file_uploader(
        "A file of candles",
        type=list(KINDS),
        key="import-file",
        help="CSV and other text, Excel, Parquet, Feather or JSON, as charts, brokers, exchanges and libraries write "
        "them; alone in a zip or gzip archive, too.",
    )
    if uploaded is None:
        st.caption("It is recognised by its content. Nothing is stored before you have seen what was found in it.")
        return
    data = uploaded.getvalue()
    digest = hashlib.sha256(data).hexdigest()[:12]
    table = glance(data, uploaded.name)
    reading, skip, negative = _reading(digest, table), _flag("skip", digest), _flag("below", digest)
    found = preview(data, uploaded.name, reading, digest=digest, skip=skip, allow_nonpositive=negative)
    for _ in range(3):
        if found.asks not in ("tz", "date_order", "decimal"):
            break
        answered = _ask(found, reading, digest)
        if answered is None:
            return
        reading = answered
        found = preview(data, uploaded.name, reading, digest=digest, skip=skip, allow_nonpositive=negative)
    if skip or found.bad:
        _bad_rows(found, digest)
    if negative or (found.problem is not None and "zero or negative" in found.problem):
        st.toggle("Zero and negative prices are right here (spreads, power)", key=f"import-below-{digest}")
    if found.problem is not None:
        st.error("This file can't be used as it was read:", icon=":material/error:")
        st.text(found.problem)
        _change(table, found, reading, digest, opened=found.asks == "columns")
        return
    if st.session_state.get(f"import-before-{digest}"):
        st.caption("Read as the last file of this shape was; change it below if it is wrong here.")
    _shown(found)
    _change(table, found, reading, digest, opened=False)
    details = _details(found, digest)
    if details is not None:
        with guarded(), progress_bar() as tell:
            made = actions.import_candles(
                data,
                filename=uploaded.name,
                symbol=details.symbol,
                timeframe=details.timeframe,
                reading=reading,
                skip_bad_rows=skip,
                name=details.name,
                licence_note=details.licence_note,
                price_adjustment=details.price_adjustment,
                allow_nonpositive=negative,
                progress=tell,
                actor=actor,
            )
            if table is not None and reading != Reading():
                with transaction() as session:
                    dataset_changes.remember(session, table.shape, reading, actor=actor)
            note_imported(made)
            st.rerun()


def _reading(digest: str, table: Glance | None) -> Reading:
    """The person's answers for this file, at first those for the last file of its shape."""
    key = f"import-reading-{digest}"
    found = st.session_state.get(key)
    if isinstance(found, Reading):
        return found
    with guarded(stop=True), transaction() as session:
        before = dataset_changes.remembered(session, table.shape) if table else None
    st.session_state[key] = before or Reading()
    st.session_state[f"import-before-{digest}"] = before is not None
    return before or Reading()


def _answer(digest: str, reading: Reading) -> None:
    st.session_state[f"import-reading-{digest}"] = reading
    st.session_state[f"import-before-{digest}"] = False
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:  # a run of the whole page
        st.rerun()


def _flag(name: str, digest: str) -> bool:
    return bool(st.session_state.get(f"import-{name}-{digest}", False))


def _ask(found: Preview, reading: Reading, digest: str) -> Reading | None:
    """What the file leaves open, one question at a time; None until it is answered."""
    if found.asks == "tz":
        zone = zone_choice("Time zone of the times in the file", found.options, f"import-zone-{digest}")
        if zone is not None:
            return replace(reading, tz=zone)
        st.info(looks.plain(found.problem or NO_ZONE), icon=":material/schedule:")
        return None
    asks_order = found.asks == "date_order"
    choices = {o: WORDS[o] for o in found.options} if asks_order else DECIMALS
    chosen = st.radio(
        "Dates are" if asks_order else "The decimal sign is",
        list(choices),
        index=None,
        horizontal=True,
        format_func=choices.__getitem__,
        key=f"import-ask-{found.asks}-{digest}",
    )
    if chosen is None:
        st.info(looks.plain(found.problem or ""), icon=":material/help:")
        return None
    return replace(reading, date_order=chosen) if asks_order else replace(reading, decimal=chosen)


def _bad_rows(found: Preview, digest: str) -> None:
    """The rows that can't be used, and the choice to leave them out."""
    if found.bad:
        frame = pd.DataFrame(found.bad, columns=["Row", "What is wrong"])
        st.dataframe(
            frame,
            hide_index=True,
            height=min(37 + 35 * len(frame), 220),
            key=f"import-bad-{digest}",
            alt="Rows that can't be used",
        )
    count = f"the {found.bad_count:,} rows" if found.bad_count else "rows"
    st.toggle(
        f"Leave out {count} that can't be used; the quality report keeps their count", key=f"import-skip-{digest}"
    )


def _change(table: Glance | None, found: Preview, reading: Reading, digest: str, *, opened: bool) -> None:
    if table is None:
        return
    with st.expander("Change how it is read", icon=":material/table_edit:", expanded=opened):
        changed = mapping_form(table, found, reading, digest)
        if changed is not None:
            _answer(digest, changed)


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
    if found.decided:
        st.markdown("**What was decided**")
        st.markdown("\n".join(f"- {looks.plain(sentence)}" for sentence in found.decided))
    if found.ends is not None:
        # Every digit that is stored, to be compared with the file.
        exact = st.column_config.NumberColumn(format="plain")
        st.dataframe(
            found.ends,
            hide_index=True,
            key="import-ends",
            column_config=dict.fromkeys(found.ends.columns[1:], exact),
            alt="The first and last candles as they are stored",
        )
    warnings(list(found.warnings))


def warnings(found: list[str]) -> None:
    """What the check of the candles found, worst known first; people weigh it."""
    if not found:
        st.markdown(":green[:material/check_circle:] The check found nothing to warn of.")
        return
    for sentence in found[:MOST_WARNINGS]:
        st.markdown(f":orange[:material/warning:] {looks.plain(sentence)}")
    if len(found) > MOST_WARNINGS:
        st.caption(f"and {len(found) - MOST_WARNINGS:,} more")


@dataclass(frozen=True, slots=True)
class Details:
    """What the file does not say."""

    symbol: str
    timeframe: str
    price_adjustment: str
    name: str | None
    licence_note: str | None


def _details(found: Preview, digest: str) -> Details | None:
    """Asks for what the file does not say. Returns it once it was sent."""
    with st.form(f"import-details-{digest}", border=False):
        with st.container(horizontal=True, gap="small"):
            symbol = st.text_input("Symbol", value=found.symbol, max_chars=32)
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
