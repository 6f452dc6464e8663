"""One period as a page that stands alone: the key figures, the rates, what was run, what became of corrections, what
failed and what it cost. Read from the same sums as the statistics screen; for a mail, a folder or paper."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

import pandas as pd
from sqlalchemy.orm import Session

from services import people, stats
from services.exports.drawing import stacked, table
from services.places import Rate
from services.rules import agent_name
from services.stats import Compared, Filters, kept
from services.stats.periods import Period

OUTCOMES: Final = {"completed": "#2E9E68", "failed": "#DE5B53", "canceled": "#7F8C9D", "live": "#2490C4"}
MOVES: Final = {"open": "#C97F1A", "sent": "#2490C4", "addressed": "#8E6BDD", "verified": "#2E9E68"}
COST: Final = {"cost": "#4F74EA"}
_STAGES: Final = {"given": "Given", "sent": "Sent to an agent", "fixed": "Fixed", "held": "Held in a retest"}
_STYLE: Final = """
:root { color-scheme: light; } body { font: 15px/1.5 "Source Sans", system-ui, sans-serif; color: #1A2330; background: #fff;
max-width: 860px; margin: 2rem auto; padding: 0 1.2rem; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .5rem; } .sub, .none { color: #556274; }
.figures { display: grid; grid-template-columns: repeat(3, 1fr); gap: .75rem; margin-top: 1.2rem; }
.figure { border: 1px solid #DBE1E9; border-radius: 6px; padding: .7rem .85rem; } .figure b { display: block; font-size: 1.45rem; }
.figure small { color: #556274; } table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .5rem;
border-bottom: 1px solid #DBE1E9; vertical-align: top; overflow-wrap: anywhere; } th { color: #556274; font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: #556274; } svg line { stroke: #DBE1E9; }
.legend span { margin-right: 1rem; font-size: .85rem; } .legend i { display: inline-block; width: .7rem; height: .7rem;
margin-right: .3rem; border-radius: 2px; } section { break-inside: avoid; }
@media print { body { margin: 0; max-width: none; padding: 0; } @page { margin: 16mm; } }
@media (max-width: 560px) { .figures { grid-template-columns: 1fr 1fr; } }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A key figure in words: what it is, its value, what it rests on, and the change where one is known."""

    label: str
    value: str
    rests_on: str
    change: str


def key_lines(session: Session, filters: Filters) -> list[Line]:
    """The key figures of a period beside those of the one before it."""
    summary = stats.summary(session, filters, filters.before())
    return [
        Line(
            "Success rate of deployed versions, today",
            _percent(summary.rate.rate),
            _rests_on(summary.rate),
            _change(summary.success_rate, _points),
        ),
        Line("Executions", _number(summary.executions.now.value), "", _change(summary.executions, _number)),
        Line(
            "Median time to fix",
            _time(summary.time_to_fix_s.now.value),
            f"n {summary.time_to_fix_s.now.n:,}",
            _change(summary.time_to_fix_s, _time),
        ),
        Line(
            "Median wait for an agent",
            _time(summary.wait_s.now.value),
            f"n {summary.wait_s.now.n:,}",
            _change(summary.wait_s, _time),
        ),
        Line("Agent cost", _money(summary.cost_usd.now.value), "", _change(summary.cost_usd, _money)),
        Line(
            "Cost per fix",
            _money(summary.cost_per_fix_usd.now.value),
            f"n {summary.cost_per_fix_usd.now.n:,}",
            _change(summary.cost_per_fix_usd, _money),
        ),
    ]


def lines_frame(session: Session, filters: Filters) -> pd.DataFrame:
    """The same as a table, for a notice or a CSV."""
    rows = [(line.label, line.value, line.rests_on, line.change) for line in key_lines(session, filters)]
    return pd.DataFrame(rows, columns=["figure", "value", "rests_on", "change"])


def page(session: Session, filters: Filters, period: Period, *, whose: str, now: datetime) -> str:
    """The whole report as HTML, without a script and without anything from elsewhere."""
    title = f"{whose}, {period.words}"
    figures = "".join(
        f'<div class="figure">{escape(line.label)}<b>{escape(line.value)}</b>'
        f"<small>{escape(' · '.join(part for part in (line.rests_on, line.change) if part))}</small></div>"
        for line in key_lines(session, filters)
    )
    until = f"{period.until - pd.Timedelta(microseconds=1):%d %b %Y}"
    sections = "".join(
        f"<section><h2>{escape(name)}</h2>{body}</section>" for name, body in _sections(session, filters, period)
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>"
        f'<p class="sub">{period.since:%d %b %Y} to {until}, whole days of UTC. Made {now.astimezone(UTC):%d %b %Y %H:%M} UTC. '
        f"Changes are against the {escape(period.before.removeprefix('vs the '))}.{_narrowed(session, filters)}</p>"
        f'<div class="figures">{figures}</div>{sections}</body></html>\n'
    )


def _narrowed(session: Session, filters: Filters) -> str:
    """What the report is narrowed to beside the pattern and the period; "" for nothing."""
    parts = []
    if filters.person_id:
        names = {person.id: person.name for person in people.list_people(session)}
        parts.append(f"what {names.get(filters.person_id, 'nobody')} did")
    parts += [f"executions of {agent_name(filters.agent)}"] if filters.agent else []
    parts += [f"deployed to {filters.target}"] if filters.target else []
    parts += [filters.symbol] if filters.symbol else []
    parts += [f"{filters.places} places"] if filters.places != "all" else []
    return f" Narrowed to {escape(', '.join(parts))}." if parts else ""


def _sections(session: Session, filters: Filters, period: Period) -> list[tuple[str, str]]:
    runs = kept.runs(session, filters, period.days_grain)
    flow = kept.flow(session, filters, period.days_grain)
    funnel = kept.funnel(session, filters)
    causes = kept.causes(session, filters)
    patterns = [
        (p.name, f"v{p.version}", _percent(p.rate.rate), _rests_on(p.rate))
        for p in stats.pattern_rates(session, filters)
    ]
    return [
        (
            "Success rate by pattern, of what is deployed today",
            table(("Pattern", "Version", "Rate", "Rests on"), patterns),
        ),
        (f"Executions per {period.days_grain}", stacked(_points_of(runs, "outcome", "count"), OUTCOMES)),
        (f"Corrections that moved per {period.days_grain}", stacked(_points_of(flow, "state", "count"), MOVES)),
        (
            "What became of the corrections given",
            table(("Stage", "Corrections"), [(_STAGES.get(s, s), f"{n:,}") for s, n in _pairs(funnel, "stage")]),
        ),
        (
            "Why attempts failed",
            table(("Cause", "Attempts"), [(c.replace("_", " "), f"{n:,}") for c, n in _pairs(causes, "cause")]),
        ),
        (
            f"Agent cost per {period.days_grain}",
            stacked(_cost_points(kept.spent(session, filters, period.days_grain)), COST, unit="$"),
        ),
    ]


def _points_of(frame: pd.DataFrame, series: str, value: str) -> list[tuple[str, dict[str, float]]]:
    points: dict[str, dict[str, float]] = {}
    for row in frame.sort_values("day").to_dict("records"):
        values = points.setdefault(f"{row['day']:%d %b}", {})
        values[str(row[series])] = values.get(str(row[series]), 0.0) + float(row[value])
    return list(points.items())


def _cost_points(spent: pd.DataFrame) -> list[tuple[str, dict[str, float]]]:
    return [(f"{row['day']:%d %b}", {"cost": float(row["cost_usd"])}) for row in spent.to_dict("records")]


def _pairs(frame: pd.DataFrame, name: str) -> list[tuple[str, int]]:
    return [(str(row[name]), int(row["count"])) for row in frame.to_dict("records")]


def _change(compared: Compared, read: object) -> str:
    if compared.change is None or not callable(read):
        return ""
    sign = "−" if compared.change < 0 else "+"
    noise = " (within noise)" if compared.real is False else ""
    return f"{sign}{read(abs(compared.change))}{noise}"


def _rests_on(rate: Rate) -> str:
    if rate.rate is None:
        return "not judged yet"
    low, high = (math.floor(100 * (side or 0) + 0.5) for side in (rate.ci_low, rate.ci_high))
    return f"{low}–{high}%, n {rate.n:,}" + (", provisional" if rate.provisional else "")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{math.floor(100 * value + 0.5)}%"


def _points(value: float) -> str:
    return f"{math.floor(100 * value + 0.5)} points"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _money(value: float | None) -> str:
    return "–" if value is None else f"${value:,.2f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


__all__ = ["Line", "key_lines", "lines_frame", "page"]
