"""How a success rate reads, everywhere: its value, its 95 % interval, its n, and whether that is enough. No streamlit.

Rates of places that a prompt or a search has had ("seen") and of others ("unseen") stand beside each other, never mixed.
"""

from __future__ import annotations

from pages.components import looks
from services.labels import KeptRates
from services.places import ApprovalPolicy, Rate

NOT_JUDGED = "not judged yet"


def enough(rate: Rate, least: int) -> bool:
    """Whether a rate rests on as many judged places as the workspace asks for."""
    return rate.n >= least


def shortage(rate: Rate, least: int) -> str:
    """What is missing, "" when nothing is: "not enough judged, 12 of 30"."""
    return "" if rate.n == 0 or enough(rate, least) else f"not enough judged, {rate.n:,} of {least:,}"


def evidence(rate: Rate, least: int) -> str:
    """All but the value: "62–94% · n 24 · few windows"."""
    if rate.rate is None:
        return NOT_JUDGED
    parts = [looks.interval(rate.ci_low, rate.ci_high), f"n {rate.n:,}", shortage(rate, least), rate.label]
    return " · ".join(part for part in parts if part)


def line(rate: Rate, least: int) -> str:
    """The whole in a line: "83% · 62–94% · n 24"."""
    return NOT_JUDGED if rate.rate is None else f"{looks.percent(rate.rate)} · {evidence(rate, least)}"


def unseen(rates: KeptRates, policy: ApprovalPolicy) -> str:
    """The rate on places that no prompt and no search has had."""
    return line(rates.unseen, policy.unseen)


def seen(rates: KeptRates, policy: ApprovalPolicy) -> str:
    return line(rates.seen, policy.judged)


def before(rates: KeptRates) -> str:
    """What the version before had, while the deployed one is not judged: "v0.1.0 had 83%"; "" else."""
    if rates.all.n or rates.before is None or rates.before.rate is None:
        return ""
    version = f"v{rates.before_version}" if rates.before_version else "the version before"
    return f"{version} had {looks.percent(rates.before.rate)}"


def notes(rate: Rate) -> str:
    """What else a rate rests on: on how many windows, and marks that nobody judged."""
    parts = [rate.coverage.words] if rate.coverage is not None else []
    parts += [looks.count(rate.unjudged, "mark") + " unjudged"] if rate.unjudged else []
    return ", ".join(parts)
