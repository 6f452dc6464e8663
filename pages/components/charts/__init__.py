"""Charts: DataFrame in, plotly Figure out. No streamlit here, so they are tested as values."""

from __future__ import annotations

from pages.components.charts.places import ChartMark, place_chart
from pages.components.charts.statistics import (
    cost_per_day,
    stacked_bars,
    success_by_version,
    success_over_time,
)

__all__ = [
    "ChartMark",
    "cost_per_day",
    "place_chart",
    "stacked_bars",
    "success_by_version",
    "success_over_time",
]
