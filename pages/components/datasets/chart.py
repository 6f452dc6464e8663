"""A part of a dataset as candles with volume, without marks."""

from __future__ import annotations

from typing import Final

import pandas as pd
import plotly.graph_objects as go

from pages.components.charts.base import XAXIS, YAXIS, shared_layout, unchecked

HEIGHT: Final = 460  # pixels
_UP: Final = "#2E9E68"
_DOWN: Final = "#DE5B53"


def dataset_chart(candles: pd.DataFrame, highlighted: int | None = None) -> go.Figure:
    """Candles indexed by dataset index; closing hours take no room. `highlighted` is an index to point at."""
    at = candles.index.to_list()
    times = candles["time"].dt.strftime("%Y-%m-%d %H:%M").to_list()
    ticks = list(range(0, len(at), max(1, len(at) // 4)))
    bars = {
        "type": "candlestick",
        "x": at,
        "name": "",
        "text": times,
        "hovertext": times,
        **{name: candles[name].to_list() for name in ("open", "high", "low", "close")},
        "increasing": {"line": {"color": _UP, "width": 1}},
        "decreasing": {"line": {"color": _DOWN, "width": 1}},
        "xaxis": "x",
        "yaxis": "y",
    }
    volume = {
        "type": "bar",
        "x": at,
        "y": candles["volume"].to_list(),
        "yaxis": "y2",
        "xaxis": "x",
        "name": "Volume",
        "marker": {"color": "rgba(127,140,157,.45)"},
        "hoverinfo": "y",
    }
    shapes = []
    if highlighted is not None:
        shapes = [
            {
                "type": "line",
                "x0": highlighted,
                "x1": highlighted,
                "y0": 0,
                "y1": 1,
                "yref": "paper",
                "line": {"color": "#C97F1A", "width": 2, "dash": "dot"},
            }
        ]
    layout = shared_layout(HEIGHT, showlegend=False, shapes=shapes) | {
        "dragmode": "select",
        "modebar": {"bgcolor": "rgba(0,0,0,0)"},
        "selectdirection": "h",
        "xaxis": XAXIS
        | {
            "rangeslider": {"visible": False},
            "tickvals": [at[i] for i in ticks],
            "ticktext": [times[i].replace(" ", "<br>") for i in ticks],
            "anchor": "y2",
            "tickangle": 0,
        },
        "yaxis": YAXIS | {"domain": [0.22, 1], "side": "right"},
        "yaxis2": YAXIS | {"domain": [0, 0.18], "side": "right", "showgrid": False, "showticklabels": False},
    }
    return unchecked([bars, volume], layout)
