"""Charts of the sums that are kept: how long things take, what became of corrections, why runs failed.

A bar that opens its rows carries their address as its point's custom data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import ACCENT, blank, rgba, safe
from pages.components.charts.statistics import HEIGHT, PERCENT_AXIS, STATES, stacked_bars
from services.rules import is_provisional

Link = Callable[[str, pd.Timestamp], str]
STAGES: Final[Mapping[str, str]] = {"given": "Given", "sent": "Sent", "fixed": "Fixed", "held": "Held by a retest"}


def phase_boxes(frame: pd.DataFrame, link: str) -> go.Figure:
    """Columns phase, n, low, quarter, median, three_quarters, high in seconds. A box a phase, the first at the top."""
    figure = blank(HEIGHT, showlegend=False)
    rows = {str(row["phase"]): row for row in frame.to_dict("records")}
    unit, of_seconds = _unit(max((row["high"] for row in rows.values()), default=0.0))
    for phase, look in reversed(list(looks.PHASES.items())):
        if phase not in rows:
            continue
        row = rows[phase]
        figure.add_trace(
            go.Box(
                y=[look.label],
                q1=[row["quarter"] / of_seconds],
                median=[row["median"] / of_seconds],
                q3=[row["three_quarters"] / of_seconds],
                lowerfence=[row["low"] / of_seconds],
                upperfence=[row["high"] / of_seconds],
                name=look.label,
                orientation="h",
                line={"color": ACCENT, "width": 1.4},
                fillcolor=rgba(ACCENT, 0.45),
                hoverinfo="skip",
            )
        )
        # The box itself can't be clicked, and its hover would name six numbers one by one.
        figure.add_trace(
            go.Scatter(
                x=[row["median"] / of_seconds],
                y=[look.label],
                mode="markers",
                marker={"color": ACCENT, "size": 9, "symbol": "line-ns-open"},
                customdata=[link],
                hovertext=[
                    f"<b>{look.label}</b><br>median {looks.duration(row['median'])}, half of them "
                    f"{looks.duration(row['quarter'])} to {looks.duration(row['three_quarters'])}<br>n {row['n']:,}"
                ],
                hoverinfo="text",
            )
        )
    figure.update_xaxes(ticksuffix=f" {unit}", exponentformat="none", rangemode="tozero", nticks=7)
    figure.update_yaxes(showgrid=False)
    return figure


def _unit(longest: float) -> tuple[str, float]:
    """The unit in which an axis of durations reads best, and its seconds: seconds while all are under some minutes."""
    return ("s", 1.0) if longest < 180 else ("min", 60.0) if longest < 10_800 else ("h", 3600.0)


def duration_bars(frame: pd.DataFrame, link: Callable[[float, float], str]) -> go.Figure:
    """Columns low, high (seconds), count, shortest first: how many took that long, a bar half a doubling."""
    figure = blank(HEIGHT, showlegend=False, bargap=0.08)
    spans = list(zip(frame["low"], frame["high"], strict=True))
    figure.add_trace(
        go.Bar(
            x=[looks.duration(low) for low, _ in spans],
            y=frame["count"],
            marker={"color": ACCENT},
            customdata=[link(low, high) for low, high in spans],
            hovertext=[
                f"{looks.duration(low)} to {looks.duration(high)}: {n:,}"
                for (low, high), n in zip(spans, frame["count"], strict=True)
            ],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(type="category", nticks=7, tickangle=0)
    figure.update_yaxes(tickformat=",d", nticks=5, rangemode="tozero")
    return figure


def correction_stock(frame: pd.DataFrame, link: Link) -> go.Figure:
    """Columns day, state, count: how many corrections stood in each state at the end of each span."""
    labels = {name: look.label for name, look in looks.FEEDBACK_STATES.items()}
    figure = stacked_bars(frame, x="day", group="state", value="count", colors=STATES, labels=labels, link=link)
    return figure.update_layout(bargap=0.02)


def funnel_bars(frame: pd.DataFrame, link: Callable[[str], str]) -> go.Figure:
    """Columns stage, count: what became of the corrections that were given."""
    figure = blank(HEIGHT, showlegend=False, bargap=0.35)
    rows = frame.iloc[::-1]
    given = int(frame["count"].max()) or 1
    figure.add_trace(
        go.Bar(
            x=rows["count"],
            y=[STAGES[str(stage)] for stage in rows["stage"]],
            orientation="h",
            marker={"color": ACCENT},
            text=[f"{n:,} · {looks.percent(n / given)}" for n in rows["count"]],
            textposition="auto",
            customdata=[link(str(stage)) for stage in rows["stage"]],
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(visible=False, rangemode="tozero")
    figure.update_yaxes(showgrid=False)
    return figure


def cause_bars(frame: pd.DataFrame, link: Callable[[str], str], *, most: int = 8) -> go.Figure:
    """Columns cause, count, most first: why attempts failed."""
    figure = blank(HEIGHT, showlegend=False, bargap=0.3)
    rows = frame.head(most).iloc[::-1]
    figure.add_trace(
        go.Bar(
            x=rows["count"],
            y=[safe(cause_label(str(cause))) for cause in rows["cause"]],
            orientation="h",
            marker={"color": "#DE5B53"},
            customdata=[link(str(cause)) for cause in rows["cause"]],
            hovertemplate="%{y}: %{x:,}<extra></extra>",
        )
    )
    figure.update_xaxes(tickformat=",d", nticks=5, rangemode="tozero")
    figure.update_yaxes(showgrid=False)
    return figure


def cause_label(kind: str) -> str:
    """A kind of failure in words: "agent.rate_limited" is "Agent: rate limited"."""
    room, dot, rest = kind.partition(".")
    words = f"{room}: {rest}" if dot else room
    return words.replace("_", " ").capitalize()


def rates(frame: pd.DataFrame, *, names: Sequence[str], links: Sequence[str]) -> go.Figure:
    """Columns rate, ci_low, ci_high, n, judged, words: points with their interval, the first row at the top.

    A row that is not judged yet stands in gray at the rate of the version before it, or at none.
    """
    figure = blank(HEIGHT, showlegend=False)
    data = frame.iloc[::-1].reset_index(drop=True)
    colors = [ACCENT if judged else looks.NEUTRAL for judged in data["judged"]]
    symbols = [
        "circle-open" if not judged or is_provisional(int(n)) else "circle"
        for judged, n in zip(data["judged"], data["n"], strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=[None if _unknown(rate) else float(rate) for rate in data["rate"]],
            y=list(data.index),
            mode="markers",
            marker={"size": 9, "line": {"color": colors, "width": 1.8}, "symbol": symbols, "color": colors},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (data["ci_high"] - data["rate"]).fillna(0),
                "arrayminus": (data["rate"] - data["ci_low"]).fillna(0),
                "color": ACCENT,
                "thickness": 1.6,
                "width": 4,
            },
            customdata=list(links)[::-1],
            hovertext=[safe(text).replace("\n", "<br>") for text in data["words"]],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(**PERCENT_AXIS | {"range": [-0.02, 1.03]}, showgrid=True, gridcolor="rgba(127,140,157,.18)")
    figure.update_yaxes(
        tickvals=list(data.index),
        ticktext=[safe(name) for name in list(names)[::-1]],
        range=[-0.6, len(data) - 0.4],
        showgrid=False,
        ticks="",
    )
    return figure


def _unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
