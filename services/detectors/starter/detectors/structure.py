"""Market structure, shared by `bos`, `choch` and `order_blocks`.

Break: the first close (with `use_wick`: the first high or low) beyond the last confirmed swing that is still unbroken and
at most `max_age` bars old. Each level breaks once.

Trend and protected level: a break upwards begins an upward trend. The lowest low of the leg that made the break is its
protected level. A later break upwards goes on with the trend (break of structure, BOS) and moves the protected level up to
the low of its own leg. A close below the protected level ends the trend and begins the opposite one (change of character,
CHoCH), whose protected level is the high of the leg that made it; a close below some other, later low changes nothing.
Downwards is the mirror image. With `protected` off, any break against the trend ends it.

The trend at a bar is what follows from the breaks of the last `max_age` bars alone, the first of which only begins it. So
nothing older than two `max_age` matters, whatever came before.

Source: the terms follow the lessons of Michael J. Huddleston (Inner Circle Trader, 2022 mentorship: market structure shift) and
the common indicator "Smart Money Concepts" (LuxAlgo, 2022: BOS, CHoCH, strong and weak levels); the idea of trend by higher
highs and higher lows is Charles Dow's (R. Rhea, The Dow Theory, 1932).
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import Candles, Floats, detection, param
from .swings import ATR_PERIOD, MAX_SIDE, SWING_PARAMS, find_swings

MAX_AGE = 250  # the highest `max_age`
BREAK_PARAMS = [
    *SWING_PARAMS,
    param("max_age", "int", 120, 20, MAX_AGE, 10, "Bars after which a level or a trend is forgotten.", "bars"),
    param("use_wick", "bool", False, help="A wick beyond the level is a break, not only a close."),
]
STRUCTURE_PARAMS = [
    *BREAK_PARAMS,
    param("protected", "bool", True, help="A trend ends only beyond its protected level, not at any swing."),
    param("internal", "bool", False, help="Mark the structure inside of the legs as well, as a kind of its own."),
    param("internal_size", "int", 2, 1, 5, 1, "Bars on both sides of a swing of the internal structure.", "bars"),
]
WARMUP = MAX_SIDE + ATR_PERIOD
MAX_AGE_BARS = 2 * MAX_AGE


@dataclass(frozen=True)
class Break:
    """Bar `index` went beyond the swing at `swing`, whose price is `level`, upwards (+1) or downwards (-1)."""

    index: int
    swing: int
    direction: int
    level: float


@dataclass(frozen=True)
class Event:
    """A break with its meaning: "bos" or "choch". `bar` and `level` are what was broken; `protected` holds from now on."""

    kind: str
    index: int
    direction: int
    bar: int
    level: float
    protected: float


def reaches(candles: Candles, use_wick: bool) -> dict[int, Floats]:
    """What has to go beyond a level, by direction: highs and lows, or closes."""
    return {1: candles["high"], -1: candles["low"]} if use_wick else {1: candles["close"], -1: candles["close"]}


def find_breaks(candles: Candles, params: dict[str, Any]) -> list[Break]:
    """All breaks, ascending by index. A bar that breaks a high and a low at once (wicks) gives both."""
    max_age, right = int(params["max_age"]), int(params["right"])
    levels = {1: candles["high"].tolist(), -1: candles["low"].tolist()}
    reach = {side: values.tolist() for side, values in reaches(candles, bool(params["use_wick"])).items()}
    swings = find_swings(candles, params)
    unbroken: dict[int, list[tuple[int, float]]] = {1: [], -1: []}  # by side, oldest first
    breaks: list[Break] = []
    known = 0
    for j in range(len(candles)):
        for side in (1, -1):
            waiting, price = unbroken[side], reach[side][j]
            while waiting and j - waiting[0][0] > max_age:
                waiting.pop(0)
            beyond = [level for level in waiting if (price - level[1]) * side > 0]
            if not beyond:
                continue
            if beyond[-1] == waiting[-1]:
                breaks.append(Break(j, beyond[-1][0], side, beyond[-1][1]))
            unbroken[side] = [level for level in waiting if level not in beyond]
        while known < len(swings) and swings[known][0] + right <= j:
            i, side = swings[known]
            unbroken[side].append((i, levels[side][i]))
            known += 1
    return breaks


def leg_start(candles: Candles, direction: int, first: int, last: int) -> int:
    """The bar from which the move in `direction` began: the lowest low (highest high) from `first` to `last`."""
    part = candles["low"][first : last + 1] if direction > 0 else -candles["high"][first : last + 1]
    return first + int(np.argmin(part))


def find_events(candles: Candles, params: dict[str, Any]) -> list[Event]:
    """All breaks of structure and changes of character, ascending by index."""
    breaks = find_breaks(candles, params)
    starts = [b for n, b in enumerate(breaks) if n == 0 or breaks[n - 1].index != b.index]
    max_age, events = int(params["max_age"]), []
    walk = _Walk(candles, params, breaks)
    for n, start in enumerate(starts):
        # Bars for which this is the first break of the last `max_age` bars.
        after = starts[n - 1].index + max_age if n else start.index
        events += [e for e in walk.run(start, start.index + max_age) if e.index > after]
    return events


class _Walk:
    """Follows the structure from one break on."""

    def __init__(self, candles: Candles, params: dict[str, Any], breaks: list[Break]) -> None:
        self.candles, self.only_protected = candles, bool(params["protected"])
        self.reach = reaches(candles, bool(params["use_wick"]))
        self.sides = {side: [b for b in breaks if b.direction == side] for side in (1, -1)}
        self.indexes = {side: [b.index for b in its] for side, its in self.sides.items()}

    def run(self, start: Break, last: int) -> list[Event]:
        """The events after `start` up to bar `last`; `start` only begins the trend."""
        events: list[Event] = []
        trend, now = start.direction, start.index
        bar = leg_start(self.candles, trend, start.swing, now)
        while True:
            going, ending = self._next(trend, now), self._end(trend, now, bar, last)
            at = min(going.index if going else last + 1, ending.index if ending else last + 1)
            if at > last:
                return events
            if ending is not None and ending.index == at:
                trend = -trend
                bar = leg_start(self.candles, trend, ending.swing, at)
                events.append(self._event("choch", ending, bar))
            else:
                assert going is not None
                bar = leg_start(self.candles, trend, max(going.swing, bar), at)
                events.append(self._event("bos", going, bar))
            now = at

    def _next(self, side: int, now: int) -> Break | None:
        """The first break to that side after bar `now`."""
        n = bisect_right(self.indexes[side], now)
        return self.sides[side][n] if n < len(self.sides[side]) else None

    def _end(self, trend: int, now: int, bar: int, last: int) -> Break | None:
        """What ends the trend: the first bar after `now` beyond its protected level, at bar `bar`."""
        if not self.only_protected:
            return self._next(-trend, now)
        level = float(self.candles["low" if trend > 0 else "high"][bar])
        beyond = np.flatnonzero((self.reach[-trend][now + 1 : last + 1] - level) * trend < 0)
        return Break(now + 1 + int(beyond[0]), bar, -trend, level) if len(beyond) else None

    def _event(self, kind: str, what: Break, bar: int) -> Event:
        price = float(self.candles["low" if what.direction > 0 else "high"][bar])
        return Event(kind, what.index, what.direction, what.swing, what.level, price)


def internal_params(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of the structure inside of the legs: small swings, each of them."""
    size = int(params["internal_size"])
    return params | {"left": size, "right": size, "prominence": 0.0}


def detect_events(kind: str, candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one kind as detections; those of the internal structure alone as `<kind>_internal`."""
    swing = [e for e in find_events(candles, params) if e.kind == kind]
    out = [as_detection(kind, e) for e in swing]
    if params["internal"]:
        known = {(e.index, e.direction) for e in swing}
        inner = [e for e in find_events(candles, internal_params(params)) if e.kind == kind]
        out += [as_detection(f"{kind}_internal", e) for e in inner if (e.index, e.direction) not in known]
    return out


def as_detection(kind: str, event: Event) -> dict[str, Any]:
    """Anchored and confirmed at the breaking bar, from the broken level's bar, at its price."""
    return detection(
        kind,
        event.direction,
        event.index,
        event.index,
        start=event.bar,
        end=event.index,
        price=event.level,
        refs=[event.bar],
        meta={"bars_since_level": event.index - event.bar, "protected": event.protected},
    )
