"""The parts of a dataset's page: its quality report, where it is used, its names."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.columns import clicked_row
from pages.components.datasets import chart
from pages.components.datasets.import_dialog import warnings
from pages.components.errors import guarded
from pages.components.links import go
from services import dataset_changes
from services.candles import tiles
from services.database.engine import transaction
from services.dataset_changes import DatasetUse
from services.datasets import DatasetRow
from services.people import Actor

_CLICKED: Final = "dataset-clicked"


def quality(dataset: DatasetRow) -> None:
    """The report; a click on a row of it shows its bars on the chart."""
    warnings(dataset.warnings)
    rows = places(dataset)
    if rows:
        frame = pd.DataFrame([row.cells() for row in rows])
        st.caption("Where it is. Click a row to see it on the chart.")
        event = st.dataframe(
            frame,
            hide_index=True,
            height=min(37 + 35 * len(frame), 260),
            key="dataset-places",
            on_select="rerun",
            selection_mode="single-cell",
            alt="Where the report finds something",
        )
        at = clicked_row(event, len(rows))
        clicked = None if at is None else (dataset.id, at)
        if st.session_state.get(_CLICKED) != clicked:
            st.session_state[_CLICKED] = clicked
            if at is not None:
                index = tiles.index_at(dataset.content_sha256, dataset.storage_path, rows[at].seconds)
                chart.point(dataset, index)
                st.rerun()
    skipped = dataset.quality.get("skipped") or 0
    if skipped:
        st.caption(f"{skipped:,} rows of the file were left out by choice.")
        st.dataframe(
            pd.DataFrame(dataset.quality.get("skipped_rows") or []),
            hide_index=True,
            key="dataset-skipped",
            height=200,
            alt="Rows left out",
        )
    decided = dataset.quality.get("decided") or []
    if decided:
        with st.expander("How the file was read", icon=":material/table_view:"):
            st.markdown("\n".join(f"- {looks.plain(str(sentence))}" for sentence in decided))


@dataclass(frozen=True, slots=True)
class Place:
    """A bar that the report speaks of: the one after a hole, or one that is odd itself."""

    what: str
    at: str
    missing: int | None
    row: int

    @property
    def seconds(self) -> float:
        return datetime.fromisoformat(self.at).timestamp()

    def cells(self) -> dict[str, Any]:
        when = datetime.fromisoformat(self.at).astimezone(UTC)
        return {
            "What": self.what,
            "Candle (UTC)": f"{when:%Y-%m-%d %H:%M}",
            "Missing candles (estimate)": self.missing,
            "Row of the file": self.row,
        }


def places(dataset: DatasetRow) -> list[Place]:
    """What the report found, by bar, in the order of time."""
    gaps = [Place("After a gap", g["before"], g["missing_bars"], g["row"]) for g in dataset.quality.get("gaps") or []]
    odd = [Place(p["what"], p["at"], None, p["row"]) for p in dataset.quality.get("places") or []]
    return sorted([*gaps, *odd], key=lambda place: place.seconds)


def used(rows: Sequence[DatasetUse]) -> None:
    """Sessions on the dataset; a click opens one."""
    if not rows:
        st.caption("No session runs on these candles yet.")
        return
    frame = pd.DataFrame(
        [
            (
                r.session_name,
                r.workspace_name,
                looks.look(looks.SESSIONS, r.status).label,
                f"#{r.start_index}–#{r.end_index}",
                r.judged,
            )
            for r in rows
        ],
        columns=["Session", "Pattern", "Status", "Window", "Verdicts"],
    )
    event = st.dataframe(
        frame,
        hide_index=True,
        key="dataset-uses",
        on_select="rerun",
        selection_mode="single-cell",
        height=min(37 + 35 * len(frame), 300),
        alt="Sessions on these candles",
    )
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
                dataset_changes.rename(
                    session, dataset.id, name=name, symbol=symbol, timeframe=timeframe, licence_note=note, actor=actor
                )
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
