"""The key figures of a period beside those of another one, each with its interval and whether the change is real."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.places import Rate
from services.stats import kept
from services.stats.filters import Filters
from services.stats.histogram import Histogram
from services.stats.rates import NOTHING, PatternRate, pattern_rates, together, version_rates


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, what it rests on, and its 95 % interval where it is an estimate; None is "not known", never zero."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure now and in the period (or of the version) that it is compared with; None where there is none."""

    now: Figure
    before: Figure | None = None

    @property
    def change(self) -> float | None:
        """now - before; None when either is not known."""
        if self.now.value is None or self.before is None or self.before.value is None:
            return None
        return self.now.value - self.before.value

    @property
    def real(self) -> bool | None:
        """Whether the change is more than noise: the two intervals don't overlap. None where that can't be told."""
        a, b = self.now, self.before
        if b is None or self.change is None or a.low is None or a.high is None or b.low is None or b.high is None:
            return None
        return a.low > b.high or a.high < b.low


@dataclass(frozen=True, slots=True)
class Summary:
    """success_rate: of what is live now, of one pattern against the version before it. The others are of the period.

    `waiting` are the patterns whose deployed version is not judged yet; they are in no rate.
    """

    success_rate: Compared
    rate: Rate
    judged_patterns: int
    waiting: tuple[PatternRate, ...]
    executions: Compared
    time_to_fix_s: Compared
    wait_s: Compared
    cost_usd: Compared
    cost_per_fix_usd: Compared


def summary(session: Session, filters: Filters, other: Filters | None) -> Summary:
    """The figures of a period; `other` is the period they are compared with."""
    patterns = pattern_rates(session, filters)
    rate = together(p.rate for p in patterns)
    if len(patterns) == 1:
        rate = patterns[0].rate  # with its own coverage and label
    runs, fixes, waits = _runs(session, filters), kept.fix_times(session, filters), kept.waits(session, filters)
    runs_before = fixes_before = waits_before = None
    if other is not None:
        runs_before, fixes_before = _runs(session, other), kept.fix_times(session, other)
        waits_before = kept.waits(session, other)
    return Summary(
        success_rate=Compared(_of_rate(rate), _version_before(session, filters, patterns)),
        rate=rate,
        judged_patterns=sum(p.rate.rate is not None for p in patterns),
        waiting=tuple(p for p in patterns if p.rate.rate is None),
        executions=Compared(_counted(runs[0]), _counted(runs_before[0]) if runs_before else None),
        time_to_fix_s=Compared(_median(fixes), _median(fixes_before) if fixes_before else None),
        wait_s=Compared(_median(waits), _median(waits_before) if waits_before else None),
        cost_usd=Compared(Figure(runs[2], runs[0]), Figure(runs_before[2], runs_before[0]) if runs_before else None),
        cost_per_fix_usd=Compared(
            _per(runs[1], fixes), _per(runs_before[1], fixes_before) if runs_before and fixes_before else None
        ),
    )


def _version_before(session: Session, filters: Filters, patterns: list[PatternRate]) -> Figure | None:
    """The rate of the version before the deployed one. Of several patterns there is no such thing."""
    if filters.workspace_id is None or not patterns:
        return None
    if patterns[0].earlier is not None:
        return _of_rate(patterns[0].earlier)
    ever = Filters(workspace_id=filters.workspace_id, symbol=filters.symbol, places=filters.places)
    versions = [v for v in version_rates(session, ever) if v.rate.rate is not None]
    earlier = [v for v in versions if v.version != patterns[0].version]
    return _of_rate(earlier[-1].rate) if earlier else None


def _runs(session: Session, filters: Filters) -> tuple[int, float, float]:
    """How many were launched, what their agents cost, and what all cost that agents did, answers to questions too."""
    found, asked = kept.totals(session, filters, "run"), kept.totals(session, filters, "question")
    spent = sum(cost for _, cost in found.values())
    return sum(n for n, _ in found.values()), spent, spent + sum(cost for _, cost in asked.values())


def _of_rate(rate: Rate) -> Figure:
    return Figure(rate.rate, rate.n, rate.ci_low, rate.ci_high)


def _counted(n: int) -> Figure:
    """A count and the 95 % interval of what it would come to again, by Byar's approximation of Poisson's."""
    z = 1.959964
    low = n * (1 - 1 / (9 * n) - z / (3 * math.sqrt(n))) ** 3 if n else 0.0
    more = n + 1
    high = more * (1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3
    return Figure(n, n, max(0.0, low), high)


def _median(times: Histogram) -> Figure:
    interval = times.median_interval()
    low, high = interval if interval else (None, None)
    return Figure(times.quantile(0.5), times.n, low, high)


def _per(spent: float, fixes: Histogram) -> Figure:
    return Figure(spent / fixes.n if fixes.n else None, fixes.n)


__all__ = ["NOTHING", "Compared", "Figure", "Summary", "summary"]
