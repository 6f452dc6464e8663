"""Statistics: how well the detectors do, and how the work on them flows.

Each function is one SQL statement over the rows themselves, with the same filters; counts are exact, medians are of the
raw rows. Rows are returned as DataFrames with the columns that their docstrings name.
"""

from services.stats.filters import Filters
from services.stats.flow import deploy_outcomes, feedback_flow, time_to_fix
from services.stats.headline import Headline, Metric, headline
from services.stats.runs import cost, duration_by_phase, executions_by_day, retries
from services.stats.success import success_by_version, success_over_time

__all__ = [
    "Filters",
    "Headline",
    "Metric",
    "cost",
    "deploy_outcomes",
    "duration_by_phase",
    "executions_by_day",
    "feedback_flow",
    "headline",
    "retries",
    "success_by_version",
    "success_over_time",
    "time_to_fix",
]
