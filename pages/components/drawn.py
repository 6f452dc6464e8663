"""Small drawings that Streamlit has no widget for: rates with intervals, facts, lifecycle. All text is plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TypedDict

from pages.components import looks
from pages.components.assets import Component, asset, component
from services.rules import PROVISIONAL_BELOW

Rate = float | None


class FactsData(TypedDict):
    kind: Literal["facts"]
    rows: list[tuple[str, str]]


class ItemData(TypedDict):
    """A symbol and a text in a colour of the palette."""

    color: str
    symbol: str
    text: str


class ChecksData(TypedDict):
    kind: Literal["checks"]
    items: list[ItemData]


class RateTexts(TypedDict):
    """A rate from 0 to 1 with its interval, and the words beside it."""

    rate: Rate
    low: Rate
    high: Rate
    rate_text: str
    interval_text: str
    n_text: str


class RateData(RateTexts):
    kind: Literal["rate"]
    label: str
    values: list[float]
    items: list[ItemData]


class RateRow(RateTexts):
    name: str


class RatesData(TypedDict):
    kind: Literal["rates"]
    head: list[str]
    rows: list[RateRow]


class StopData(TypedDict):
    state: Literal["passed", "here", "ahead"]
    symbol: str
    color: str
    label: str
    date: str


class LifecycleData(TypedDict):
    kind: Literal["lifecycle"]
    stops: list[StopData]


DrawnData = FactsData | ChecksData | RateData | RatesData | LifecycleData
_DRAWN: Component[DrawnData] = component(
    "drawn", DrawnData, css=asset("shared.css", "drawn.css"), js=asset("shared.js", "spark.js", "drawn.js")
)


def facts(rows: Sequence[tuple[str, str]], *, key: str) -> None:
    """Names at the left, values at the right."""
    _DRAWN({"kind": "facts", "rows": [(str(name), str(value)) for name, value in rows]}, key=key)


def checks(items: Sequence[tuple[bool, str]], *, key: str) -> None:
    """Guards as a line of ticks and crosses."""
    states = {True: ("green", "check"), False: ("red", "close")}
    shown: list[ItemData] = [{"color": states[ok][0], "symbol": states[ok][1], "text": text} for ok, text in items]
    _DRAWN({"kind": "checks", "items": shown}, key=key)


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
    least: int = PROVISIONAL_BELOW,
) -> None:
    """A success rate with its interval, its n, its trend and the tallies behind it. Under `least` it says so."""
    data: RateData = {
        "kind": "rate",
        "label": label,
        "values": list(trend),
        "items": tally_items(counts or {}),
        **rate_texts(rate, low, high, n, least=least),
    }
    _DRAWN(data, key=key)


def rate_table(rows: Sequence[tuple[str, Rate, Rate, Rate, int]], *, key: str, name: str = "Version") -> None:
    """Rows of (name, rate, low, high, n) with the interval drawn; the newest first as given."""
    shown: list[RateRow] = [
        {"name": title, **rate_texts(rate, low, high, n, short=True)} for title, rate, low, high, n in rows
    ]
    _DRAWN({"kind": "rates", "head": [name, "Interval 0–100%", "Rate", "95%", "n"], "rows": shown}, key=key)


def lifecycle(status: str, dates: Mapping[str, datetime | None], *, key: str) -> None:
    """The five statuses as steps; `dates` says when each was reached."""
    _DRAWN({"kind": "lifecycle", "stops": lifecycle_stops(status, dates)}, key=key)


def tally_items(counts: Mapping[str, int]) -> list[ItemData]:
    """Verdict counts as icon and text: {"confirmed": 68} → "68 right"."""
    found = [(looks.look(looks.VERDICTS, verdict), n) for verdict, n in counts.items()]
    return [{"color": it.color, "symbol": it.symbol, "text": f"{n:,} {it.label.lower()}"} for it, n in found]


def rate_texts(
    rate: Rate, low: Rate, high: Rate, n: int, *, short: bool = False, least: int = PROVISIONAL_BELOW
) -> RateTexts:
    """The numbers to draw and the words beside them; they say when `least` judged places are not reached."""
    missing = f" · not enough judged, {n:,} of {least:,}" if n < least else ""
    return {
        "rate": rate,
        "low": low,
        "high": high,
        "rate_text": looks.percent(rate),
        "interval_text": "not judged yet" if rate is None and not short else looks.interval(low, high),
        "n_text": f"{n:,}" if short else (f"n {n:,}{missing}" if n else ""),
    }


def lifecycle_stops(status: str, dates: Mapping[str, datetime | None]) -> list[StopData]:
    """Each status as passed, here or ahead, with its symbol and the day it was reached."""
    order = list(looks.STATUSES)
    here = order.index(status)
    stops: list[StopData] = []
    for place, (name, look) in enumerate(looks.STATUSES.items()):
        state: Literal["passed", "here", "ahead"] = "passed" if place < here else "here" if place == here else "ahead"
        symbol = {"passed": "check_circle", "here": look.symbol}.get(state, "radio_button_unchecked")
        color = {"passed": "green", "here": look.color}.get(state, "gray")
        reached = dates.get(name) if state != "ahead" else None
        date = looks.day(reached) if reached else ""
        stops.append({"state": state, "symbol": symbol, "color": color, "label": look.label, "date": date})
    return stops
