"""All that is known of one workspace's places at one time: what a version is counted against. Pure values, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from services.detectors.types import Detection, Matcher
from services.places.blocks import Split
from services.places.counting import Counts, Fit, Run, fit
from services.places.deriving import label_set_hash
from services.places.matching import mark_of
from services.places.rates import Coverage, Rate, Unit, pooled, units
from services.places.values import Place, Stretch


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A judged stretch of a dataset, dataset indexes inclusive; `offset` makes them bars of the series."""

    dataset_id: str
    start: int
    end: int
    series: str
    offset: int = 0

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.series, self.start + self.offset, self.end + self.offset)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The places of a workspace, the windows they were judged in, and what may be done with each.

    `checked` are the bars that somebody declared fully checked. `seconds` is the length of a bar by series, `splits`
    the split by place id, `seen` the ids that a prompt or a search has had, `pinned` those no replay may break. `bars`
    are the windows' bars by split, None where that can't be told. `counted` are the bars that count, None for all: a
    mark in others is neither false nor unjudged.
    """

    places: tuple[Place, ...]
    windows: tuple[Window, ...]
    checked: tuple[Stretch, ...] = ()
    seconds: Mapping[str, int] | None = None
    splits: Mapping[str, Split] | None = None
    seen: frozenset[str] = frozenset()
    pinned: frozenset[str] = frozenset()
    bars: Mapping[Split, tuple[Stretch, ...]] | None = None
    counted: tuple[Stretch, ...] | None = None
    matcher: Matcher = field(default_factory=Matcher)

    @property
    def hash(self) -> str:
        return label_set_hash(self.places)

    @property
    def judged(self) -> int:
        """How many places are judged present or absent."""
        return sum(p.judged for p in self.places)

    def split(self, place_id: str) -> Split:
        return (self.splits or {}).get(place_id, "tune")

    @property
    def unseen(self) -> frozenset[str]:
        """Places that no prompt and no search has had, outside the embargo."""
        return frozenset(p.id for p in self.places if p.id not in self.seen and self.split(p.id) != "embargo")

    def only(self, split: Split) -> LabelSet:
        """The part of one split, in its bars alone: what an agent may know of when that is `tune`.

        Nothing of the other splits is left in it, neither ids nor bars.
        """
        its = tuple(p for p in self.places if self.split(p.id) == split)
        ids = {p.id for p in its}
        bars = (self.bars or {}).get(split)
        windows = self.windows if bars is None else tuple(w for w in self.windows if _meets(w.stretch, bars))
        return replace(
            self,
            places=its,
            windows=windows,
            counted=bars,
            splits=dict.fromkeys(sorted(ids), split),
            seen=self.seen & ids,
            pinned=self.pinned & ids,
            bars=None if bars is None else {split: bars},
        )

    def within(self, windows: Iterable[Window]) -> LabelSet:
        """The part inside some windows."""
        kept = tuple(sorted(set(windows)))
        its = tuple(p for p in self.places if any(w.stretch.holds(p.series, p.spot.bar) for w in kept))
        return replace(self, places=its, windows=kept)

    def runs(self, detections: Mapping[Window, Sequence[Detection]]) -> list[Run]:
        """The marks of a version by the stretches that count, from its detections by window."""
        made = []
        for window in sorted(detections):
            marks = tuple(mark_of(d, offset=window.offset) for d in detections[window])
            for stretch in [window.stretch] if self.counted is None else _cut(window.stretch, self.counted):
                made.append(Run(stretch, marks))
        return made

    def fit(self, detections: Mapping[Window, Sequence[Detection]]) -> Fit:
        """One version's detections against the places."""
        return fit(self.places, self.runs(detections), self.checked, self.matcher)

    def rate(self, fitted: Fit, *, only: Collection[str] | None = None, coverage: Coverage | None = None) -> Rate:
        """The success rate of a fit, of all places or of those with the ids in `only` (then without loose marks)."""
        if only is not None:
            wanted = set(only)
            fitted = Fit(tuple(f for f in fitted.fates if f.place.id in wanted), (), (), ())
        return pooled(self._parts(fitted), coverage)

    def _parts(self, fitted: Fit) -> list[tuple[list[Unit], Counts]]:
        series = {f.place.series for f in fitted.fates} | {s for s, _ in (*fitted.false, *fitted.unjudged)}
        parts = []
        for one in sorted(series):
            its = Fit(
                tuple(f for f in fitted.fates if f.place.series == one),
                tuple(m for m in fitted.false if m[0] == one),
                tuple(m for m in fitted.unjudged if m[0] == one),
                (),
            )
            parts.append((units(its, seconds=(self.seconds or {}).get(one, 0)), its.counts))
        return parts


def _meets(stretch: Stretch, others: Iterable[Stretch]) -> bool:
    return bool(_cut(stretch, others))


def _cut(stretch: Stretch, others: Iterable[Stretch]) -> list[Stretch]:
    """What a stretch has in common with others."""
    return [
        Stretch(stretch.series, max(stretch.first, o.first), min(stretch.last, o.last))
        for o in others
        if o.series == stretch.series and max(stretch.first, o.first) <= min(stretch.last, o.last)
    ]
