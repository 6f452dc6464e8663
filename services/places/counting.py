"""What a version's marks make of the places: found, missed, false, unjudged. Pure values, no I/O.

TP: a present place that is found. FN: a present place that is not, also one that an older version had (gone) and
nobody has settled. FP: a mark on an absent place and, in bars that were fully checked, a mark on no place. A mark on
no place elsewhere is unjudged. Disputed and unsure places take their mark out of all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from services.detectors.types import Matcher
from services.places.matching import Mark, match
from services.places.values import Place, Stretch

Block = tuple[str, int]  # series, number of the block of time


class Counts(NamedTuple):
    """True positives, false positives, false negatives, and marks that nobody judged."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    unjudged: int = 0

    @property
    def n(self) -> int:
        return self.tp + self.fp + self.fn

    @property
    def rate(self) -> float | None:
        return self.tp / self.n if self.n else None

    @property
    def precision(self) -> float | None:
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one judged place: right when a present one is found, or an absent one is not marked."""

    place: Place
    mark: Mark | None

    @property
    def right(self) -> bool:
        return (self.place.status == "present") == (self.mark is not None)


@dataclass(frozen=True, slots=True)
class Fit:
    """One version against the places of some bars. `false` are marks on no place in fully checked bars."""

    fates: tuple[Fate, ...]
    false: tuple[tuple[str, Mark], ...]
    unjudged: tuple[tuple[str, Mark], ...]
    unsettled: tuple[tuple[Place, Mark | None], ...]  # disputed and unsure places

    @property
    def counts(self) -> Counts:
        tp = sum(f.place.status == "present" and f.right for f in self.fates)
        fn = sum(f.place.status == "present" and not f.right for f in self.fates)
        fp = sum(f.place.status == "absent" and not f.right for f in self.fates) + len(self.false)
        return Counts(tp, fp, fn, len(self.unjudged))

    @property
    def by_id(self) -> Mapping[str, Fate]:
        return {f.place.id: f for f in self.fates}


@dataclass(frozen=True, slots=True)
class Run:
    """What a detector said over one stretch of a series."""

    stretch: Stretch
    marks: tuple[Mark, ...] = field(default=())


def fit(places: Iterable[Place], runs: Sequence[Run], checked: Sequence[Stretch], matcher: Matcher) -> Fit:
    """Matches the marks of some runs with the places inside their bars, once each, however the stretches overlap.

    `checked` are the bars that a person declared fully checked.
    """
    marks: dict[str, dict[str, Mark]] = {}
    for run in runs:
        its = marks.setdefault(run.stretch.series, {})
        its.update((m.key, m) for m in run.marks if run.stretch.first <= m.spot.bar <= run.stretch.last)
    inside: dict[str, list[Place]] = {series: [] for series in marks}
    for place in places:
        if any(r.stretch.holds(place.series, place.spot.bar) for r in runs):
            inside[place.series].append(place)
    fates: list[Fate] = []
    false: list[tuple[str, Mark]] = []
    loose: list[tuple[str, Mark]] = []
    unsettled: list[tuple[Place, Mark | None]] = []
    for series in sorted(marks):
        its_marks = [marks[series][key] for key in sorted(marks[series])]
        found = match(inside[series], its_marks, matcher)
        for p, place in enumerate(inside[series]):
            mark = its_marks[found[p]] if p in found else None
            if place.judged:
                fates.append(Fate(place, mark))
            else:
                unsettled.append((place, mark))
        taken = set(found.values())
        for m, one in enumerate(its_marks):
            if m not in taken:
                side = false if any(c.holds(series, one.spot.bar) for c in checked) else loose
                side.append((series, one))
    fates.sort(key=lambda f: (f.place.series, f.place.spot.bar, f.place.id))
    return Fit(tuple(fates), tuple(false), tuple(loose), tuple(unsettled))


def moves(places: Iterable[Place]) -> dict[str, str]:
    """By place id, the smallest id among the places that moves link together: what counts as one in an interval."""
    parent: dict[str, str] = {}
    known = {p.id: p for p in places}

    def root(one: str) -> str:
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for place in known.values():
        for other in place.moved:
            if other in known:
                a, b = sorted((root(place.id), root(other)))
                parent[b] = a
    return {one: root(one) for one in known}
