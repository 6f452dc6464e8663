"""Statistics: how well the detectors do, and how the work on them flows.

What a page shows is read from sums that the database keeps (`kept`, `rates`, `summary`). The other functions are one SQL
statement over the rows themselves, for the reports that name every row; both take the same filters.
"""

from services.stats.filters import Filters, Places
from services.stats.flow import deploy_outcomes, feedback_flow, time_to_fix
from services.stats.histogram import ERROR, Histogram
from services.stats.kept import run_totals
from services.stats.rates import NOTHING, PatternRate, VersionRate, pattern_rates, version_rates
from services.stats.runs import cost, duration_by_phase, executions_by_day, retries
from services.stats.success import success_by_version, success_over_time
from services.stats.summary import Compared, Figure, Summary, summary

__all__ = [
    "ERROR",
    "NOTHING",
    "Compared",
    "Figure",
    "Filters",
    "Histogram",
    "PatternRate",
    "Places",
    "Summary",
    "VersionRate",
    "cost",
    "deploy_outcomes",
    "duration_by_phase",
    "executions_by_day",
    "feedback_flow",
    "pattern_rates",
    "retries",
    "run_totals",
    "success_by_version",
    "success_over_time",
    "summary",
    "time_to_fix",
    "version_rates",
]
