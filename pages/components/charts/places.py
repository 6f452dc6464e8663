"""Candles with marks on them, to look at: a version's marks beside another's, or everybody's verdict on one place.

Marks are a frame with one row each: kind, direction, anchor_index, start_index, end_index, price, price_low,
price_high, verdict (None while nobody judged it) and, where it helps, who. Candles are a frame indexed by dataset index
with time, open, high, low, close.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts.base import CLEAR, XAXIS, YAXIS, rgba, safe, shared_layout, unchecked

UP: Final = "rgba(127,140,157,.25)"
DOWN: Final = "rgba(127,140,157,.85)"
LIFT: Final = 0.012  # of the price range in view, between a bar and the first mark on it
STEP: Final = 0.035  # between marks on the same bar
SHAPES: Final = {1: "triangle-down", -1: "triangle-up", 0: "diamond"}
Row = Mapping[Hashable, Any]


def place_chart(
    candles: pd.DataFrame, marks: pd.DataFrame, *, view: tuple[int, int] | None = None, height: int = 380
) -> go.Figure:
    """The candles with their marks; `view` is the first and last dataset index that is shown at first."""
    first, last = view or (int(candles.index[0]), int(candles.index[-1]))
    shown = candles.loc[first:last]
    low, high = float(shown["low"].min()), float(shown["high"].max())
    room = (high - low) or abs(high) or 1.0
    rows = list(marks.to_dict("records"))
    traces: list[dict[str, Any]] = [_bars(candles), *_zones(rows), *_symbols(rows, candles, room)]
    layout = shared_layout(height, hovermode="closest", dragmode="pan") | {
        "xaxis": XAXIS
        | {
            "range": [first - 1, last + 1], "tickformat": "d", "nticks": 8, "rangeslider": {"visible": False},
            "minallowed": int(candles.index[0]) - 5, "maxallowed": int(candles.index[-1]) + 5,
        },
        "yaxis": YAXIS | {"range": [low - 0.1 * room, high + 0.15 * room], "side": "right", "nticks": 6},
    }  # fmt: skip
    return unchecked(traces, layout)


def _bars(candles: pd.DataFrame) -> dict[str, Any]:
    times = [looks.candle_label(int(i), t) for i, t in zip(candles.index, candles["time"], strict=True)]
    line = {"width": 1, "color": looks.NEUTRAL}
    return {
        "type": "candlestick", "x": list(candles.index), "open": list(candles["open"]), "high": list(candles["high"]),
        "low": list(candles["low"]), "close": list(candles["close"]), "text": times, "showlegend": False,
        "increasing": {"line": line, "fillcolor": UP}, "decreasing": {"line": line, "fillcolor": DOWN},
    }  # fmt: skip


def _zones(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Marks with a price zone as boxes over their bars."""
    made = []
    for row in rows:
        low, high = _number(row.get("price_low")), _number(row.get("price_high"))
        if low is None or high is None:
            continue
        start, end = int(row["start_index"]) - 0.5, int(row["end_index"]) + 0.5
        color = looks.mark_color(_verdict(row))
        made.append(
            {
                "type": "scatter", "mode": "lines", "x": [start, end, end, start, start],
                "y": [low, low, high, high, low], "fill": "toself", "fillcolor": rgba(color, 0.12),
                "line": {"color": color, "width": 1}, "hoverinfo": "skip", "showlegend": False,
            }
        )  # fmt: skip
    return made


def _symbols(rows: Sequence[Row], candles: pd.DataFrame, room: float) -> list[dict[str, Any]]:
    """One trace a verdict, so that the legend says what the colours mean; marks on one bar stand above each other."""
    on_bar: dict[tuple[int, int], int] = {}
    by_verdict: dict[str | None, list[tuple[int, float, str, str]]] = {}
    for row in rows:
        bar, direction = int(row["anchor_index"]), int(row["direction"])
        if bar not in candles.index:
            continue
        down = direction < 0
        taken = on_bar.get((bar, down), 0)
        on_bar[(bar, down)] = taken + 1
        away = room * (LIFT + STEP * taken)
        tip = float(candles.loc[bar, "low" if down else "high"])  # type: ignore[arg-type]  # one row a bar
        name = looks.kind_label(str(row["kind"]), direction)
        who = f"<br>{safe(row['who'])}" if row.get("who") else ""
        by_verdict.setdefault(_verdict(row), []).append(
            (
                bar,
                tip - away if down else tip + away,
                SHAPES.get(direction, "diamond"),
                f"<b>{safe(name)}</b> #{bar}{who}",
            )
        )
    made = []
    for verdict, points in by_verdict.items():
        color = looks.mark_color(verdict)
        label = "Not judged" if verdict is None else looks.look(looks.VERDICTS, verdict).label
        made.append(
            {
                "type": "scatter", "mode": "markers", "name": safe(label), "x": [p[0] for p in points],
                "y": [p[1] for p in points], "hovertext": [p[3] for p in points], "hoverinfo": "text",
                "marker": {
                    "symbol": [p[2] for p in points], "size": 11, "color": CLEAR if verdict is None else color,
                    "line": {"color": color, "width": 1.8},
                },
            }
        )  # fmt: skip
    return made


def _verdict(row: Row) -> str | None:
    value = row.get("verdict")
    return None if value is None or pd.isna(value) else str(value)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
