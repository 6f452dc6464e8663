"""The one matcher: which detection is which place, one to one, the nearest first. Pure values, no I/O.

Score, retest, replay, tuner and review all ask it, so an event can't be a hit for one of them and a miss for another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from services.detectors.types import Detection, Matcher
from services.places.values import Place, Spot

RELATIVE_SLACK = 1e-3  # of a level, where the average true range is not known


class Found(Protocol):
    """What has a kind, a direction and a spot: a detection on its series."""

    @property
    def kind(self) -> str: ...
    @property
    def direction(self) -> int: ...
    @property
    def spot(self) -> Spot: ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A detection on its series. `key` tells it from the others of its window."""

    key: str
    kind: str
    direction: int
    spot: Spot


class Pair(NamedTuple):
    """A place and a mark that may be the same event; sorts by nearness, and on a tie a present place comes first."""

    cost: float
    second: bool
    place: int
    mark: int


def mark_of(detection: Detection, *, offset: int = 0) -> Mark:
    """A detection as a mark; `offset` turns dataset indexes into bars of the series.

    Only an event that refers to another one (a break to the swing it broke) has a level; the price of a swing is where
    its own bar is, and is told by the bar.
    """
    zone = detection.price_low is not None and detection.price_high is not None
    return Mark(
        detection.key,
        detection.kind,
        detection.direction,
        Spot(
            detection.anchor_index + offset,
            detection.anchor_time,
            detection.price_low if zone else None,
            detection.price_high if zone else None,
            detection.price if detection.refs and not zone else None,
            None,
            detection.confirmed_index + offset,
        ),
    )


def overlap(low_a: float, high_a: float, low_b: float, high_b: float) -> float:
    """Intersection over union (0 to 1) of two price ranges; two equal single prices overlap fully."""
    low_a, high_a, low_b, high_b = *sorted((low_a, high_a)), *sorted((low_b, high_b))
    union = max(high_a, high_b) - min(low_a, low_b)
    if union <= 0:
        return 1.0
    return max(0.0, min(high_a, high_b) - max(low_a, low_b)) / union


def distance(place: Spot, other: Spot, matcher: Matcher, *, tolerance_bars: int | None = None) -> float | None:
    """How far a spot is from a place, in bars plus half of the zones' mismatch; None when it is another event.

    A place with a zone needs one that overlaps it by the matcher's IoU; a place with a broken level needs the same
    level within its slack. A missing level (a person clicked a candle) fits every level.
    """
    bars = abs(place.bar - other.bar)
    if bars > (matcher.tolerance_bars if tolerance_bars is None else tolerance_bars):
        return None
    if place.level is not None and other.level is not None:
        slack = place.slack if place.slack is not None else other.slack
        if abs(place.level - other.level) > (abs(place.level) * RELATIVE_SLACK if slack is None else slack):
            return None
    if place.low is None or place.high is None:
        return float(bars)
    if other.low is None or other.high is None:
        return None
    iou = overlap(place.low, place.high, other.low, other.high)
    return bars + (1 - iou) / 2 if iou >= matcher.min_iou else None


def match(places: Sequence[Place], marks: Sequence[Mark], matcher: Matcher) -> dict[int, int]:
    """One-to-one: index of a place → index of the mark that is it. All of one series.

    The nearest pair is taken first, whatever the place's status: a mark one bar from a forbidden place and on a wanted
    one is the wanted one. The order of the arguments never changes the outcome.
    """
    rows: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    order = sorted(range(len(marks)), key=lambda m: _mark_order(marks[m]))
    for rank, m in enumerate(order):
        rows[marks[m].kind, marks[m].direction].append((marks[m].spot.bar, rank))
    for its in rows.values():
        its.sort()
    numbered = sorted(range(len(places)), key=lambda p: _place_order(places[p]))
    pairs: list[Pair] = []
    for rank, p in enumerate(numbered):
        place = places[p]
        its = rows.get((place.kind, place.direction), [])
        reach = matcher.tolerance_bars if place.tolerance_bars is None else place.tolerance_bars
        bar = place.spot.bar
        for _, m in its[bisect_left(its, (bar - reach, -1)) : bisect_right(its, (bar + reach, len(marks)))]:
            cost = distance(place.spot, marks[order[m]].spot, matcher, tolerance_bars=reach)
            if cost is not None:
                pairs.append(Pair(cost, place.status != "present", rank, m))
    return {numbered[p]: order[m] for p, m in take_nearest(pairs)}


def take_nearest(pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """One-to-one (place, mark) of the pairs, the nearest first."""
    taken_places: set[int] = set()
    taken_marks: set[int] = set()
    chosen = []
    for pair in sorted(pairs):
        if pair.place not in taken_places and pair.mark not in taken_marks:
            taken_places.add(pair.place)
            taken_marks.add(pair.mark)
            chosen.append((pair.place, pair.mark))
    return chosen


def _mark_order(mark: Mark) -> tuple[int, str, int, float, float, float, str]:
    low, high, level = (-1.0 if v is None else v for v in (mark.spot.low, mark.spot.high, mark.spot.level))
    return mark.spot.bar, mark.kind, mark.direction, low, high, level, mark.key


def _place_order(place: Place) -> tuple[int, str]:
    return place.spot.bar, place.id
