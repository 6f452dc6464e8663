"""The dialogs that start something: launch an execution, run a session, export the timeline."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from pages.components.actor import acting, require_actor
from pages.components.errors import guarded
from pages.components.execution.text_viewer import prompt_view
from pages.components.launch.choices import choose, claude_limits, may_work, not_available
from pages.components.links import exists, go, link_to
from services import actions, datasets, exports, feedback, sessions
from services.actions import PreparedLaunch
from services.agents.registry import agents
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.deploys.registry import targets
from services.feedback import FeedbackRow
from services.people import Actor

_PREPARED: Final = "launch-prepared"
WINDOWS: Final = {"newest": "Newest bars", "dates": "Dates", "indexes": "Candle numbers"}
COVERAGES: Final = {
    "partial": "Partial: what nobody added does not count as missed",
    "exhaustive": "Exhaustive: I look at every candle, so what I don't add is not there",
}


def launch(workspace_id: uuid.UUID) -> None:
    """Chooses corrections and agent, shows the prompt, and sends exactly that."""
    st.session_state.pop(_PREPARED, None)  # the prompt is made anew for what is open now
    with guarded(stop=True), transaction() as session:
        items = feedback.open_batch(session, workspace_id)
    _launch(workspace_id, items)


@st.dialog("Launch an execution", width="large")
def _launch(workspace_id: uuid.UUID, items: Sequence[FeedbackRow]) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        agent = choose("Agent", agents(), key="launch-agent")
        target = choose("Deploy to", targets(), key="launch-target")
    not_available([*agents(), *targets()])
    if agent == "claude":
        st.caption(claude_limits())
    if not may_work(agent, workspace_id):
        return
    chosen = _choose_items(items) if items else None
    stop = st.toggle("Stop after planning, until somebody accepts the plan", key="launch-stop")
    if chosen is not None and not chosen:
        st.caption("Choose at least one correction.")
        return
    prepared: PreparedLaunch | None = None
    with guarded():
        prepared = _prepared(workspace_id, chosen, agent)
    if prepared is None:
        return
    st.markdown("**The prompt, as it is sent**")
    prompt_view(prepared.prompt_file, name="prompt", key="launch-prompt", height="17rem")
    label = f"Send {looks.count(len(prepared.items), 'correction')}" if prepared.items else "Launch"
    if st.button(label, type="primary", icon=":material/send:", key="launch-send"):
        with guarded():
            actions.launch(prepared, stop_after_planning=stop, deploy_target=target, actor=acting())
            st.session_state.pop(_PREPARED, None)
            st.rerun()


def _choose_items(items: Sequence[FeedbackRow]) -> list[uuid.UUID]:
    """The corrections as a table with a tick for each; all are ticked at first."""
    frame = pd.DataFrame([item_line(item) for item in items])
    key = f"launch-items-{hash(tuple(item.id for item in items))}"  # ticks belong to these rows and to no others
    edited = st.data_editor(
        frame, hide_index=True, key=key, disabled=[c for c in frame.columns if c != "Send"],
        height=min(38 + 35 * len(items) + 3, 250), num_rows="fixed",
        column_config={"Send": st.column_config.CheckboxColumn(width="small"),
                       "Reason": st.column_config.TextColumn(width="large")},
        alt="Open corrections to send",
    )  # fmt: skip
    return [item.id for item, send in zip(items, edited["Send"], strict=True) if send]


def item_line(item: FeedbackRow) -> dict[str, Any]:
    """A correction as a row of the table."""
    return {
        "Send": True,
        "Verdict": looks.look(looks.VERDICTS, item.verdict).label,
        "What": looks.kind_label(item.kind, item.direction or 0) if item.kind else looks.MISSING,
        "Where": looks.candle_label(item.candle_index, item.candle_time),
        "Reason": item.reason or looks.MISSING,
        "Session": item.session_name or looks.MISSING,
        "By": item.author_name,
    }


def _prepared(workspace_id: uuid.UUID, chosen: Sequence[uuid.UUID] | None, agent: str) -> PreparedLaunch:
    """The prompt for this choice, made once for as long as the choice stays."""
    choice = (workspace_id, tuple(chosen or ()), agent)
    held: tuple[Any, PreparedLaunch] | None = st.session_state.get(_PREPARED)
    if held is None or held[0] != choice:
        held = choice, actions.prepare_launch(workspace_id, feedback_ids=chosen, agent=agent, actor=acting())
        st.session_state[_PREPARED] = held
    return held[1]


def run_session(workspace_id: uuid.UUID) -> None:
    """Runs the deployed version over a window of a dataset."""
    with guarded(stop=True), transaction() as session:
        known = datasets.list_datasets(session)
    _run_session(workspace_id, known)


@st.dialog("Run a session", width="medium")
def _run_session(workspace_id: uuid.UUID, known: Sequence[DatasetRow]) -> None:
    if not known:
        st.text("There are no candles yet. Import a file of candles first.")
        if exists("sessions"):
            link_to("/sessions", "Import candles", icon=":material/upload:")
        return
    dataset = st.selectbox("Candles", known, format_func=_dataset_label, key="run-dataset")
    kind = st.segmented_control(
        "Window", list(WINDOWS), default="newest", required=True, format_func=WINDOWS.__getitem__, key="run-window"
    )
    window = _window(kind, dataset)
    name = st.text_input("Name (optional)", max_chars=120, key=f"run-name-{workspace_id}")
    coverage = st.radio("How it is judged", list(COVERAGES), format_func=COVERAGES.__getitem__, key="run-coverage")
    if st.button("Run", type="primary", icon=":material/play_arrow:", key="run-start"):
        with guarded(), st.spinner("Running the detector"):
            made = actions.run_session(
                workspace_id, dataset_id=dataset.id, name=name or None, coverage=coverage, actor=acting(), **window
            )
            _open_session(made)


def _open_session(session_id: uuid.UUID) -> None:
    if exists("session"):
        go("session", id=session_id)
    st.rerun()


def _dataset_label(row: DatasetRow) -> str:
    days = f"{looks.day(row.start_at)} {row.start_at.year} – {looks.day(row.end_at)} {row.end_at.year}"
    return f"{row.name} · {row.timeframe} · {looks.count(row.rows, 'candle')} · {days}"


def _window(kind: str, dataset: DatasetRow) -> dict[str, Any]:
    """The window as `run_session` takes it: inclusive indexes, or times in UTC."""
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


@st.dialog("Export")
def export(workspace_id: uuid.UUID) -> None:
    """The workspace's reports as CSV, read on the click."""
    actor = require_actor()
    st.caption("Cells that a spreadsheet would take for a formula are defused by a leading '.")
    for report in ("timeline", "sessions", "feedback", "executions"):
        title = exports.REPORTS[report].title
        st.download_button(
            title, partial(_report, report, workspace_id, actor),
            file_name=exports.file_name(report, {}), mime="text/csv", icon=":material/download:", on_click="ignore",
            key=f"export-{report}", width="stretch",
        )  # fmt: skip


def _report(report: str, workspace_id: uuid.UUID, actor: Actor) -> bytes:
    return b"".join(exports.stream_csv(report, {"workspace": str(workspace_id)}, actor_id=actor.id))
