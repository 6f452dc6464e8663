"""Charts that compare: patterns by their success rate, executions by their retries, corrections by the time to a fix.

As high as the other charts of the statistics page. Rates are 0..1, durations seconds; frames may be empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import ACCENT, blank, empty_note, safe
from pages.components.charts.statistics import (
    HEIGHT,
    OUTCOMES,
    PERCENT_AXIS,
    STATES,
    stacked_bars,
    success_over_time,
)
from services.rules import is_provisional

# What flows: the states that corrections come to, and the way back.
FLOW: Final[Mapping[str, str]] = {**STATES, "reopened": "#8E6BDD"}
DEPLOYS: Final[Mapping[str, str]] = {
    "ready": "#2E9E68",
    "error": "#DE5B53",
    "canceled": "#7F8C9D",
    "building": "#2490C4",
    "queued": "#B4BDC9",
}
_UNITS: Final = ((3 * 86400.0, 86400.0, "d"), (3 * 3600.0, 3600.0, "h"), (180.0, 60.0, "min"), (0.0, 1.0, "s"))


def nothing(text: str) -> go.Figure:
    """A plot that says what is missing."""
    return empty_note(blank(HEIGHT, showlegend=False), text)


def success_by_pattern(frame: pd.DataFrame) -> go.Figure:
    """Columns workspace, version, n, rate, ci_low, ci_high, one row a pattern, the first at the top.

    Points with their interval, open below n = 10.
    """
    figure = blank(HEIGHT, showlegend=False)
    data = frame.iloc[::-1].reset_index(drop=True)
    figure.add_trace(
        go.Scatter(
            x=data["rate"],
            y=data.index,
            mode="markers",
            marker={
                "size": 9,
                "line": {"color": ACCENT, "width": 1.8},
                "symbol": ["circle-open" if is_provisional(n) else "circle" for n in data["n"]],
                "color": ACCENT,
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": data["ci_high"] - data["rate"],
                "arrayminus": data["rate"] - data["ci_low"],
                "color": ACCENT,
                "thickness": 1.6,
                "width": 4,
            },
            hovertext=[_pattern_text(row) for row in data.to_dict("records")],
            hoverinfo="text",
        )
    )
    names = [f"{safe(_short(str(name)))}  n {n:,}" for name, n in zip(data["workspace"], data["n"], strict=True)]
    figure.update_xaxes(**PERCENT_AXIS | {"range": [-0.02, 1.03]}, showgrid=True, gridcolor="rgba(127,140,157,.18)")
    figure.update_yaxes(
        tickvals=list(data.index), ticktext=names, range=[-0.6, len(data) - 0.4], showgrid=False, ticks=""
    )
    return figure


def executions_by_retries(frame: pd.DataFrame) -> go.Figure:
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
            )
        )
    figure.update_xaxes(type="category", range=[-0.5, max(len(table), 4) - 0.5])
    figure.update_yaxes(tickformat=",d", nticks=5, rangemode="tozero")
    return figure


def feedback_flow(frame: pd.DataFrame) -> go.Figure:
    """Columns week, state, count: how many corrections came to each state in each week."""
    labels = {name: look.label for name, look in looks.FEEDBACK_STATES.items()}
    return stacked_bars(frame, x="week", group="state", value="count", colors=FLOW, labels=labels)


def deploys_per_day(frame: pd.DataFrame) -> go.Figure:
    """Columns day, status, count: deploys by how they stand."""
    labels = {name: look.label for name, look in looks.DEPLOYS.items()}
    return stacked_bars(frame, x="day", group="status", value="count", colors=DEPLOYS, labels=labels)


def time_to_fix(frame: pd.DataFrame) -> go.Figure:
    """Column seconds, one row a correction: how long until its fix, in the unit that fits the median."""
    figure = blank(HEIGHT, showlegend=False, bargap=0.06)
    seconds = frame["seconds"].dropna()
    _, size, unit = next(row for row in _UNITS if float(seconds.median()) >= row[0])
    figure.add_trace(
        go.Histogram(
            x=seconds / size,
            nbinsx=24,
            marker={"color": ACCENT},
            hovertemplate="%{x} " + unit + ": %{y:,}<extra></extra>",
        )
    )
    figure.update_xaxes(ticksuffix=f" {unit}", nticks=7)
    figure.update_yaxes(tickformat=",d", nticks=5)
    return figure


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


def _pattern_text(row: Mapping[object, object]) -> str:
    n = int(row["n"])  # type: ignore[call-overload]
    rate, low, high = (float(row[k]) for k in ("rate", "ci_low", "ci_high"))  # type: ignore[arg-type]
    note = " · provisional" if is_provisional(n) else ""
    return (
        f"<b>{safe(row['workspace'])}</b> v{safe(row['version'])}<br>{looks.percent(rate)} "
        f"({looks.interval(low, high)})<br>n {n:,}{note}"
    )


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
