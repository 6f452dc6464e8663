"""The session's chart: neutral candles, what the detector said, and how it was judged.

Marks are a frame with one row each: detection_id and/or feedback_id, kind, direction, anchor_index, start_index,
end_index, price, price_low, price_high, verdict (None while nobody judged it). Candles are a frame indexed by dataset
index with time, open, high, low, close, volume. Every point carries customdata: ["mark", id] or
["candle", index, open, high, low, close], so that a click says what was meant.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import ACCENT, BAND, CLEAR, blank, rgba, safe
from pages.components.charts.marks import Mark, add_marks, as_marks, on_chart
from pages.components.charts.view import View, date_labels, inside, price_range

HEIGHT = 560
CLICK_PAD = 0.006  # a candle can be clicked this share of its price beyond its wicks


def session_chart(
    candles: pd.DataFrame,
    marks: pd.DataFrame,
    *,
    current: str | None = None,
    view: View | None = None,
    dark: bool = False,
    picked: int | None = None,
    height: int = HEIGHT,
) -> go.Figure:
    """The chart of a session. `view` is (first, last) dataset index; None centres on the current mark or the end.

    `picked` is the candle that was clicked, to add a missed mark at.
    """
    items = as_marks(marks, candles)
    chosen = next((m for m in items if m.id == current), None)
    shown = inside(view, candles, chosen.anchor if chosen else None)
    figure = blank(height, hovermode="closest", dragmode="pan", barmode="overlay", bargap=0)
    figure.add_trace(_bars(candles))
    add_marks(figure, items, current)
    figure.add_trace(_click_areas(candles))
    if picked is not None:
        figure.add_vrect(
            x0=picked - 0.5,
            x1=picked + 0.5,
            fillcolor=rgba(looks.MARKS["false_negative"], 0.28),
            line_width=0,
            layer="below",
        )
    if chosen is not None:
        _highlight(figure, chosen, dark)
    prices = [p for m in items if shown[0] <= m.start and m.end <= shown[1] for p in (m.low, m.high)]
    low, high = price_range(candles, shown, prices)
    figure.update_xaxes(
        range=[shown[0] - 1, shown[1] + 1],
        tickformat="d",
        labelalias=date_labels(candles["time"]),
        nticks=8,
        tickangle=0,
        rangeslider={"visible": False},
        minallowed=int(candles.index[0]) - 20,
        maxallowed=int(candles.index[-1]) + 20,
    )
    figure.update_yaxes(range=[low, high], side="right", tickformat=_price_format(high), nticks=7)
    return figure


def overview_strip(
    marks: pd.DataFrame, *, first: int, last: int, view: View | None, current: str | None = None, dark: bool = False
) -> go.Figure:
    """All marks of the window first..last as ticks by verdict, with the part in view shaded. A tick is clickable."""
    figure = blank(40, hovermode="closest", dragmode=False, showlegend=False)
    figure.update_layout(margin={"l": 8, "r": 48, "t": 2, "b": 2})
    if view is not None:
        figure.add_shape(
            type="rect", x0=view[0], x1=view[1], y0=0, y1=1, fillcolor=BAND[dark], line={"width": 0}, layer="below"
        )
    items = as_marks(marks, None)
    for verdict in on_chart(items):
        group = [m for m in items if m.verdict == verdict]
        color = looks.mark_color(verdict)
        figure.add_trace(
            go.Scatter(
                x=[m.anchor for m in group],
                y=[0.5] * len(group),
                mode="markers",
                marker={
                    "symbol": "line-ns",
                    "size": 11,
                    "opacity": 1,
                    "line": {"width": [3.5 if m.id == current else 2 for m in group], "color": color},
                },
                unselected={"marker": {"opacity": 1}},
                customdata=[["mark", m.id] for m in group],
                hovertext=[f"<b>{safe(m.label)}</b><br>#{m.anchor}" for m in group],
                hoverinfo="text",
            )
        )
    figure.update_xaxes(range=[first - 1, last + 1], visible=False, fixedrange=True)
    figure.update_yaxes(range=[0, 1], visible=False, fixedrange=True)
    return figure


def _bars(candles: pd.DataFrame) -> go.Candlestick:
    """Up hollow, down filled, in one gray: colours are for judgements."""
    return go.Candlestick(
        x=candles.index,
        open=candles["open"],
        high=candles["high"],
        low=candles["low"],
        close=candles["close"],
        increasing={"line": {"color": looks.NEUTRAL, "width": 1}, "fillcolor": CLEAR},
        decreasing={"line": {"color": looks.NEUTRAL, "width": 1}, "fillcolor": looks.NEUTRAL},
        whiskerwidth=0,
        hoverinfo="skip",
        showlegend=False,
    )


def _click_areas(candles: pd.DataFrame) -> go.Bar:
    """One unseen bar over each candle, as wide as its slot: what a click or a hover on the candle meets."""
    pad = candles["close"].abs() * CLICK_PAD
    rows = candles[["open", "high", "low", "close"]].round(6).to_numpy().tolist()
    return go.Bar(
        x=candles.index,
        base=candles["low"] - pad,
        y=candles["high"] - candles["low"] + 2 * pad,
        width=1,
        marker={"color": looks.NEUTRAL, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=[["candle", int(i), *row] for i, row in zip(candles.index, rows, strict=True)],
        hovertext=[_candle_text(int(i), t, r) for i, t, r in zip(candles.index, candles["time"], rows, strict=True)],
        hoverinfo="text",
        showlegend=False,
    )


def _candle_text(index: int, time: datetime, row: list[float]) -> str:
    first, high, low, last = (looks.price(p) for p in row)
    return f"<b>{looks.candle_label(index, time)}</b><br>O {first}  H {high}<br>L {low}  C {last}"


def _highlight(figure: go.Figure, mark: Mark, dark: bool) -> None:
    """A band behind the mark in question, and its name above it."""
    margin = max(2, round((mark.end - mark.start) * 0.05))
    figure.add_vrect(x0=mark.start - margin, x1=mark.end + margin, fillcolor=BAND[dark], line_width=0, layer="below")
    above = mark.direction >= 0 or mark.is_break
    color = ACCENT if mark.verdict is None else looks.mark_color(mark.verdict)
    figure.add_annotation(
        x=(mark.start + mark.end) / 2,
        y=mark.at,
        text=f"<b>{safe(mark.label)}</b>",
        showarrow=False,
        yshift=13 if mark.is_break else (22 if above else -22),
        font={"color": color, "size": 13},
    )


def _price_format(high: float) -> str:
    return ",.2f" if abs(high) >= 10 else ".5~f"
