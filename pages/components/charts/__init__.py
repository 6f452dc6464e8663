"""Charts: DataFrame in, plotly Figure out. No streamlit here, so they are tested as values."""

from __future__ import annotations

from pages.components.charts.session import overview_strip, session_chart
from pages.components.charts.statistics import (
    cost_per_day,
    stacked_bars,
    success_by_version,
    success_over_time,
)
from pages.components.charts.view import VIEW_CANDLES, view_around

__all__ = [
    "VIEW_CANDLES",
    "cost_per_day",
    "overview_strip",
    "session_chart",
    "stacked_bars",
    "success_by_version",
    "success_over_time",
    "view_around",
]
