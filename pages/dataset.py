"""One dataset: its chart, its quality report with rows that lead to bars, where it is used, its names."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from pages.components import drawn, looks, parts
from pages.components.actor import require_actor
from pages.components.datasets import details
from pages.components.datasets.chart import dataset_chart
from pages.components.datasets.fetch_dialog import update_button
from pages.components.datasets.table import ADJUSTMENTS
from pages.components.datasets.window import Window, bar_of_window, chosen
from pages.components.errors import guarded
from pages.components.links import link_to
from pages.components.sessions.run_dialog import run_on_window
from pages.components.trail import trail
from services import actions, dataset_changes, datasets, workspaces
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.lifecycle import WorkspaceStatus
from services.people import Actor

WIDTH: Final = 300  # bars on the chart
NOT_DEPLOYED: Final = (WorkspaceStatus.SOON, WorkspaceStatus.IMPLEMENTING)


def asked() -> uuid.UUID | None:
    try:
        return uuid.UUID(st.query_params.get("id", ""))
    except ValueError:
        return None


def page(actor: Actor) -> None:
    dataset_id = asked()
    if dataset_id is None:
        parts.empty_state("database", "No such dataset", "Open one from the list of datasets.")
        link_to("/sessions?list=Datasets", "Datasets", icon=":material/database:")
        return
    with guarded(stop=True), transaction() as session:
        dataset = datasets.get(session, dataset_id)
        uses = dataset_changes.uses(session, dataset_id)
        away = dataset_changes.archived_at(session, dataset_id)
        runnable = [p for p in workspaces.choices(session) if p.status not in NOT_DEPLOYED]
    above = (("Sessions", "/sessions"), ("Datasets", "/sessions?list=Datasets"))
    trail(above, dataset.name, copies=[("Content", dataset.content_sha256)])
    with parts.header(dataset.name):
        if actor.may("import_candles"):
            update_button(dataset)
            details.archive_button(dataset.id, away=away is not None, actor=actor)
    if away is not None:
        st.info("This dataset is put away: no list offers it.", icon=":material/archive:")
    facts(dataset)
    with guarded(stop=True):
        candles = actions.dataset_candles(dataset)
    if st.session_state.get("dataset-seen") != str(dataset.id):
        st.session_state["dataset-seen"] = str(dataset.id)
        st.session_state[details.SHOW_FROM] = max(0, len(candles) - WIDTH)
        st.session_state.pop(details.POINTED, None)
    start = chart(dataset, candles, actor)
    if start is not None:
        run_on_window(runnable, dataset, *start)
    report, used, names = st.tabs(["Quality", f"Used by {len(uses)}", "Names and licence"])
    with report:
        details.quality(dataset, pd.DatetimeIndex(candles["time"]), WIDTH)
    with used:
        details.used(uses)
    with names:
        if actor.may("import_candles"):
            details.names_form(dataset, actor)
        else:
            st.caption(looks.plain(dataset.licence_note) if dataset.licence_note else "No note on source and licence.")


def facts(dataset: DatasetRow) -> None:
    first, last = (looks.candle_label(None, t) for t in (dataset.start_at, dataset.end_at))
    drawn.facts(
        [
            ("Symbol", dataset.symbol),
            ("Timeframe", dataset.timeframe),
            ("Candles", f"{dataset.rows:,}"),
            ("First and last", f"{first} to {last} (UTC)"),
            ("Prices", ADJUSTMENTS[dataset.price_adjustment]),
            ("Format", dataset.source_format),
            ("Content", dataset.content_sha256[:12]),
        ],
        key="dataset-facts",
    )


def chart(dataset: DatasetRow, candles: pd.DataFrame, actor: Actor) -> Window | None:
    """A part of the candles, with ways to move it and to choose a window; the window to start a session on."""
    last = max(0, len(candles) - WIDTH)
    start = min(int(st.session_state.get(details.SHOW_FROM, last)), last)
    shown = candles.iloc[start : start + WIDTH]
    figure = dataset_chart(shown, st.session_state.get(details.POINTED))
    event = st.plotly_chart(figure, key=f"dataset-chart-{start}", on_select="rerun", selection_mode="box")
    wanted = bar_of_window(
        dataset,
        chosen(event, len(candles)),
        Window(start, start + len(shown) - 1),
        candles["time"],
        may_run=actor.may("run_session"),
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        for label, icon, to in (
            ("Oldest", "first_page", 0),
            ("Earlier", "chevron_left", max(0, start - WIDTH)),
            ("Later", "chevron_right", min(last, start + WIDTH)),
            ("Newest", "last_page", last),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                key=f"dataset-{label.lower()}",
                disabled=to == start,
                on_click=show_from,
                args=(to,),
            )
        day = st.date_input(
            "Go to",
            value=None,
            min_value=candles["time"].iloc[0].date(),
            max_value=candles["time"].iloc[-1].date(),
            key="dataset-day",
            width=160,
        )
        if day is not None and st.session_state.get("dataset-day-shown") != day:
            st.session_state["dataset-day-shown"] = day
            at = candles["time"].searchsorted(pd.Timestamp(datetime(day.year, day.month, day.day, tzinfo=UTC)))
            details.point(int(at), WIDTH, len(candles))
        st.caption(f"Bars #{start:,} to #{start + len(shown) - 1:,}")
    return wanted


def show_from(start: int) -> None:
    st.session_state[details.SHOW_FROM] = start


page(require_actor())
