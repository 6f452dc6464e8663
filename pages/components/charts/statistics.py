"""The charts of the statistics page, 224 px high. Rates are 0..1, durations seconds; frames may be empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import ACCENT, blank, empty_note, rgba, safe
from services.rules import is_provisional

HEIGHT: Final = 224
OUTCOMES: Final[Mapping[str, str]] = {
    "completed": "#2E9E68",
    "failed": "#DE5B53",
    "retry": "#C97F1A",
    "canceled": "#7F8C9D",
    "running": "#2490C4",
    "pending": "#B4BDC9",
}
STATES: Final[Mapping[str, str]] = {
    "open": "#C97F1A",
    "sent": "#2490C4",
    "addressed": "#4F74EA",
    "verified": "#2E9E68",
    "disputed": "#DE5B53",
    "withdrawn": "#7F8C9D",
}
PERCENT_AXIS: Final = {"range": [0, 1.04], "tickvals": [0, 0.25, 0.5, 0.75, 1], "tickformat": ".0%"}


def success_by_version(frame: pd.DataFrame) -> go.Figure:
    """Columns version, n, rate, ci_low, ci_high, oldest first. Points with their interval; open below n = 10."""
    figure = blank(HEIGHT, showlegend=False)
    data = frame.dropna(subset=["rate"])
    if data.empty:
        return empty_note(figure, "No version has judged marks yet")
    names = [f"{safe(v)}<br>n {n:,}" for v, n in zip(data["version"], data["n"], strict=True)]
    figure.add_trace(
        go.Scatter(
            x=names,
            y=data["rate"],
            mode="lines+markers",
            line={"color": ACCENT, "width": 1.4, "dash": "dot"},
            marker={
                "size": 10,
                "line": {"color": ACCENT, "width": 1.8},
                "symbol": ["circle-open" if is_provisional(n) else "circle" for n in data["n"]],
                "color": ACCENT,
            },
            error_y={
                "type": "data",
                "symmetric": False,
                "array": data["ci_high"] - data["rate"],
                "arrayminus": data["rate"] - data["ci_low"],
                "color": ACCENT,
                "thickness": 1.6,
                "width": 5,
            },
            hovertext=[_rate_text(row) for row in data.to_dict("records")],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(type="category", tickangle=0)
    figure.update_yaxes(**PERCENT_AXIS)
    return figure


def success_over_time(frame: pd.DataFrame) -> go.Figure:
    """Columns time, rate, ci_low, ci_high, n and optionally version: the rate with its interval as a band."""
    figure = blank(HEIGHT, showlegend=False)
    data = frame.dropna(subset=["rate"]).sort_values("time")
    if data.empty:
        return empty_note(figure, "No completed session in this period")
    times = list(data["time"])
    figure.add_trace(
        go.Scatter(
            x=times + times[::-1],
            y=[*data["ci_high"], *list(data["ci_low"])[::-1]],
            fill="toself",
            fillcolor=rgba(ACCENT, 0.14),
            line={"width": 0},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=times,
            y=data["rate"],
            mode="lines+markers",
            line={"color": ACCENT, "width": 2},
            marker={"size": 6, "color": ACCENT},
            customdata=list(data["link"]) if "link" in data else None,
            hovertext=[_rate_text(row) for row in data.to_dict("records")],
            hoverinfo="text",
        )
    )
    figure.update_xaxes(type="date", tickformat="%-d %b", nticks=6)
    figure.update_yaxes(**PERCENT_AXIS)
    return figure


def stacked_bars(
    frame: pd.DataFrame,
    *,
    x: str,
    group: str,
    value: str,
    colors: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
    empty: str = "Nothing in this period",
    link: Callable[[str, pd.Timestamp], str] | None = None,
) -> go.Figure:
    """Counts of `group` stacked over the dates in `x`; groups in the order of `colors`, unknown ones last in gray.

    `link` gives the address of the rows behind the bar of a group at a date.
    """
    figure = blank(HEIGHT, barmode="stack", bargap=0.28, hovermode="x unified")
    if frame.empty or not frame[value].sum():
        return empty_note(figure, empty)
    table = frame.pivot_table(index=x, columns=group, values=value, aggfunc="sum", fill_value=0)
    names = [n for n in colors if n in table.columns] + [n for n in table.columns if n not in colors]
    for name in names:
        label = (labels or {}).get(str(name), str(name).replace("_", " ").capitalize())
        figure.add_trace(
            go.Bar(
                x=table.index,
                y=table[name],
                name=safe(label),
                marker={"color": colors.get(str(name), looks.NEUTRAL), "line": {"width": 0}},
                hovertemplate="%{y:,}",
                customdata=[link(str(name), at) for at in table.index] if link else None,
            )
        )
    _date_axis(figure, table.index)
    figure.update_yaxes(tickformat=",d", nticks=5, rangemode="tozero")
    figure.update_layout(showlegend=True)
    return figure


def cost_per_day(frame: pd.DataFrame, link: Callable[[str, pd.Timestamp], str] | None = None) -> go.Figure:
    """Columns day, cost_usd. `link` as in `stacked_bars`."""
    figure = blank(HEIGHT, showlegend=False, bargap=0.28)
    data = frame.dropna(subset=["cost_usd"])
    if data.empty or not data["cost_usd"].sum():
        return empty_note(figure, "No agent cost in this period")
    figure.add_trace(
        go.Bar(
            x=data["day"],
            y=data["cost_usd"],
            marker={"color": ACCENT},
            hovertemplate="$%{y:,.2f}<extra></extra>",
            customdata=[link("", at) for at in data["day"]] if link else None,
        )
    )
    _date_axis(figure, data["day"])
    figure.update_yaxes(tickprefix="$", nticks=5, rangemode="tozero")
    return figure


def _rate_text(row: Mapping[object, object]) -> str:
    name = f"<b>v{safe(row['version'])}</b><br>" if row.get("version") else ""
    n = int(row["n"])  # type: ignore[call-overload]
    note = " · provisional" if is_provisional(n) else ""
    rate, low, high = (float(row[k]) for k in ("rate", "ci_low", "ci_high"))  # type: ignore[arg-type]
    return f"{name}{looks.percent(rate)} ({looks.interval(low, high)})<br>n {n:,}{note}"


def _date_axis(figure: go.Figure, days: Sequence[object] | pd.Index | pd.Series) -> None:
    figure.update_xaxes(type="date", tickformat="%-d %b", nticks=6, hoverformat="%-d %b %Y")
    if len(set(days)) < 4:  # a bar of a single day would fill the plot
        stamps = pd.DatetimeIndex(pd.to_datetime(pd.Series(list(days))))
        figure.update_xaxes(
            range=[stamps.min() - pd.Timedelta(days=4), stamps.max() + pd.Timedelta(days=4)], dtick=86400000 * 2
        )
