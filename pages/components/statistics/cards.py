"""What the statistics page shows: a list of charts, each with the frame that it draws.

A card's frame holds exactly the rows and columns that its chart shows; the CSV button exports that frame. All of it is
read from sums that the database keeps, so a chart costs the same whatever the number of rows behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from pages.components import looks
from pages.components.charts import comparison, cost_per_day, kept, success_by_version
from pages.components.statistics.links import Links
from services import stats
from services.places import Rate
from services.stats import Filters, Histogram, PatternRate, VersionRate
from services.stats import kept as sums
from services.stats.histogram import edges
from services.stats.periods import Period, step_of

MOST_PATTERNS: Final = 10  # rows that fit the height of a chart
MOST_SESSIONS: Final = 400  # points of a line
ERROR: Final = f"±{stats.ERROR:.0%}"


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
    links = Links(filters, period)
    one = filters.workspace_id is not None
    runs = sums.runs(session, filters, period.grain)
    first = (
        _by_version(stats.version_rates(session, filters), filters, period, links)
        if one
        else _by_pattern(stats.pattern_rates(session, filters), filters)
    )
    charts = [
        first,
        _executions(runs, period, links),
        _stock(sums.stock(session, filters, period.grain), period, links),
        _flow(sums.flow(session, filters, period.grain), period, links),
    ]
    if one:
        charts.append(_over_time(stats.success_over_time(session, filters), period))
    return [
        *charts,
        _funnel(sums.funnel(session, filters), period, links),
        _durations(
            "time to fix", "Time from correction to fix", sums.fix_times(session, filters), period, links.fixed_in
        ),
        _causes(sums.causes(session, filters), period, links),
        _phases(sums.phase_times(session, filters), period, links),
        _deploys(sums.deploys(session, filters, period.grain), period, links),
        _retries(sums.retries(session, filters), period, links),
        _cost(sums.spent(session, filters, period.grain), period, links),
    ]


Cell = str | float | bool | None  # of a frame


def _rate_row(rate: Rate) -> dict[str, Cell]:
    return {
        "tp": rate.tp,
        "fp": rate.fp,
        "fn": rate.fn,
        "n": rate.n,
        "rate": rate.rate,
        "ci_low": rate.ci_low,
        "ci_high": rate.ci_high,
        "effective_n": round(rate.n_effective, 1),
        "unjudged": rate.unjudged,
        "coverage": rate.coverage.words if rate.coverage else "",
        "provisional": rate.provisional,
        "judged": rate.rate is not None,
    }


def _rates_frame(rows: list[dict[str, Cell]]) -> pd.DataFrame:
    columns = [*(rows[0] if rows else ["version", *_rate_row(stats.NOTHING)])]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(("rate", "ci_low", "ci_high"), "float64")) if len(frame) else frame


def _draw_rates(frame: pd.DataFrame, *, rows: list[PatternRate]) -> go.Figure:
    names = [
        f"{_short(str(name))}  {f'n {n:,}' if judged else 'not judged yet'}"
        for name, n, judged in zip(frame["workspace"], frame["n"], frame["judged"], strict=True)
    ]
    return kept.rates(
        frame.assign(words=[_rate_words(row) for row in rows]),
        names=names,
        links=[f"/workspace?id={row.workspace_id}" for row in rows],
    )


def _rate_words(pattern: PatternRate) -> str:
    name, rate, last = f"{pattern.name} v{pattern.version}", pattern.rate, pattern.earlier
    if rate.rate is None:
        known = f"; v{pattern.earlier_version} had {looks.percent(last.rate)}" if last else ""
        return f"{name}\nnot judged yet{known}"
    parts = [
        f"{looks.percent(rate.rate)} ({looks.interval(rate.ci_low, rate.ci_high)})",
        f"n {rate.n:,}, worth {rate.n_effective:.1f}{' · provisional' if rate.provisional else ''}",
    ]
    parts += [rate.coverage.words] if rate.coverage else []
    parts += [f"{looks.count(rate.unjudged, 'mark')} unjudged"] if rate.unjudged else []
    return "\n".join([name, *parts])


def _by_version(rows: list[VersionRate], filters: Filters, period: Period, links: Links) -> Card:
    judged = [row for row in rows if row.rate.rate is not None][-MOST_PATTERNS:]
    frame = _rates_frame(
        [
            {"version": row.version, "status": row.status, "sessions": row.sessions, **_rate_row(row.rate)}
            for row in judged
        ]
    )
    addresses = [links.sessions(row.version) for row in judged]
    return Card(
        "success by version",
        "Success rate by version",
        f"95% interval; open: provisional{_places(filters)}",
        frame,
        lambda shown: success_by_version(shown).update_traces(customdata=addresses),
        f"No completed session {period.words}",
    )


def _by_pattern(rows: list[PatternRate], filters: Filters) -> Card:
    """Patterns with a rate by how much is judged, those without one after them: a deploy takes none out of sight."""
    judged = sorted((r for r in rows if r.rate.rate is not None), key=lambda r: -r.rate.n)
    waiting = [r for r in rows if r.rate.rate is None]
    shown = judged[: max(MOST_PATTERNS - len(waiting), MOST_PATTERNS // 2)]
    shown = sorted(shown, key=lambda r: (-(r.rate.rate or 0), r.name)) + waiting[: MOST_PATTERNS - len(shown)]
    note = f"what is live now; open: provisional{_places(filters)}"
    if len(rows) > len(shown):
        note = f"the {len(shown)} of {len(rows):,} with the most judged places{_places(filters)}"
    frame = _rates_frame(
        [
            {"workspace": r.name, "version": r.version, "earlier_version": r.earlier_version or ""}
            | _rate_row(r.rate)
            | ({"rate": r.earlier.rate} if r.earlier is not None else {})
            for r in shown
        ]
    )
    return Card(
        "success by pattern",
        "Success rate by pattern",
        note,
        frame,
        partial(_draw_rates, rows=shown),
        "No pattern has a deployed version",
    )


def _places(filters: Filters) -> str:
    return {"all": "", "unseen": "; places no agent has had", "seen": "; places an agent has had"}[filters.places]


def _executions(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    ended = frame[frame["outcome"] != "live"][["day", "outcome", "count"]]
    return Card(
        f"executions {period.per}",
        f"Executions {period.per}",
        "by outcome",
        ended,
        partial(comparison.executions_per_span, link=links.runs(period.grain)),
        f"No execution ended {period.words}",
        step=period.step,
        counts=True,
    )


def _stock(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        "corrections by state",
        "Corrections by state",
        f"how many stood in each at the end of each {period.days_grain}",
        frame,
        partial(kept.correction_stock, link=links.standing(period.days_grain)),
        "No correction yet",
        step=step_of(period.days_grain),
        counts=True,
    )


def _flow(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        "corrections that moved",
        "Corrections that moved",
        f"to each state, per {period.days_grain}",
        frame,
        partial(comparison.feedback_flow, link=links.moved(period.days_grain)),
        f"No correction moved {period.words}",
        step=step_of(period.days_grain),
        counts=True,
    )


def _funnel(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        "what became of corrections",
        "What became of corrections",
        f"given {period.words}" if len(frame) else "",
        frame,
        partial(kept.funnel_bars, link=links.stage),
        f"No correction was given {period.words}",
    )


def _over_time(frame: pd.DataFrame, period: Period) -> Card:
    columns = [
        "session_id",
        "session",
        "version",
        "time",
        "tp",
        "fp",
        "fn",
        "n",
        "rate",
        "ci_low",
        "ci_high",
        "provisional",
    ]
    known = frame.rename(columns={"completed_at": "time"}).dropna(subset=["rate"])[columns]
    note = "each completed session; 95% interval"
    if len(known) > MOST_SESSIONS:
        note = f"the newest {MOST_SESSIONS} of {len(known):,} sessions; 95% interval"
    return Card(
        "success over time",
        "Success rate over time",
        note,
        known.tail(MOST_SESSIONS),
        lambda drawn: comparison.sessions_over_time(
            drawn.assign(link=[f"/session?id={i}" for i in drawn["session_id"]]), period.since, period.until
        ),
        f"No completed session {period.words}",
    )


def _durations(name: str, title: str, times: Histogram, period: Period, link: Callable[[float, float], str]) -> Card:
    """A bar holds half a doubling, four of the buckets that are kept; the first one all that took under a second."""
    bars: dict[int, int] = {}
    for number, n in times.counts.items():
        first = number - number % 4 if number >= 0 else -1
        bars[first] = bars.get(first, 0) + n
    rows = [
        (edges(first)[0], edges(first + 3)[1], n) if first >= 0 else (0.0, 1.0, n) for first, n in sorted(bars.items())
    ]
    median = looks.duration(times.quantile(0.5))
    return Card(
        name,
        title,
        f"{looks.count(times.n, 'correction')}, median {median} {ERROR}" if times.n else "",
        pd.DataFrame(rows, columns=["low", "high", "count"]),
        partial(kept.duration_bars, link=link),
        f"No correction was fixed {period.words}",
        counts=True,
    )


def _causes(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        "failures by cause",
        "Failures by cause",
        "attempts that failed, tried again or not",
        frame,
        partial(kept.cause_bars, link=links.cause),
        f"No attempt failed {period.words}",
    )


def _phases(times: dict[str, Histogram], period: Period, links: Links) -> Card:
    shares = {"low": 0.05, "quarter": 0.25, "median": 0.5, "three_quarters": 0.75, "high": 0.95}
    rows = [
        {"phase": phase, "n": its.n, "mean": its.mean} | {name: its.quantile(share) for name, share in shares.items()}
        for phase, its in times.items()
        if its.n and phase in looks.PHASES
    ]
    return Card(
        "duration by phase",
        "Duration by phase",
        f"5, 25, 50, 75 and 95% {ERROR}" if rows else "",
        pd.DataFrame(rows, columns=["phase", "n", "mean", *shares]),
        partial(kept.phase_boxes, link=links.period_runs()),
        f"No finished phase {period.words}",
    )


def _deploys(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        f"deploys per {period.days_grain}",
        f"Deploys per {period.days_grain}",
        "by outcome",
        frame.groupby(["day", "target", "status"], as_index=False)[["count"]].sum(),
        partial(comparison.deploys_per_day, link=links.deploys(period.days_grain)),
        f"No deploy {period.words}",
        step=step_of(period.days_grain),
        counts=True,
    )


def _retries(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    return Card(
        "executions by retries",
        "Retries",
        "ended executions by outcome",
        frame,
        partial(comparison.executions_by_retries, link=links.retries),
        f"No execution ended {period.words}",
        counts=True,
    )


def _cost(frame: pd.DataFrame, period: Period, links: Links) -> Card:
    paid = frame[frame["cost_usd"] > 0]
    note = f"{period.per}, {looks.money(float(paid['cost_usd'].sum()))} in all" if len(paid) else ""
    return Card(
        f"cost {period.per}",
        "Agent cost",
        note,
        paid,
        partial(cost_per_day, link=links.runs(period.grain)),
        f"No agent cost {period.words}",
        step=period.step,
    )


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}…"
