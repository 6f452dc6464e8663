"""Charts that compare over a period: executions by outcome and retries, deploys, corrections, sessions.

As high as the other charts of the statistics page. Rates are 0..1, durations seconds; frames may be empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import blank, empty_note
from pages.components.charts.statistics import (
    HEIGHT,
    OUTCOMES,
    STATES,
    stacked_bars,
    success_over_time,
)

# What flows: the states that corrections come to, and the way back.
FLOW: Final[Mapping[str, str]] = {**STATES, "reopened": "#8E6BDD"}
DEPLOYS: Final[Mapping[str, str]] = {
    "ready": "#2E9E68",
    "error": "#DE5B53",
    "canceled": "#7F8C9D",
    "building": "#2490C4",
    "queued": "#B4BDC9",
}
Link = Callable[[str, pd.Timestamp], str]


def nothing(text: str) -> go.Figure:
    """A plot that says what is missing."""
    return empty_note(blank(HEIGHT, showlegend=False), text)


def executions_per_span(frame: pd.DataFrame, link: Link | None = None) -> go.Figure:
    """Columns day, outcome, count: ended executions by their launch."""
    labels = {name: looks.EXECUTIONS[name].label for name in OUTCOMES}
    return stacked_bars(frame, x="day", group="outcome", value="count", colors=OUTCOMES, labels=labels, link=link)


def executions_by_retries(frame: pd.DataFrame, link: Callable[[str, int], str] | None = None) -> go.Figure:
    """Columns retries, outcome, count: ended executions stacked by outcome over how often they were retried."""
    figure = blank(HEIGHT, barmode="stack", bargap=0.28, hovermode="x unified", showlegend=True)
    table = frame.pivot_table(index="retries", columns="outcome", values="count", aggfunc="sum", fill_value=0)
    for name in [n for n in OUTCOMES if n in table.columns]:
        figure.add_trace(
            go.Bar(
                x=[looks.count(int(n), "retry", "retries") for n in table.index],
                y=table[name],
                name=looks.EXECUTIONS[name].label,
                marker={"color": OUTCOMES[name], "line": {"width": 0}},
                hovertemplate="%{y:,}",
                customdata=[link(name, int(n)) for n in table.index] if link else None,
            )
        )
    figure.update_xaxes(type="category", range=[-0.5, max(len(table), 4) - 0.5])
    figure.update_yaxes(tickformat=",d", nticks=5, rangemode="tozero")
    return figure


def feedback_flow(frame: pd.DataFrame, link: Link | None = None) -> go.Figure:
    """Columns day, state, count: how many corrections came to each state in each span."""
    labels = {name: look.label for name, look in looks.FEEDBACK_STATES.items()}
    return stacked_bars(frame, x="day", group="state", value="count", colors=FLOW, labels=labels, link=link)


def deploys_per_day(frame: pd.DataFrame, link: Link | None = None) -> go.Figure:
    """Columns day, status, count: deploys by how they stand."""
    labels = {name: look.label for name, look in looks.DEPLOYS.items()}
    return stacked_bars(frame, x="day", group="status", value="count", colors=DEPLOYS, labels=labels, link=link)


def sessions_over_time(frame: pd.DataFrame, since: datetime, until: datetime) -> go.Figure:
    """Columns time, rate, ci_low, ci_high, n, version: over the whole period, or closer when all is of a day or two."""
    figure = success_over_time(frame)
    first, last = frame["time"].min(), frame["time"].max()
    if last - first >= timedelta(days=2):
        return over_period(figure, since, until, step=timedelta(days=1))
    room = max((last - first) / 20, timedelta(minutes=5))
    return figure.update_xaxes(range=[first - room, last + room], tickformat="%-d %b %H:%M", nticks=5)


def over_period(figure: go.Figure, since: datetime, until: datetime, *, step: timedelta) -> go.Figure:
    """The dates' axis from one end of the period to the other, whatever days have something. `step` is a bar's share.

    A week that began before the period is in sight too.
    """
    dates = [pd.to_datetime(pd.Series(list(trace.x)), utc=True).min() for trace in figure.data if trace.x is not None]
    first = min([since, *dates])
    figure.update_xaxes(
        range=[first - step / 2, until + step / 2],
        dtick=None,
        tickmode="auto",
        nticks=6,
        tickformat="%b %Y" if until - since > timedelta(days=200) else "%-d %b",
    )
    figure.update_traces(width=0.74 * step.total_seconds() * 1000, selector={"type": "bar"})
    return figure


def whole_counts(figure: go.Figure) -> go.Figure:
    """Ticks at whole numbers where bars are low: "1 1 2 2" would be four ticks of halves."""
    totals: dict[object, float] = {}
    for trace in figure.data:
        for x, y in zip(trace.x if trace.x is not None else (), trace.y if trace.y is not None else (), strict=False):
            totals[x] = totals.get(x, 0) + y
    if max(totals.values(), default=0) <= 5:
        figure.update_yaxes(dtick=1)
    return figure
