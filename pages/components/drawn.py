"""Small drawings that Streamlit has no widget for: intervals, rates, facts, lifecycle, phases. All text is plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from pages.components import looks
from pages.components.assets import asset
from pages.components.timeline.component import LOOKS
from services.rules import is_provisional

_DRAWN = st.components.v2.component(
    "patterndesk_drawn",
    html='<div class="root"></div>',
    css=asset("shared.css", "phases.css", "drawn.css"),
    js=asset("shared.js", "spark.js", "timeline_text.js", "timeline_rows.js", "timeline_execution.js", "drawn.js"),
)
Rate = float | None


def interval_bar(rate: float, low: float, high: float, *, key: str) -> None:
    """A rate and its interval on a line from 0 to 1."""
    _DRAWN(data={"kind": "interval", "rate": rate, "low": low, "high": high}, key=key)


def facts(rows: Sequence[tuple[str, str]], *, key: str) -> None:
    """Names at the left, values at the right."""
    _DRAWN(data={"kind": "facts", "rows": [[str(name), str(value)] for name, value in rows]}, key=key)


def tallies(counts: Mapping[str, int], *, key: str) -> None:
    """How many marks got each verdict, in the order given: {"confirmed": 68, "false_positive": 19}."""
    _DRAWN(data={"kind": "tallies", "items": tally_items(counts)}, key=key)


def checks(items: Sequence[tuple[bool, str]], *, key: str) -> None:
    """Guards as a line of ticks and crosses."""
    states = {True: ("green", "check"), False: ("red", "close")}
    shown = [{"color": states[ok][0], "symbol": states[ok][1], "text": text} for ok, text in items]
    _DRAWN(data={"kind": "checks", "items": shown}, key=key)


def rate_card(
    label: str,
    rate: Rate,
    low: Rate,
    high: Rate,
    n: int,
    *,
    key: str,
    trend: Sequence[float] = (),
    counts: Mapping[str, int] | None = None,
) -> None:
    """A success rate with its interval, its n, its trend and the tallies behind it."""
    data = {"kind": "rate", "label": label, "values": list(trend), "items": tally_items(counts or {})}
    _DRAWN(data=data | rate_texts(rate, low, high, n), key=key)


def rate_table(rows: Sequence[tuple[str, Rate, Rate, Rate, int]], *, key: str, name: str = "Version") -> None:
    """Rows of (name, rate, low, high, n) with the interval drawn; the newest first as given."""
    shown = [{"name": title} | rate_texts(rate, low, high, n, short=True) for title, rate, low, high, n in rows]
    _DRAWN(data={"kind": "rates", "head": [name, "Interval 0–100%", "Rate", "95%", "n"], "rows": shown}, key=key)


def lifecycle(status: str, dates: Mapping[str, datetime | None], *, key: str) -> None:
    """The five statuses as steps; `dates` says when each was reached."""
    _DRAWN(data={"kind": "lifecycle", "stops": lifecycle_stops(status, dates)}, key=key)


def phase_bar(execution: Mapping[str, Any], *, key: str) -> None:
    """Five segments as on the timeline's card: status, phase, progress and phases of the entry's `execution`."""
    _DRAWN(data={"kind": "phases", "run": dict(execution), "looks": LOOKS}, key=key)


def tally_items(counts: Mapping[str, int]) -> list[dict[str, str]]:
    """Verdict counts as icon and text: {"confirmed": 68} → "68 right"."""
    found = [(looks.look(looks.VERDICTS, verdict), n) for verdict, n in counts.items()]
    return [{"color": it.color, "symbol": it.symbol, "text": f"{n:,} {it.label.lower()}"} for it, n in found]


def rate_texts(rate: Rate, low: Rate, high: Rate, n: int, *, short: bool = False) -> dict[str, Any]:
    """The numbers to draw and the words beside them; provisional when n is small."""
    provisional = " · provisional" if n and is_provisional(n) and not short else ""
    return {
        "rate": rate,
        "low": low,
        "high": high,
        "rate_text": looks.percent(rate),
        "interval_text": "not tested yet" if rate is None and not short else looks.interval(low, high),
        "n_text": f"{n:,}" if short else (f"n {n:,}{provisional}" if n else ""),
    }


def lifecycle_stops(status: str, dates: Mapping[str, datetime | None]) -> list[dict[str, str]]:
    """Each status as passed, here or ahead, with its symbol and the day it was reached."""
    order = list(looks.STATUSES)
    here = order.index(status)
    stops = []
    for place, (name, look) in enumerate(looks.STATUSES.items()):
        state = "passed" if place < here else "here" if place == here else "ahead"
        symbol = {"passed": "check_circle", "here": look.symbol}.get(state, "radio_button_unchecked")
        color = {"passed": "green", "here": look.color}.get(state, "gray")
        reached = dates.get(name) if state != "ahead" else None
        date = looks.day(reached) if reached else ""
        stops.append({"state": state, "symbol": symbol, "color": color, "label": look.label, "date": date})
    return stops
