"""All sessions, or those of one pattern, and the datasets that they run on."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import address, drawn, looks, parts
from pages.components.actor import require_actor
from pages.components.datasets.fetch_dialog import fetch_dialog
from pages.components.datasets.import_dialog import import_dialog, warnings
from pages.components.datasets.table import ADJUSTMENTS, dataset_columns
from pages.components.errors import guarded
from pages.components.links import go, link_to
from pages.components.rows.component import rows_table
from pages.components.sessions.run_dialog import run_session
from pages.components.sessions.table import session_columns
from services import datasets, sessions, workspaces
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.lifecycle import SessionStatus, WorkspaceStatus
from services.people import Actor
from services.sessions import SessionRow
from services.workspaces import WorkspaceChoice

LISTS: Final = ("Sessions", "Datasets")  # without icons: an address names one by what is written on it
LIMIT: Final = 200  # sessions of one page of the list, newest first
Cursor = tuple[datetime, uuid.UUID]
_PAGES: Final = "sessions-pages"
SHOWN: Final = (SessionStatus.ACTIVE, SessionStatus.COMPLETED, SessionStatus.FAILED, SessionStatus.RUNNING)
NOT_DEPLOYED: Final = (WorkspaceStatus.SOON, WorkspaceStatus.IMPLEMENTING)


def page(actor: Actor) -> None:
    with guarded(stop=True), transaction() as session:
        patterns = workspaces.choices(session)
        known = datasets.list_datasets(session)
    place = parts.header("Sessions")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        list_name = st.segmented_control(
            "List",
            LISTS,
            default="Sessions",
            required=True,
            key="list",
            label_visibility="collapsed",
            bind="query-params",
        )
        filters = st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")
    imported_note()
    if list_name == "Datasets":
        with place:
            import_button(actor)
        dataset_list(known, actor)
        return
    with filters:
        workspace_id, status = session_filters(patterns)
    version = st.query_params.get("version") or None
    if version is not None:
        address.narrowed([f"version {version}"], ["version"], key="sessions-all")
    pages = turned((workspace_id, status, version))
    with guarded(stop=True), transaction() as session:
        rows = sessions.list_sessions(
            session,
            workspace_id=workspace_id,
            status=status,
            version=version,
            before=pages[-1] if pages else None,
            limit=LIMIT,
        )
    with place:
        wanted = {"workspace": str(workspace_id or ""), "status": status or "", "version": version or ""}
        names = [p.name for p in patterns if p.id == workspace_id]
        parts.export_menu("sessions", wanted, actor, called=" ".join([*names, status or "", version or ""]))
        run_button(patterns, known, workspace_id, actor)
    filtered = workspace_id is not None or status is not None or version is not None
    session_list(rows, patterns, known, actor, filtered=filtered, deep=bool(pages))


def turned(wanted: object) -> list[Cursor]:
    """Where each page that was turned over ended; other filters begin at the newest again."""
    held: tuple[object, list[Cursor]] | None = st.session_state.get(_PAGES)
    if held is None or held[0] != wanted:
        held = (wanted, [])
        st.session_state[_PAGES] = held
    return held[1]


def turn(place: Cursor | None) -> None:
    """Turns to the page after `place`, or to the newest."""
    pages: list[Cursor] = st.session_state[_PAGES][1]
    if place is None:
        pages.clear()
    else:
        pages.append(place)


def session_filters(patterns: Sequence[WorkspaceChoice]) -> tuple[uuid.UUID | None, str | None]:
    """The pattern and the status to show; `/sessions?workspace=…` begins with that pattern."""
    names = {str(p.id): p.name for p in patterns}
    asked = st.query_params.get("workspace")
    chosen = st.selectbox(
        "Pattern",
        list(names),
        index=list(names).index(asked) if asked in names else None,
        format_func=lambda i: names[i],
        placeholder="All patterns",
        label_visibility="collapsed",
        width=230,
        key="sessions-pattern",
    )
    if chosen != asked:
        st.query_params.pop("workspace", None)
        if chosen:
            st.query_params["workspace"] = chosen
    status = st.pills(
        "Status",
        list(SHOWN),
        format_func=status_label,
        label_visibility="collapsed",
        key="sessions-status",
        persist_state="session",
    )
    return uuid.UUID(chosen) if chosen else None, status


def status_label(status: str) -> str:
    look = looks.look(looks.SESSIONS, status)
    return f":{look.color}[{look.icon}] {look.label}"


def session_list(
    rows: Sequence[SessionRow],
    patterns: Sequence[WorkspaceChoice],
    known: Sequence[DatasetRow],
    actor: Actor,
    *,
    filtered: bool,
    deep: bool,
) -> None:
    if not rows and not deep:
        no_sessions(patterns, known, actor, filtered=filtered)
        return
    label = "Sessions with status, success rate and window"
    at, _ = rows_table(session_columns(), rows, key="sessions-table", label=label, row_height=36, most=720)
    with st.container(horizontal=True, gap="small"):
        if deep:
            st.button("Newest", icon=":material/first_page:", key="sessions-newest", on_click=turn, args=(None,))
        if len(rows) == LIMIT:
            last = (rows[-1].created_at, rows[-1].id)
            st.button("Show older", icon=":material/expand_more:", key="sessions-older", on_click=turn, args=(last,))
    if at is not None:
        go("session", id=rows[at].id)


def no_sessions(
    patterns: Sequence[WorkspaceChoice], known: Sequence[DatasetRow], actor: Actor, *, filtered: bool
) -> None:
    """What to do first, by what is there already."""
    if filtered:
        parts.empty_state("search_off", "No session fits", "Change the pattern or the status.")
    elif not known:
        text = "A session runs a detector over candles, so import a file of candles first."
        with parts.empty_state("candlestick_chart", "No candles yet", text):
            import_button(actor)
    elif all(p.status in NOT_DEPLOYED for p in patterns):
        text = "A session runs a pattern's deployed detector. Launch the first execution of a pattern to get one."
        with parts.empty_state("candlestick_chart", "No detector yet", text):
            link_to("/", "Workspaces", icon=":material/grid_view:")
    else:
        who = "Run the first one" if actor.may("run_session") else "A member runs the first one"
        parts.empty_state("candlestick_chart", "No sessions yet", f"{who} to see what a detector says, and judge it.")


def run_button(
    patterns: Sequence[WorkspaceChoice], known: Sequence[DatasetRow], workspace_id: uuid.UUID | None, actor: Actor
) -> None:
    """Runs the chosen pattern's detector, or asks for the pattern first."""
    if not actor.may("run_session"):
        st.caption(f"You are a {actor.role}: running takes a member.")
        return
    deployed = [p for p in patterns if p.status not in NOT_DEPLOYED]
    if not deployed or not known:
        return
    if workspace_id is not None:
        if workspace_id in [p.id for p in deployed] and st.button(
            "Run a session", type="primary", icon=":material/play_arrow:", key="run-chosen"
        ):
            run_session(workspace_id)
        return
    wanted: uuid.UUID | None = st.session_state.pop("run-wanted", None)
    turn = st.session_state.setdefault("run-turn", 0)  # another key is another popover, which is closed
    with st.popover("Run a session", type="primary", icon=":material/play_arrow:", key=f"run-{turn}"):
        chosen = st.selectbox("Pattern", deployed, format_func=lambda p: f"{p.name} v{p.version}", key="run-pattern")
        st.button("Choose the candles", key="run-next", width="stretch", on_click=want_run, args=(chosen.id,))
    if wanted is not None:
        run_session(wanted)


def want_run(workspace_id: uuid.UUID) -> None:
    st.session_state["run-wanted"] = workspace_id
    st.session_state["run-turn"] += 1


def import_button(actor: Actor) -> None:
    if not actor.may("import_candles"):
        st.caption(f"You are a {actor.role}: importing takes a member.")
        return
    with st.container(horizontal=True, gap="small", width="content"):
        if st.button("Fetch candles", icon=":material/cloud_download:", key="fetch-open"):
            fetch_dialog()
        if st.button("Import candles", type="primary", icon=":material/upload:", key="import-open"):
            import_dialog()


def imported_note() -> None:
    """What came of an import, once."""
    imported: tuple[str, str, bool] | None = st.session_state.pop("imported", None)
    if imported is None:
        return
    dataset_id, name, existed = imported
    st.session_state["dataset-shown"] = dataset_id
    if existed:
        st.info(f"These candles are here already, as {looks.plain(name)}.", icon=":material/info:")
    else:
        st.success(f"{looks.plain(name)} was imported.", icon=":material/check_circle:")
    link_to(f"/dataset?id={dataset_id}", "Look at its chart and quality report", icon=":material/open_in_new:")


def dataset_list(known: Sequence[DatasetRow], actor: Actor) -> None:
    if not known:
        text = "Import a file of candles: CSV, JSON or Parquet, as TradingView, Yahoo, MetaTrader or Binance export it."
        parts.empty_state("database", "No datasets yet", text)
        return
    label = "Datasets with symbol, timeframe and warnings"
    at, _ = rows_table(dataset_columns(), known, key="datasets-table", label=label, most=420)
    if at is not None:
        st.session_state["dataset-shown"] = str(known[at].id)
    wanted = st.session_state.get("dataset-shown")
    dataset_card(next((d for d in known if str(d.id) == wanted), known[0]))


def dataset_card(dataset: DatasetRow) -> None:
    """A dataset's quality report and where it comes from."""
    gaps = dataset.quality.get("gaps") or []
    with st.container(border=True, horizontal=True, gap="large", key="stack-dataset"):
        with st.container(width=360, gap="small"):
            st.markdown(f"**{looks.plain(dataset.name)}**")
            first, last = (looks.candle_label(None, t) for t in (dataset.start_at, dataset.end_at))
            drawn.facts(
                [
                    ("Symbol", dataset.symbol),
                    ("Timeframe", dataset.timeframe),
                    ("Candles", f"{dataset.rows:,}"),
                    ("First", first),
                    ("Last", last),
                    ("Prices", ADJUSTMENTS[dataset.price_adjustment]),
                    ("Format", dataset.source_format),
                    ("Content", dataset.content_sha256[:12]),
                ],
                key="dataset-facts",
            )
            st.caption(looks.plain(dataset.licence_note) if dataset.licence_note else "No note on source and licence.")
            link_to(f"/dataset?id={dataset.id}", "Chart, uses and names", icon=":material/open_in_new:")
        with st.container(gap="small", width="stretch"):
            st.markdown("**Quality**")
            warnings(dataset.warnings)
            if gaps:
                frame = pd.DataFrame(gaps).reindex(columns=["after", "before", "missing_bars", "row"])
                frame.columns = pd.Index(["After", "Before", "Missing candles (estimate)", "Row of the file"])
                st.dataframe(
                    frame,
                    hide_index=True,
                    height=min(37 + 35 * len(frame), 220),
                    key="dataset-gaps",
                    alt="Gaps in time",
                )


page(require_actor())
