"""The dialog that runs a session: which candles, which window, and how it will be judged."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypedDict

import streamlit as st

from pages.components import looks
from pages.components.actor import acting
from pages.components.errors import guarded
from pages.components.links import exists, go, link_to
from services import actions, datasets, sessions, workspaces
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.workspaces import WorkspaceChoice

WINDOWS: Final = {"newest": "Newest bars", "dates": "Dates", "indexes": "Candle numbers"}
COVERAGES: Final = {
    "partial": "Partial: what nobody added does not count as missed",
    "exhaustive": "Exhaustive: I look at every candle, so what I don't add is not there",
}


class Window(TypedDict, total=False):
    """A window as `actions.run_session` takes it: either inclusive indexes, or times in UTC."""

    start_index: int
    end_index: int
    start: datetime
    end: datetime


def run_session(workspace_id: uuid.UUID) -> None:
    """Runs the deployed version over a window of a dataset; without a version, opens the window for labels."""
    with guarded(stop=True), transaction() as session:
        known = datasets.list_datasets(session)
        has_detector = workspaces.get(session, workspace_id).deployed_version_id is not None
    title = "Run a session" if has_detector else "Label a window"
    st.dialog(title, width="medium")(_run_session)(workspace_id, known, has_detector)


def _run_session(workspace_id: uuid.UUID, known: Sequence[DatasetRow], has_detector: bool) -> None:
    if not known:
        st.text("There are no candles yet. Import a file of candles first.")
        if exists("sessions"):
            link_to("/sessions", "Import candles", icon=":material/upload:")
        return
    if not has_detector:
        st.caption("There is no detector yet. What you mark in this window goes to the agent with the first launch.")
    dataset = st.selectbox("Candles", known, format_func=_dataset_label, key="run-dataset")
    kind = st.segmented_control(
        "Window", list(WINDOWS), default="newest", required=True, format_func=WINDOWS.__getitem__, key="run-window"
    )
    window = _window(kind, dataset)
    name = st.text_input("Name (optional)", max_chars=120, key=f"run-name-{workspace_id}")
    coverage = st.radio("How it is judged", list(COVERAGES), format_func=COVERAGES.__getitem__, key="run-coverage")
    label, busy = ("Run", "Running the detector") if has_detector else ("Start labelling", "Opening the window")
    if st.button(label, type="primary", icon=":material/play_arrow:", key="run-start"):
        make = actions.run_session if has_detector else actions.label_window
        with guarded(), st.spinner(busy):
            made = make(
                workspace_id, dataset_id=dataset.id, name=name or None, coverage=coverage, actor=acting(), **window
            )
            _open_session(made)


@dataclass(frozen=True, slots=True)
class _Window:
    """What a person left or wrote in the fields of a window; the indexes are inclusive."""

    first: int
    last: int
    name: str | None
    coverage: str


def _window_fields(key: str, dataset: DatasetRow, start: int, end: int) -> _Window:
    with st.container(horizontal=True, gap="small"):
        first = st.number_input("First candle", 0, dataset.rows - 1, start, key=f"{key}-first-{start}")
        last = st.number_input("Last candle", 0, dataset.rows - 1, end, key=f"{key}-last-{end}")
    name = st.text_input("Name (optional)", max_chars=120, key=f"{key}-name")
    coverage = st.radio("How it is judged", list(COVERAGES), format_func=COVERAGES.__getitem__, key=f"{key}-coverage")
    return _Window(int(first), int(last), name or None, coverage)


@st.dialog("Start a session on these bars", width="medium")
def run_on_window(patterns: Sequence[WorkspaceChoice], dataset: DatasetRow, start: int, end: int) -> None:
    """Runs a pattern's deployed version over a window that was chosen on the dataset's chart."""
    if not patterns:
        st.text("No pattern has a deployed detector yet. Launch the first execution of one.")
        return
    chosen = st.selectbox("Pattern", patterns, format_func=lambda p: f"{p.name} v{p.version}", key="window-pattern")
    window = _window_fields("window", dataset, start, end)
    if st.button("Run", type="primary", icon=":material/play_arrow:", key="window-run"):
        with guarded(), st.spinner("Running the detector"):
            made = actions.run_session(
                chosen.id,
                dataset_id=dataset.id,
                start_index=window.first,
                end_index=window.last,
                name=window.name,
                coverage=window.coverage,
                actor=acting(),
            )
            _open_session(made)


@st.dialog("Label these bars without a detector", width="medium")
def label_on_window(patterns: Sequence[WorkspaceChoice], dataset: DatasetRow, start: int, end: int) -> None:
    """Opens a window that was chosen on the dataset's chart for labels, for a pattern that has no detector yet."""
    if not patterns:
        st.text("Every pattern has a detector. Create a new pattern, or run a detector on these bars.")
        return
    st.caption("What you mark in this window goes to the agent with the first launch.")
    chosen = st.selectbox("Pattern", patterns, format_func=lambda p: p.name, key="label-pattern")
    window = _window_fields("label", dataset, start, end)
    if st.button("Start labelling", type="primary", icon=":material/edit_location_alt:", key="label-start"):
        with guarded(), st.spinner("Opening the window"):
            made = actions.label_window(
                chosen.id,
                dataset_id=dataset.id,
                start_index=window.first,
                end_index=window.last,
                name=window.name,
                coverage=window.coverage,
                actor=acting(),
            )
            _open_session(made)


def _open_session(session_id: uuid.UUID) -> None:
    if exists("session"):
        go("session", id=session_id)
    st.rerun()


def _dataset_label(row: DatasetRow) -> str:
    days = f"{looks.day(row.start_at)} {row.start_at.year} – {looks.day(row.end_at)} {row.end_at.year}"
    return f"{row.name} · {row.timeframe} · {looks.count(row.rows, 'candle')} · {days}"


def _window(kind: str, dataset: DatasetRow) -> Window:
    last = dataset.rows - 1
    if kind == "newest":
        most = min(sessions.MAX_WINDOW, dataset.rows)
        bars = st.number_input(
            "Number of bars", 1, most, min(sessions.DEFAULT_WINDOW, most), key=f"run-bars-{dataset.id}"
        )
        return {"start_index": dataset.rows - int(bars), "end_index": last}
    with st.container(horizontal=True, gap="small"):
        if kind == "dates":
            first_day, last_day = dataset.start_at.date(), dataset.end_at.date()
            begin = max(first_day, last_day - timedelta(days=365))
            since = st.date_input("From", begin, first_day, last_day, key=f"run-from-{dataset.id}")
            until = st.date_input("To, inclusive", last_day, first_day, last_day, key=f"run-to-{dataset.id}")
            return {"start": _midnight(since), "end": _midnight(until) + timedelta(days=1, microseconds=-1)}
        start = st.number_input("First candle", 0, last, max(0, last - 499), key=f"run-first-{dataset.id}")
        end = st.number_input("Last candle", 0, last, last, key=f"run-last-{dataset.id}")
    return {"start_index": int(start), "end_index": int(end)}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
