"""Candles with marks on them, to look at: a version's marks beside another's, or everybody's verdict on one place.

Candles are a frame indexed by dataset index with time, open, high, low, close.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import CLEAR, XAXIS, YAXIS, rgba, safe, shared_layout

UP: Final = "rgba(127,140,157,.25)"
DOWN: Final = "rgba(127,140,157,.85)"
LIFT: Final = 0.012  # of the price range in view, between a bar and the first mark on it
STEP: Final = 0.035  # between marks on the same bar
SHAPES: Final = {1: "triangle-down", -1: "triangle-up", 0: "diamond"}


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A mark as it is drawn; bars are dataset indexes. `verdict` is None while nobody judged it, `who` says whose it is."""

    kind: str
    direction: int
    bar: int
    start: int
    end: int
    low: float | None = None
    high: float | None = None
    verdict: str | None = None
    who: str = ""


def place_chart(
    candles: pd.DataFrame, marks: Sequence[ChartMark], *, view: tuple[int, int] | None = None, height: int = 380
) -> go.Figure:
    """The candles with their marks; `view` is the first and last dataset index that is shown at first."""
    first, last = view or (int(candles.index[0]), int(candles.index[-1]))
    shown = candles.loc[first:last]
    low, high = float(shown["low"].min()), float(shown["high"].max())
    room = (high - low) or abs(high) or 1.0
    figure = go.Figure([_bars(candles), *_zones(marks), *_symbols(marks, candles, room)])
    figure.update_layout(shared_layout(height, hovermode="closest", dragmode="pan"))
    figure.update_xaxes(
        **XAXIS,
        range=[first - 1, last + 1],
        tickformat="d",
        nticks=8,
        rangeslider={"visible": False},
        minallowed=int(candles.index[0]) - 5,
        maxallowed=int(candles.index[-1]) + 5,
    )
    figure.update_yaxes(**YAXIS, range=[low - 0.1 * room, high + 0.15 * room], side="right", nticks=6)
    return figure


def _bars(candles: pd.DataFrame) -> go.Candlestick:
    times = [looks.candle_label(int(i), t) for i, t in zip(candles.index, candles["time"], strict=True)]
    line = {"width": 1, "color": looks.NEUTRAL}
    return go.Candlestick(
        x=list(candles.index),
        open=list(candles["open"]),
        high=list(candles["high"]),
        low=list(candles["low"]),
        close=list(candles["close"]),
        text=times,
        showlegend=False,
        increasing={"line": line, "fillcolor": UP},
        decreasing={"line": line, "fillcolor": DOWN},
    )


def _zones(marks: Sequence[ChartMark]) -> list[go.Scatter]:
    """Marks with a price zone as boxes over their bars."""
    made = []
    for mark in marks:
        if mark.low is None or mark.high is None:
            continue
        start, end, color = mark.start - 0.5, mark.end + 0.5, looks.mark_color(mark.verdict)
        made.append(
            go.Scatter(
                mode="lines",
                x=[start, end, end, start, start],
                y=[mark.low, mark.low, mark.high, mark.high, mark.low],
                fill="toself",
                fillcolor=rgba(color, 0.12),
                line={"color": color, "width": 1},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return made


def _symbols(marks: Sequence[ChartMark], candles: pd.DataFrame, room: float) -> list[go.Scatter]:
    """One trace a verdict, so that the legend says what the colours mean; marks on one bar stand above each other."""
    on_bar: Counter[tuple[int, bool]] = Counter()
    by_verdict: dict[str | None, list[tuple[ChartMark, float]]] = defaultdict(list)
    tips = {True: candles["low"].to_dict(), False: candles["high"].to_dict()}
    for mark in marks:
        down = mark.direction < 0
        tip = tips[down].get(mark.bar)
        if tip is None:
            continue
        away = room * (LIFT + STEP * on_bar[(mark.bar, down)])
        on_bar[(mark.bar, down)] += 1
        by_verdict[mark.verdict].append((mark, float(tip) - away if down else float(tip) + away))
    return [_trace(verdict, points) for verdict, points in by_verdict.items()]


def _trace(verdict: str | None, points: Sequence[tuple[ChartMark, float]]) -> go.Scatter:
    color = looks.mark_color(verdict)
    label = "Not judged" if verdict is None else looks.look(looks.VERDICTS, verdict).label
    return go.Scatter(
        mode="markers",
        name=safe(label),
        x=[mark.bar for mark, _ in points],
        y=[at for _, at in points],
        hovertext=[_hover(mark) for mark, _ in points],
        hoverinfo="text",
        marker={
            "symbol": [SHAPES.get(mark.direction, "diamond") for mark, _ in points],
            "size": 11,
            "color": CLEAR if verdict is None else color,
            "line": {"color": color, "width": 1.8},
        },
    )


def _hover(mark: ChartMark) -> str:
    who = f"<br>{safe(mark.who)}" if mark.who else ""
    return f"<b>{safe(looks.kind_label(mark.kind, mark.direction))}</b> #{mark.bar}{who}"
