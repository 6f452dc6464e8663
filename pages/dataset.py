"""One dataset: its chart, its quality report with rows that lead to bars, where it is used, its names."""

from __future__ import annotations

import uuid
from typing import Final

import streamlit as st

from pages.components import drawn, looks, parts
from pages.components.actor import require_actor
from pages.components.datasets import details
from pages.components.datasets.chart import candles_chart
from pages.components.datasets.fetch_dialog import update_button
from pages.components.datasets.table import ADJUSTMENTS
from pages.components.errors import guarded
from pages.components.links import link_to
from pages.components.sessions.run_dialog import label_on_window, run_on_window
from pages.components.trail import trail
from services import dataset_changes, datasets, workspaces
from services.database.engine import transaction
from services.datasets import DatasetRow
from services.lifecycle import WorkspaceStatus
from services.people import Actor

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
        patterns = workspaces.list_workspaces(session)
    runnable = [p for p in patterns if p.status not in NOT_DEPLOYED]
    undetected = [p for p in patterns if p.status in NOT_DEPLOYED]
    above = (("Sessions", "/sessions"), ("Datasets", "/sessions?list=Datasets"))
    trail(above, dataset.name, copies=[("Content", dataset.content_sha256)])
    with parts.header(dataset.name):
        if actor.may("import_candles"):
            update_button(dataset)
            details.archive_button(dataset.id, away=away is not None, actor=actor)
    if away is not None:
        st.info("This dataset is put away: no list offers it.", icon=":material/archive:")
    with guarded():
        begun = candles_chart(dataset, actor=actor)
        if begun is not None and begun.what == "run":
            run_on_window(runnable, dataset, begun.start, begun.end)
        elif begun is not None:
            label_on_window(undetected, dataset, begun.start, begun.end)
    report, used, names = st.tabs(["Quality", f"Used by {len(uses)}", "Names and licence"])
    with report:
        details.quality(dataset)
        facts(dataset)
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


page(require_actor())
