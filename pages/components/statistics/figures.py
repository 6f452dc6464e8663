"""The key figures at the top of the statistics page, as people read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pages.components import looks
from services.stats import Compared, Summary
from services.stats.periods import Period


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """`delta` is the change in words. It is coloured and has an arrow only when it is more than noise; `rise` says
    whether more is better ("normal"), less is ("inverse"), or neither ("off")."""

    label: str
    value: str
    note: str | None
    delta: str | None = None
    rise: Literal["normal", "inverse", "off"] = "off"
    real: bool = False
    help: str | None = None


def key_figures(summary: Summary, period: Period, *, version: str | None) -> list[KeyFigure]:
    """The figures at the top; `version` is the deployed one when a single pattern is shown."""
    fixes, waits = summary.time_to_fix_s.now, summary.wait_s.now
    return [
        _success(summary, version),
        _figure("Executions", summary.executions, lambda v: f"{v:,.0f}", period.before, rise="off"),
        _figure(
            "Median time to fix",
            summary.time_to_fix_s,
            looks.duration,
            f"n {fixes.n:,}",
            rise="inverse",
            help="From a correction to its fix, of fixes that still hold; read from a histogram, off by 4.4% at most.",
        ),
        _figure(
            "Median wait for an agent",
            summary.wait_s,
            looks.duration,
            f"n {waits.n:,}",
            rise="inverse",
            help="From a correction to the first execution that took it.",
        ),
        _figure(
            "Agent cost",
            summary.cost_usd,
            looks.money,
            period.before,
            rise="off",
            help="An exact sum, so it has no interval.",
        ),
        _figure(
            "Cost per fix",
            summary.cost_per_fix_usd,
            looks.money,
            f"n {summary.cost_per_fix_usd.now.n:,} fixed",
            rise="off",
            help="What the agents cost in the period, by the corrections fixed in it.",
        ),
    ]


def waiting_words(summary: Summary, *, most: int = 6) -> str | None:
    """The patterns that are in no rate because what is live of them is not judged yet; None without any."""
    if not summary.waiting:
        return None
    parts = []
    for pattern in summary.waiting[:most]:
        last = pattern.earlier
        known = f" (v{pattern.earlier_version} had {looks.percent(last.rate)}, n {last.n:,})" if last and last.n else ""
        parts.append(f"{pattern.name} v{pattern.version}{known}")
    more = len(summary.waiting) - most
    return f"Not judged yet: {', '.join(parts)}{f' and {more:,} more' if more > 0 else ''}"


def _success(summary: Summary, version: str | None) -> KeyFigure:
    rate, compared = summary.rate, summary.success_rate
    label = f"Success rate now, v{version}" if version else "Success rate now, deployed"
    if rate.rate is None:
        before = compared.before
        note = f"the version before had {looks.percent(before.value)}, n {before.n:,}" if before and before.n else None
        return KeyFigure(label, "Not tested", note)
    provisional = " · provisional" if rate.provisional else ""
    few = f" · {rate.label}" if rate.label else ""
    patterns = "" if version else f" · {looks.count(summary.judged_patterns, 'pattern')}"
    change = None if compared.change is None else round(100 * compared.change)
    points = None if change is None else f"{change:+d} {'pt' if abs(change) == 1 else 'pts'}{_noise(compared)}"
    covered = f" {rate.coverage.words.capitalize()}." if rate.coverage else ""
    return KeyFigure(
        label,
        looks.percent(rate.rate),
        f"{looks.interval(rate.ci_low, rate.ci_high)} · n {rate.n:,}{provisional}{few}{patterns}",
        points,
        "normal",
        compared.real is True,
        "As of today, whatever the period. Of places, each counted once, with its 95% interval on the effective number "
        f"({rate.n_effective:.0f}).{covered}" + (" The change is against the version before." if version else ""),
    )


def _figure(
    label: str,
    compared: Compared,
    read: Callable[[float], str],
    note: str,
    *,
    rise: Literal["normal", "inverse", "off"],
    help: str | None = None,
) -> KeyFigure:
    value = looks.MISSING if compared.now.value is None else read(compared.now.value)
    low, high = compared.now.low, compared.now.high
    if low is not None and high is not None and rise != "off":
        note = f"{read(low)} to {read(high)} · {note}"
    if compared.change is None:
        return KeyFigure(label, value, note, help=help)
    sign = "-" if compared.change < 0 else "+"
    same = read(abs(compared.change)) == read(0)
    delta = "no change" if same else f"{sign}{read(abs(compared.change))}{_noise(compared)}"
    return KeyFigure(label, value, note, delta, rise, compared.real is True, help)


def _noise(compared: Compared) -> str:
    return " (within noise)" if compared.real is False else ""
