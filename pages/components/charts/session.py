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
from pages.components.charts.base import ACCENT, BAND, CLEAR, XAXIS, YAXIS, rgba, safe, shared_layout, unchecked
from pages.components.charts.marks import Mark, Trace, as_marks, mark_traces, on_chart
from pages.components.charts.view import View, date_labels, inside, price_range

HEIGHT = 560
AIR = 20  # empty slots that can be scrolled into, before the first candle and after the last
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
    in_view = inside(view, candles, chosen.anchor if chosen else None)
    shapes, annotations = [], []
    if picked is not None:
        shapes.append(_band(picked - 0.5, picked + 0.5, rgba(looks.MARKS["false_negative"], 0.28)))
    if chosen is not None:
        margin = max(2, round((chosen.end - chosen.start) * 0.05))
        shapes.append(_band(chosen.start - margin, chosen.end + margin, BAND[dark]))
        annotations.append(_name(chosen))
    prices = [p for m in items if in_view[0] <= m.start and m.end <= in_view[1] for p in (m.low, m.high)]
    low, high = price_range(candles, in_view, prices)
    layout = shared_layout(height, hovermode="closest", dragmode="pan", barmode="overlay", bargap=0) | {
        "shapes": shapes,
        "annotations": annotations,
        "xaxis": XAXIS
        | {
            "range": [in_view[0] - 1, in_view[1] + 1],
            "tickformat": "d",
            "labelalias": date_labels(candles["time"]) | _beyond(candles),
            "nticks": 8,
            "tickangle": 0,
            "rangeslider": {"visible": False},
            "minallowed": int(candles.index[0]) - AIR,
            "maxallowed": int(candles.index[-1]) + AIR,
        },
        "yaxis": YAXIS | {"range": [low, high], "side": "right", "tickformat": _price_format(high), "nticks": 7},
    }
    return unchecked([_bars(candles), *mark_traces(items, current), _click_areas(candles)], layout)


def overview_strip(
    marks: pd.DataFrame, *, first: int, last: int, view: View | None, current: str | None = None, dark: bool = False
) -> go.Figure:
    """All marks of the window first..last as ticks by verdict, with the part in view shaded. A tick is clickable."""
    items = as_marks(marks, None)
    traces = []
    for verdict in on_chart(items):
        group = [m for m in items if m.verdict == verdict]
        widths = [3.5 if m.id == current else 2 for m in group]
        traces.append(
            {
                "type": "scatter",
                "x": [m.anchor for m in group],
                "y": [0.5] * len(group),
                "mode": "markers",
                "marker": {
                    "symbol": "line-ns",
                    "size": 11,
                    "opacity": 1,
                    "line": {"width": widths, "color": looks.mark_color(verdict)},
                },
                "unselected": {"marker": {"opacity": 1}},
                "customdata": [["mark", m.id] for m in group],
                "hovertext": [f"<b>{safe(m.label)}</b><br>#{m.anchor}" for m in group],
                "hoverinfo": "text",
            }
        )
    layout = shared_layout(40, hovermode="closest", dragmode=False, showlegend=False) | {
        "margin": {"l": 8, "r": 48, "t": 2, "b": 2},
        "shapes": [] if view is None else [_band(view[0], view[1], BAND[dark])],
        "xaxis": {"range": [first - 1, last + 1], "visible": False, "fixedrange": True},
        "yaxis": {"range": [0, 1], "visible": False, "fixedrange": True},
    }
    return unchecked(traces, layout)


def _beyond(candles: pd.DataFrame) -> dict[str, str]:
    """No text for ticks where there are no candles; they would read as bare numbers."""
    first, last = int(candles.index[0]), int(candles.index[-1])
    return {str(i): " " for i in (*range(first - AIR, first), *range(last + 1, last + AIR + 1))}


def _bars(candles: pd.DataFrame) -> Trace:
    """Up hollow, down filled, in one gray: colours are for judgements."""
    prices = {name: candles[name].to_numpy() for name in ("open", "high", "low", "close")}
    return prices | {
        "type": "candlestick",
        "x": candles.index.to_numpy(),
        "increasing": {"line": {"color": looks.NEUTRAL, "width": 1}, "fillcolor": CLEAR},
        "decreasing": {"line": {"color": looks.NEUTRAL, "width": 1}, "fillcolor": looks.NEUTRAL},
        "whiskerwidth": 0,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _click_areas(candles: pd.DataFrame) -> Trace:
    """One unseen bar over each candle, as wide as its slot: what a click or a hover on the candle meets."""
    pad = candles["close"].abs() * CLICK_PAD
    rows = candles[["open", "high", "low", "close"]].round(6).to_numpy().tolist()
    texts = [_candle_text(int(i), t, r) for i, t, r in zip(candles.index, candles["time"], rows, strict=True)]
    return {
        "type": "bar",
        "x": candles.index.to_numpy(),
        "base": (candles["low"] - pad).to_numpy(),
        "y": (candles["high"] - candles["low"] + 2 * pad).to_numpy(),
        "width": 1,
        "marker": {"color": looks.NEUTRAL, "opacity": 0},
        "selected": {"marker": {"opacity": 0}},
        "unselected": {"marker": {"opacity": 0}},
        "customdata": [["candle", int(i), *row] for i, row in zip(candles.index, rows, strict=True)],
        "hovertext": texts,
        "hoverinfo": "text",
        "showlegend": False,
    }


def _candle_text(index: int, time: datetime, row: list[float]) -> str:
    first, high, low, last = (looks.price(p) for p in row)
    return f"<b>{looks.candle_label(index, time)}</b><br>O {first}  H {high}<br>L {low}  C {last}"


def _band(x0: float, x1: float, color: str) -> Trace:
    """A band over the whole height, behind everything."""
    place = {"x0": x0, "x1": x1, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
    return place | {"type": "rect", "fillcolor": color, "line": {"width": 0}, "layer": "below"}


def _name(mark: Mark) -> Trace:
    """The name of the mark in question, above it."""
    above = mark.direction >= 0 or mark.is_break
    color = ACCENT if mark.verdict is None else looks.mark_color(mark.verdict)
    return {
        "x": (mark.start + mark.end) / 2,
        "y": mark.at,
        "text": f"<b>{safe(mark.label)}</b>",
        "showarrow": False,
        "yshift": 13 if mark.is_break else (22 if above else -22),
        "font": {"color": color, "size": 13},
    }


def _price_format(high: float) -> str:
    return ",.2f" if abs(high) >= 10 else ".5~f"
