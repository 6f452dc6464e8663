"""Statistics: how well the detectors do and how the work on them flows, of one pattern or of all, over a period."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

import streamlit as st

from pages.components import looks
from pages.components.actor import require_actor
from pages.components.errors import guarded
from pages.components.parts import (
    chart_card,
    download_csv_button,
    empty_state,
    header,
)
from pages.components.statistics.cards import Card, KeyFigure, Period, cards, key_figures
from services import exports, stats, workspaces
from services.database.engine import transaction
from services.exports import REPORTS
from services.people import Actor
from services.stats import Filters
from services.workspaces import WorkspaceRow

ALL: Final = "All patterns"
PERIODS: Final = {"30 days": 30, "90 days": 90, "1 year": 365}
WORDS: Final = {
    "30 days": ("in these 30 days", "vs previous 30 days"),
    "90 days": ("in these 90 days", "vs previous 90 days"),
    "1 year": ("in these 12 months", "vs the year before"),
}
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the header's controls narrow the page to."""

    workspace: WorkspaceRow | None  # None is all patterns
    period: Period

    @property
    def filters(self) -> Filters:
        """As the statistics take them."""
        return Filters(workspace_id=self.workspace.id if self.workspace else None, since=self.period.since)

    @property
    def report_filters(self) -> dict[str, str]:
        """As the reports take them."""
        names = {"workspace": str(self.workspace.id)} if self.workspace else {}
        return names | {"since": self.period.since.isoformat()}

    def file_name(self, name: str) -> str:
        return f"{self.workspace.pattern_type if self.workspace else 'all patterns'} {name}"


def period_of(name: str, now: datetime) -> Period:
    """Whole days in UTC, today among them."""
    first = now.astimezone(UTC).date() - timedelta(days=PERIODS[name] - 1)
    return Period(*WORDS[name], datetime.combine(first, time(), UTC), now)


def labels_of(rows: list[WorkspaceRow]) -> dict[str, WorkspaceRow]:
    """Workspaces by what the menu calls them; those that share a name carry their pattern type."""
    names = [row.name for row in rows]
    return {row.name if names.count(row.name) == 1 else f"{row.name} ({row.pattern_type})": row for row in rows}


def _controls(patterns: dict[str, WorkspaceRow], actor: Actor) -> Chosen:
    """The header: what is chosen stands in the address, so that it can be shared."""
    with header("Statistics"):
        pattern = st.selectbox(
            "Pattern", [ALL, *patterns], label_visibility="collapsed", width=210, key="pattern", bind="query-params"
        )
        name = st.segmented_control(
            "Period",
            list(PERIODS),
            default="30 days",
            required=True,
            label_visibility="collapsed",
            key="period",
            bind="query-params",
        )
        period = period_of(name if name in PERIODS else "30 days", datetime.now(UTC))
        chosen = Chosen(patterns.get(str(pattern)), period)
        with st.popover("Export", icon=":material/download:"), st.container(gap=None):
            _exports(chosen, actor)
    return chosen


def _exports(chosen: Chosen, actor: Actor) -> None:
    """Every row of the period, read on the click."""
    whose = looks.plain(chosen.workspace.name) if chosen.workspace else "all patterns"
    st.caption(f"All rows of {whose} {chosen.period.words}, as CSV")
    for report in EXPORTS:
        data = _report(report, chosen, actor)
        download_csv_button(REPORTS[report].title, data, chosen.file_name(f"{report} rows"), type="tertiary")


def _report(report: str, chosen: Chosen, actor: Actor) -> Callable[[], bytes]:
    return lambda: b"".join(exports.stream_csv(report, chosen.report_filters, actor_id=actor.id))


def _csv(card: Card) -> Callable[[], bytes]:
    return lambda: exports.to_csv(card.frame)


def _draw_figures(figures: list[KeyFigure]) -> None:
    with st.grid(len(figures), min_column_width=200, gap="small"):
        for figure in figures:
            st.metric(
                figure.label,
                figure.value,
                figure.delta,
                delta_color=figure.delta_color,
                delta_description=figure.note,
                help=figure.help,
                border=True,
                height="stretch",
            )


def _draw(drawn: list[Card], chosen: Chosen) -> None:
    grid = st.grid(2, min_column_width=420, gap="small")
    for card in drawn:
        with grid.cell():
            alt = f"{card.title} {chosen.period.words}" if len(card.frame) else card.empty
            chart_card(
                card.title, card.note, card.figure(chosen.period), _csv(card), name=chosen.file_name(card.name), alt=alt
            )


def page() -> None:
    actor = require_actor()
    with guarded(stop=True):
        with transaction() as session:
            rows = workspaces.list_workspaces(session)
        chosen = _controls(labels_of(rows), actor)
        if not rows:
            empty_state(
                "query_stats", "Nothing to count yet", "Create a workspace and run a session; its numbers show here."
            )
            return
        with transaction() as session:
            headline = stats.headline(session, chosen.filters)
            drawn = cards(session, chosen.filters, chosen.period)
        version = chosen.workspace.version if chosen.workspace else None
        _draw_figures(key_figures(headline, chosen.period, version=version))
        _draw(drawn, chosen)


page()
