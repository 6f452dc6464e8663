"""What the statistics page shows: four metrics, and a list of charts each with the frame that it draws.

A card's frame holds exactly the rows and columns that its chart shows; the CSV button exports that frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts import (
    comparison,
    cost_per_day,
    duration_by_phase,
    executions_per_day,
    success_by_version,
)
from services import stats
from services.stats import Filters, Headline, Metric

MOST_PATTERNS: Final = 10  # rows that fit the height of a chart
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
MOST_DAYS: Final = timedelta(days=120)  # of a longer period, bars of a day would be hairlines: weeks then


@dataclass(frozen=True, slots=True)
class Period:
    """The period in words and as times; `until` is now."""

    words: str  # "in these 30 days"
    before: str  # "vs previous 30 days"
    since: datetime
    until: datetime

    @property
    def step(self) -> timedelta:
        return WEEK if self.until - self.since > MOST_DAYS else DAY

    @property
    def per(self) -> str:
        return "per week" if self.step == WEEK else "per day"

    def summed(self, frame: pd.DataFrame, by: list[str], values: list[str]) -> pd.DataFrame:
        """The frame's `values` summed by its `day`, which becomes `week` (its Monday) in a long period, and `by`."""
        if self.step == WEEK:
            days = frame["day"].dt.normalize()
            frame = frame.assign(week=days - pd.to_timedelta(days.dt.day_of_week, unit="D"))
        return frame.groupby([self.column, *by], as_index=False)[values].sum()

    @property
    def column(self) -> str:
        return "week" if self.step == WEEK else "day"


@dataclass(frozen=True, slots=True)
class Card:
    """One chart: `name` is its file's name, `empty` what it says when its frame has no rows."""

    name: str
    title: str
    note: str
    frame: pd.DataFrame
    draw: Callable[[pd.DataFrame], go.Figure]
    empty: str
    step: timedelta | None = None  # of a chart over dates
    counts: bool = False

    def figure(self, period: Period) -> go.Figure:
        if self.frame.empty:
            return comparison.nothing(self.empty)
        figure = self.draw(self.frame)
        if self.counts:
            comparison.whole_counts(figure)
        return comparison.over_period(figure, period.since, period.until, step=self.step) if self.step else figure


def cards(session: Any, filters: Filters, period: Period) -> list[Card]:
    """The charts in the order of the page; of all patterns, a comparison stands for those that need one pattern."""
    one = filters.workspace_id is not None
    by_version = stats.success_by_version(session, filters)
    first = _by_version(by_version, period) if one else _by_pattern(by_version, period)
    charts = [
        first,
        _executions(stats.executions_by_day(session, filters), period),
        _durations(stats.duration_by_phase(session, filters), period),
        _flow(stats.feedback_flow(session, filters), period),
    ]
    if one:
        charts.append(_over_time(stats.success_over_time(session, filters), period))
    return [
        *charts,
        _deploys(stats.deploy_outcomes(session, filters), period),
        _retries(stats.retries(session, filters), period),
        _time_to_fix(stats.time_to_fix(session, filters), period),
        _cost(stats.cost(session, filters), period),
    ]


def _by_version(frame: pd.DataFrame, period: Period) -> Card:
    columns = ["workspace", "version", "sessions", "tp", "fp", "fn", "n", "rate", "ci_low", "ci_high", "provisional"]
    return Card(
        "success by version",
        "Success rate by version",
        "95% interval; open: provisional",
        frame.dropna(subset=["rate"])[columns],
        success_by_version,
        f"No completed session {period.words}",
    )


def _by_pattern(frame: pd.DataFrame, period: Period) -> Card:
    columns = ["workspace", "version", "sessions", "tp", "fp", "fn", "n", "rate", "ci_low", "ci_high", "provisional"]
    deployed = frame[frame["status"] == "deployed"].dropna(subset=["rate"])
    most = deployed.nlargest(MOST_PATTERNS, "n").sort_values(["rate", "workspace"], ascending=[False, True])
    note = "deployed version; open: provisional"
    if len(deployed) > len(most):
        note = f"the {len(most)} of {len(deployed):,} with the most judged marks"
    return Card(
        "success by pattern",
        "Success rate by pattern",
        note,
        most[columns],
        comparison.success_by_pattern,
        f"No completed session of a deployed version {period.words}",
    )


def _executions(frame: pd.DataFrame, period: Period) -> Card:
    return Card(
        f"executions {period.per}",
        f"Executions {period.per}",
        "by outcome",
        period.summed(frame, ["outcome"], ["count"]),
        lambda shown: executions_per_day(_as_days(shown, period)),
        f"No execution ended {period.words}",
        step=period.step,
        counts=True,
    )


def _durations(frame: pd.DataFrame, period: Period) -> Card:
    runs = looks.count(frame["execution_id"].nunique(), "execution")
    return Card(
        "duration by phase",
        "Duration by phase",
        runs if len(frame) else "",
        frame,
        duration_by_phase,
        f"No finished phase {period.words}",
    )


def _flow(frame: pd.DataFrame, period: Period) -> Card:
    return Card(
        "corrections by state",
        "Corrections by state",
        "per week",
        frame,
        comparison.feedback_flow,
        f"No correction {period.words}",
        step=WEEK,
        counts=True,
    )


def _over_time(frame: pd.DataFrame, period: Period) -> Card:
    columns = ["session", "version", "time", "tp", "fp", "fn", "n", "rate", "ci_low", "ci_high", "provisional"]
    sessions = frame.rename(columns={"completed_at": "time"}).dropna(subset=["rate"])[columns]
    return Card(
        "success over time",
        "Success rate over time",
        "each completed session; 95% interval",
        sessions,
        lambda drawn: comparison.sessions_over_time(drawn, period.since, period.until),
        f"No completed session {period.words}",
    )


def _deploys(frame: pd.DataFrame, period: Period) -> Card:
    return Card(
        f"deploys {period.per}",
        f"Deploys {period.per}",
        "by outcome",
        period.summed(frame, ["target", "status"], ["count"]),
        lambda shown: comparison.deploys_per_day(_as_days(shown, period)),
        f"No deploy {period.words}",
        step=period.step,
        counts=True,
    )


def _retries(frame: pd.DataFrame, period: Period) -> Card:
    return Card(
        "executions by retries",
        "Retries",
        "ended executions by outcome",
        frame,
        comparison.executions_by_retries,
        f"No execution ended {period.words}",
        counts=True,
    )


def _time_to_fix(frame: pd.DataFrame, period: Period) -> Card:
    note = f"{looks.count(len(frame), 'correction')}, median {looks.duration(_median(frame['seconds']))}"
    return Card(
        "time to fix",
        "Time from feedback to fix",
        note if len(frame) else "",
        frame,
        comparison.time_to_fix,
        f"No correction was fixed {period.words}",
    )


def _cost(frame: pd.DataFrame, period: Period) -> Card:
    sums = ["executions", "cost_usd", "input_tokens", "output_tokens"]
    paid = period.summed(frame[frame["cost_usd"] > 0], [], sums)
    note = f"{period.per}, {looks.money(float(paid['cost_usd'].sum()))} in all" if len(paid) else ""
    return Card(
        f"cost {period.per}",
        "Agent cost",
        note,
        paid,
        lambda shown: cost_per_day(_as_days(shown, period)),
        f"No agent cost {period.words}",
        step=period.step,
    )


def _as_days(frame: pd.DataFrame, period: Period) -> pd.DataFrame:
    """The charts call their date `day`, whatever its step."""
    return frame.rename(columns={period.column: "day"})


def _median(values: pd.Series[float]) -> float | None:
    return float(values.median()) if len(values) else None


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One of the figures at the top. `delta_color` is Streamlit's colour for a rise: "normal" where more is better,
    "inverse" where less is, "off" where neither is."""

    label: str
    value: str
    note: str | None
    delta: str | int | None = None
    delta_color: Literal["normal", "inverse", "off"] = "normal"
    help: str | None = None


def key_figures(headline: Headline, period: Period, *, version: str | None) -> list[KeyFigure]:
    """The four figures at the top; `version` is the deployed one when a single pattern is shown."""
    return [
        _success(headline, version),
        _key_figure("Executions", headline.executions, lambda v: f"{v:,.0f}", note=period.before, rise="off"),
        _key_figure(
            "Median time to fix",
            headline.time_to_fix_s,
            looks.duration,
            note="from a correction to its fix",
            rise="inverse",
        ),
        _key_figure("Agent cost", headline.cost_usd, looks.money, note=period.before, rise="off"),
    ]


def _success(headline: Headline, version: str | None) -> KeyFigure:
    score, metric = headline.success, headline.success_rate
    label = f"Success rate, v{version}" if version else "Success rate, deployed versions"
    if score.n == 0:
        last = headline.previous_success
        note = f"the version before had {looks.percent(last.rate)}, n {last.n:,}" if last.n else None
        return KeyFigure(label, "Not tested", note)
    provisional = " · provisional" if score.provisional else ""
    # Of all patterns the versions before are of other patterns, so the two rates can't be compared.
    points = None if metric.delta is None or version is None else round(100 * metric.delta)
    return KeyFigure(
        label,
        looks.percent(metric.value),
        f"{looks.interval(score.ci_low, score.ci_high)} · n {score.n:,}{provisional}",
        delta=points if not points else f"{points:+d} {'pt' if abs(points) == 1 else 'pts'}",
        help="Of the deployed version over all its completed sessions, with its 95% interval. The change is against "
        "the version before it."
        if version
        else "Of all deployed versions together, with the 95% interval.",
    )


def _key_figure(
    label: str, metric: Metric, read: Callable[[float], str], *, note: str, rise: Literal["normal", "inverse", "off"]
) -> KeyFigure:
    value = looks.MISSING if metric.value is None else read(metric.value)
    if metric.delta is None:
        return KeyFigure(label, value, note)
    sign = "-" if metric.delta < 0 else "+"
    same = read(abs(metric.delta)) == read(0)
    return KeyFigure(label, value, note, 0 if same else f"{sign}{read(abs(metric.delta))}", rise)
