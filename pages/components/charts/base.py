"""What every figure shares: transparent ground, thin grid, small margins, the legend at the top left, no title.

Text colours and fonts are left to Streamlit's plotly theme, which follows light and dark by itself.
"""

from __future__ import annotations

from html import escape
from typing import Any, Final

import plotly.graph_objects as go

GRID: Final = "rgba(127,140,157,.18)"
CLEAR: Final = "rgba(0,0,0,0)"
ACCENT: Final = "#4F74EA"
BAND: Final = {False: "rgba(79,116,234,.11)", True: "rgba(79,116,234,.14)"}
XAXIS: Final = {"showgrid": False, "zeroline": False, "automargin": True}
YAXIS: Final = {"gridcolor": GRID, "zeroline": False, "automargin": True}
MARGIN: Final = {"l": 8, "r": 8, "t": 8, "b": 8}


def shared_layout(height: int, **layout: Any) -> dict[str, Any]:
    """The layout that all figures have, without axes; height in pixels."""
    return {
        "height": height,
        "margin": dict(MARGIN),
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "hoverlabel": {"namelength": -1, "align": "left"},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "title": {"text": ""},
            "itemsizing": "constant",
            "traceorder": "normal",
        },
    } | layout


def blank(height: int, **layout: Any) -> go.Figure:
    """An empty figure of this height in pixels, with the shared looks."""
    figure = go.Figure()
    figure.update_layout(shared_layout(height, **layout))
    figure.update_xaxes(**XAXIS)
    figure.update_yaxes(**YAXIS)
    return figure


def unchecked(traces: list[dict[str, Any]], layout: dict[str, Any]) -> go.Figure:
    """A figure from plotly's own JSON, for one that is drawn on every click: checking each value takes plotly five
    times as long as everything else."""
    return go.Figure(data=traces, layout=layout, _validate=False)


def rgba(color: str, alpha: float) -> str:
    """#RRGGBB with an opacity between 0 and 1."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def safe(text: object) -> str:
    """Plotly renders a subset of HTML in labels and hovers; text from data goes through here."""
    return escape(str(text), quote=False)


def empty_note(figure: go.Figure, text: str) -> go.Figure:
    """Says in the middle of an empty plot what is missing, instead of bare axes."""
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.add_annotation(
        text=safe(text),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": 13},
    )
    return figure
