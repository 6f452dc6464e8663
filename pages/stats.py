"""Statistics: how well the detectors do and how the work on them flows, of one pattern or of all, over a period."""

from __future__ import annotations

from collections.abc import Callable
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
    metric_cards,
)
from pages.components.statistics.cards import Card, Period, cards, metrics
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
    "sessions", "feedback", "executions", "attempts", "success_by_version", "success_over_time", "executions_by_day",
    "duration_by_phase", "retries", "deploy_outcomes", "feedback_flow", "time_to_fix", "cost",
)  # fmt: skip


def period_of(name: str, now: datetime) -> Period:
    """Whole days in UTC, today among them."""
    first = now.astimezone(UTC).date() - timedelta(days=PERIODS[name] - 1)
    return Period(*WORDS[name], datetime.combine(first, time(), UTC), now)


def labels_of(rows: list[WorkspaceRow]) -> dict[str, WorkspaceRow]:
    """Workspaces by what the menu calls them; those that share a name carry their pattern type."""
    names = [row.name for row in rows]
    return {row.name if names.count(row.name) == 1 else f"{row.name} ({row.pattern_type})": row for row in rows}


def _filters(patterns: dict[str, WorkspaceRow], actor: Actor) -> tuple[WorkspaceRow | None, Period]:
    """The header: what is chosen stands in the address, so that it can be shared."""
    with header("Statistics"):
        chosen = st.selectbox(
            "Pattern", [ALL, *patterns], label_visibility="collapsed", width=210, key="pattern", bind="query-params"
        )
        name = st.segmented_control(
            "Period", list(PERIODS), default="30 days", required=True, label_visibility="collapsed", key="period",
            bind="query-params",
        )  # fmt: skip
        workspace = patterns.get(str(chosen))
        period = period_of(name if name in PERIODS else "30 days", datetime.now(UTC))
        with st.popover("Export", icon=":material/download:"), st.container(gap=None):
            _exports(workspace, period, actor)
    return workspace, period


def _exports(workspace: WorkspaceRow | None, period: Period, actor: Actor) -> None:
    """Every row of the period, read on the click."""
    whose = looks.plain(workspace.name) if workspace else "all patterns"
    st.caption(f"All rows of {whose} {period.words}, as CSV")
    for report in EXPORTS:
        data = _report(report, workspace, period, actor)
        download_csv_button(REPORTS[report].title, data, _file(workspace, f"{report} rows"), type="tertiary")


def _report(report: str, workspace: WorkspaceRow | None, period: Period, actor: Actor) -> Callable[[], bytes]:
    filters = {"since": period.since.isoformat()} | ({"workspace": str(workspace.id)} if workspace else {})
    return lambda: b"".join(exports.stream_csv(report, filters, actor_id=actor.id))


def _file(workspace: WorkspaceRow | None, name: str) -> str:
    return f"{workspace.pattern_type if workspace else 'all patterns'} {name}"


def _csv(card: Card) -> Callable[[], bytes]:
    return lambda: exports.to_csv(card.frame)


def _draw(shown: list[Card], workspace: WorkspaceRow | None, period: Period) -> None:
    grid = st.grid(2, min_column_width=420, gap="small")
    for card in shown:
        with grid.cell():
            alt = f"{card.title} {period.words}" if len(card.frame) else card.empty
            chart_card(
                card.title, card.note, card.figure(period), _csv(card), name=_file(workspace, card.name), alt=alt
            )


def page() -> None:
    actor = require_actor()
    with guarded(stop=True):
        with transaction() as session:
            rows = workspaces.list_workspaces(session)
        workspace, period = _filters(labels_of(rows), actor)
        if not rows:
            empty_state(
                "query_stats", "Nothing to count yet", "Create a workspace and run a session; its numbers show here."
            )
            return
        filters = Filters(workspace.id if workspace else None, period.since)
        with transaction() as session:
            found = stats.headline(session, filters)
            shown = cards(session, filters, period)
        metric_cards(metrics(found, period, version=workspace.version if workspace else None))
        _draw(shown, workspace, period)


page()
