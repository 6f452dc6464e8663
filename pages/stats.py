"""Statistics: how well the detectors do and how the work on them flows, of one pattern or of all, over a period."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.links import open_link
from pages.components.parts import chart_card, empty_state, export_link, header
from pages.components.statistics.cards import Card, cards
from pages.components.statistics.controls import Choices, Chosen, controls
from pages.components.statistics.figures import KeyFigure, key_figures, waiting_words
from services import datasets, exports, people, stats, workspaces
from services.database.engine import transaction
from services.exports import REPORTS, overview
from services.people import Actor

# The rows behind the charts, whole.
EXPORTS: Final = (
    "sessions",
    "feedback",
    "executions",
    "attempts",
    "success_by_version",
    "success_over_time",
    "executions_by_day",
    "duration_by_phase",
    "retries",
    "deploy_outcomes",
    "feedback_flow",
    "time_to_fix",
    "cost",
)


def _exports(chosen: Chosen, actor: Actor) -> None:
    """Every row of the period, streamed on the click."""
    st.download_button(
        "This page as a report",
        lambda: _report(chosen),
        file_name=f"{chosen.file_name('report')}.html".replace(" ", "-"),
        mime="text/html",
        icon=":material/summarize:",
        on_click="ignore",
        key="statistics-report",
        help="One page with everything in it, to send or to print",
    )
    st.caption(f"All rows of {looks.plain(chosen.whose)} {chosen.period.words}, as CSV")
    for report in EXPORTS:
        export_link(REPORTS[report].title, report, chosen.report_filters(report), actor, type="tertiary")


def _report(chosen: Chosen) -> str:
    """The report of what is chosen, made on the click."""
    with transaction() as session:
        return overview.page(
            session, chosen.filters, chosen.period, whose=chosen.whose.capitalize(), now=datetime.now(UTC)
        )


def _csv(card: Card) -> Callable[[], bytes]:
    return lambda: exports.to_csv(card.frame)


def _draw_figures(figures: list[KeyFigure]) -> None:
    with st.grid(len(figures), min_column_width=190, gap="small"):
        for figure in figures:
            st.metric(
                figure.label,
                figure.value,
                figure.delta,
                delta_color=figure.rise if figure.real else "off",
                delta_arrow="auto" if figure.real else "off",
                delta_description=figure.note,
                help=figure.help,
                border=True,
                height="stretch",
            )


def _draw(drawn: list[Card], chosen: Chosen) -> str | None:
    """Draws the charts; the address behind the bar or point that was clicked, if one was."""
    grid = st.grid(2, min_column_width=420, gap="small")
    clicked = None
    for card in drawn:
        with grid.cell():
            alt = f"{card.title} {chosen.period.words}" if len(card.frame) else card.empty
            name = chosen.file_name(card.name)
            link = chart_card(card.title, card.note, card.figure(chosen.period), _csv(card), name=name, alt=alt)
            clicked = link or clicked
    return clicked


def page() -> None:
    actor = require_actor()
    with guarded(stop=True):
        with transaction() as session:
            rows = workspaces.choices(session)
            known = Choices(rows, people.list_people(session), datasets.symbols(session))
        with header("Statistics"):
            chosen = controls(known)
            with st.popover("Export", icon=":material/download:"), st.container(gap=None):
                _exports(chosen, actor)
        if not rows:
            empty_state(
                "query_stats", "Nothing to count yet", "Create a workspace and run a session; its numbers show here."
            )
            return
        with transaction() as session:
            summary = stats.summary(session, chosen.filters, chosen.other)
            drawn = cards(session, chosen.filters, chosen.period)
        version = chosen.workspace.version if chosen.workspace else None
        _draw_figures(key_figures(summary, chosen.period, version=version))
        if waiting := waiting_words(summary):
            st.caption(f":material/hourglass_empty: {looks.plain(waiting)}")
        clicked = _draw(drawn, chosen)
    if clicked is not None:
        open_link(clicked)


page()
