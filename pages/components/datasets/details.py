"""The parts of a dataset's page: its quality report, where it is used, its names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.datasets.import_dialog import warnings
from pages.components.errors import guarded
from pages.components.links import go
from pages.components.sessions.table import clicked_row
from services import dataset_changes
from services.database.engine import transaction
from services.dataset_changes import DatasetUse
from services.datasets import DatasetRow
from services.people import Actor

SHOW_FROM: Final = "dataset-from"
POINTED: Final = "dataset-pointed"


def quality(dataset: DatasetRow, times: pd.DatetimeIndex, width: int) -> None:
    """The report; a click on a row of it shows its bars on the chart."""
    warnings(dataset.warnings)
    gaps: list[dict[str, Any]] = dataset.quality.get("gaps") or []
    if gaps:
        frame = pd.DataFrame(gaps).reindex(columns=["after", "before", "missing_bars", "row"])
        frame.columns = pd.Index(["After", "Before", "Missing candles (estimate)", "Row of the file"])
        st.caption("Gaps in time. Click a row to see it on the chart.")
        event = st.dataframe(
            frame, hide_index=True, height=min(37 + 35 * len(frame), 260), key="dataset-gaps", on_select="rerun",
            selection_mode="single-cell", alt="Gaps in time",
        )  # fmt: skip
        at = clicked_row(event, len(gaps))
        if at is not None:
            point(int(times.searchsorted(pd.Timestamp(gaps[at]["before"]))), width, len(times))
    skipped = dataset.quality.get("skipped") or 0
    if skipped:
        st.caption(f"{skipped:,} rows of the file were left out by choice.")
        st.dataframe(pd.DataFrame(dataset.quality.get("skipped_rows") or []), hide_index=True, key="dataset-skipped",
                     height=200, alt="Rows left out")  # fmt: skip
    decided = dataset.quality.get("decided") or []
    if decided:
        with st.expander("How the file was read", icon=":material/table_view:"):
            st.markdown("\n".join(f"- {looks.plain(str(sentence))}" for sentence in decided))


def point(index: int, width: int, rows: int) -> None:
    """Moves the chart to a bar and points at it; nothing when it is there already."""
    start = max(0, min(index - width // 2, rows - width))
    if st.session_state.get(POINTED) != index:
        st.session_state[POINTED], st.session_state[SHOW_FROM] = index, start
        st.rerun()


def used(rows: Sequence[DatasetUse]) -> None:
    """Sessions on the dataset; a click opens one."""
    if not rows:
        st.caption("No session runs on these candles yet.")
        return
    frame = pd.DataFrame(
        [(r.session_name, r.workspace_name, looks.look(looks.SESSIONS, r.status).label,
          f"#{r.start_index}–#{r.end_index}", r.judged) for r in rows],
        columns=["Session", "Pattern", "Status", "Window", "Verdicts"],
    )  # fmt: skip
    event = st.dataframe(frame, hide_index=True, key="dataset-uses", on_select="rerun", selection_mode="single-cell",
                         height=min(37 + 35 * len(frame), 300), alt="Sessions on these candles")  # fmt: skip
    at = clicked_row(event, len(rows))
    if at is not None:
        go("session", id=rows[at].session_id)


def names_form(dataset: DatasetRow, actor: Actor) -> None:
    """Other names and another note for the same candles."""
    with st.form("dataset-names", border=False):
        name = st.text_input("Name", value=dataset.name, max_chars=120)
        with st.container(horizontal=True, gap="small"):
            symbol = st.text_input("Symbol", value=dataset.symbol, max_chars=32)
            timeframe = st.text_input("Timeframe", value=dataset.timeframe, max_chars=6)
        note = st.text_area("Source and licence", value=dataset.licence_note or "", max_chars=2000, height=100)
        sent = st.form_submit_button("Save", icon=":material/save:")
    if sent:
        with guarded():
            with transaction() as session:
                dataset_changes.rename(session, dataset.id, name=name, symbol=symbol, timeframe=timeframe,
                                       licence_note=note, actor=actor)  # fmt: skip
            st.rerun()


def archive_button(dataset_id: uuid.UUID, *, away: bool, actor: Actor) -> None:
    """Puts a dataset away or brings it back."""
    label, icon = ("Bring back", ":material/unarchive:") if away else ("Put away", ":material/archive:")
    text = "No list offers it any more; sessions and judgements on it stay." if not away else None
    if st.button(label, icon=icon, help=text, key="dataset-archive"):
        with guarded():
            with transaction() as session:
                dataset_changes.put_away(session, dataset_id, away=not away, actor=actor)
            st.rerun()
