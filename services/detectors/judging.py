"""Whether judged places hold for the detections of one version: the rules behind replay. Pure values, no I/O.

A case makes up to two demands. *Wanted*: a mark must be there (confirmed, false negative, adjustment at its expected
place). *Unwanted*: the mark must be gone (false positive, adjustment at its original place). Demands for the same
kind, direction and bar are one place, however many sessions judged it, and within a window a detection serves one
place at most. A detection goes to the nearer side: it can serve a wanted place only if no unwanted place is nearer.
An adjustment by no more than the tolerance would pass by the old mark alone, so it needs the exact bar.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from services.detectors.scoring import Candidate, Place, assign, candidates, closeness, overlap
from services.detectors.types import Case, Detection, Matcher

NEAR_BARS = 10  # a mark this near to a missing one is worth telling as "off by n"

PlaceKey = tuple[str, int, int]  # kind, direction, dataset index
DetectionId = tuple[str, str]  # dataset id, detection key


class Window(NamedTuple):
    """A stretch of a dataset, both indexes inclusive."""

    dataset_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Seen:
    """How a case fared. `found` is None when it expects no mark, `false_mark` None when it forbids none.

    `word` says it shortly: exact, off by 2, zone differs, absent, found, at the old place, also at the old place.
    """

    passed: bool
    word: str
    found: bool | None
    false_mark: bool | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All cases against one version. `unmatched` holds, by window, detections inside it that touch no case."""

    seen: Mapping[str, Seen]
    unmatched: Mapping[Window, frozenset[DetectionId]]


def window_of(case: Case) -> Window:
    return Window(case.dataset_id, case.window_start, case.window_end)


def wanted(case: Case) -> Place | None:
    """Where the case expects a mark, or None for a false positive. Raises ValueError for a case without a bar."""
    if case.verdict == "false_positive":
        return None
    index, low, high = case.expected_index, case.expected_low, case.expected_high
    if case.verdict == "confirmed":
        index = case.original_index if index is None else index
        if low is None or high is None:
            low, high = case.original_low, case.original_high
    elif case.verdict not in ("false_negative", "adjustment"):
        raise ValueError(f"case {case.id}: {case.verdict!r} is no verdict that can be replayed")
    if index is None:
        raise ValueError(f"case {case.id}: a {case.verdict} needs the bar where the mark belongs")
    return Place(case.kind, case.direction, index, low, high, case.tolerance_bars)


def unwanted(case: Case) -> Place | None:
    """Where the case wants no mark, or None. Raises ValueError for a case without a bar."""
    if case.verdict not in ("false_positive", "adjustment"):
        return None
    if case.original_index is None:
        raise ValueError(f"case {case.id}: a {case.verdict} needs the bar where the detector put its mark")
    low, high = case.original_low, case.original_high
    return Place(case.kind, case.direction, case.original_index, low, high, case.tolerance_bars)


def disputed_cases(cases: Iterable[Case], matcher: Matcher) -> frozenset[str]:
    """Ids of cases that contradict one another, so that no detector could satisfy both.

    One wants a mark exactly where the other forbids it, or two move the same mark to different bars.
    """
    by_bar: dict[tuple[str, PlaceKey], tuple[list[Case], list[Case]]] = defaultdict(lambda: ([], []))
    for case in cases:
        for side, place in enumerate((wanted(case), unwanted(case))):
            if place is not None:
                by_bar[case.dataset_id, _key(place)][side].append(case)
    disputed: set[str] = set()
    for wants, forbids in by_bar.values():
        for b in forbids:
            for a in (*wants, *forbids):
                if a.id != b.id and _contradict(a, b, matcher):
                    disputed |= {a.id, b.id}
    return frozenset(disputed)


def judge(
    cases: Collection[Case], detections_by_window: Mapping[Window, Sequence[Detection]], matcher: Matcher
) -> Judgement:
    """Judge every case against the detections of its own window; disputed cases are left out of `seen`.

    Raises ValueError when a case's window was not run.
    """
    disputed = disputed_cases(cases, matcher)
    by_window: dict[Window, list[Case]] = {window: [] for window in detections_by_window}
    for case in sorted(cases, key=lambda c: c.id):
        if window_of(case) not in by_window:
            raise ValueError(f"case {case.id}: its window {window_of(case)} was not run")
        by_window[window_of(case)].append(case)
    seen: dict[str, Seen] = {}
    loose: dict[Window, set[DetectionId]] = {}
    touched: set[DetectionId] = set()
    for window, its_cases in by_window.items():
        detections = sorted(detections_by_window[window], key=_place_of)  # so that ties never depend on their order
        clear = [c for c in its_cases if c.id not in disputed]
        its_seen, held = _judge_window(clear, detections, matcher)
        seen |= its_seen
        held |= _near_any([c for c in its_cases if c.id in disputed], detections, matcher)
        inside = {d for d, one in enumerate(detections) if window.start <= one.anchor_index <= window.end}
        touched |= {(window.dataset_id, detections[d].key) for d in held}
        loose[window] = {(window.dataset_id, detections[d].key) for d in inside - held}
    # What one window's reviewer judged is judged, also where another window overlaps it.
    return Judgement(seen, {window: frozenset(ids - touched) for window, ids in loose.items()})


def _judge_window(
    cases: Sequence[Case], detections: Sequence[Detection], matcher: Matcher
) -> tuple[dict[str, Seen], set[int]]:
    want_rows, want_places = _places([(c, p) for c in cases if (p := wanted(c))], matcher)
    ban_rows, ban_places = _places([(c, p) for c in cases if (p := unwanted(c))], matcher)
    want_pairs = candidates(detections, want_places, matcher)
    ban_pairs = candidates(detections, ban_places, matcher)
    found = dict(assign(_nearer_side(want_pairs, ban_pairs)))
    taken = set(found.values())
    still = dict(assign([pair for pair in ban_pairs if pair.detection not in taken]))
    taken |= set(still.values())
    free = [one for d, one in enumerate(detections) if d not in taken]
    seen = {}
    for case in cases:
        hit = detections[found[row]] if (row := want_rows.get(case.id, -1)) in found else None
        left = detections[still[row]] if (row := ban_rows.get(case.id, -1)) in still else None
        seen[case.id] = _see(case, hit, left, free, matcher)
    return seen, taken


def _see(case: Case, hit: Detection | None, left: Detection | None, free: list[Detection], matcher: Matcher) -> Seen:
    """Judge one case from the detection at its wanted place, the one at its unwanted place and the unclaimed ones."""
    want, ban = wanted(case), unwanted(case)
    false_mark = None if ban is None else left is not None and closeness(left, ban, matcher) is not None
    if want is None:
        return Seen(not false_mark, "found" if false_mark else "absent", None, false_mark)
    found = hit is not None and closeness(hit, want, matcher) is not None
    if hit is not None and ban is not None and _is_small_shift(want, ban, matcher):
        found = found and hit.anchor_index == want.index
    if found and hit is not None:
        word = "also at the old place" if false_mark else _distance_word(hit, want, matcher)
    elif false_mark:
        word = "at the old place"
    else:
        near = [d for d in ([hit] if hit else free) if (d.kind, d.direction) == (want.kind, want.direction)]
        nearest = min(near, key=lambda d: abs(d.anchor_index - want.index), default=None)
        word = _distance_word(nearest, want, matcher)
    return Seen(found and not false_mark, word, found, false_mark)


def _distance_word(detection: Detection | None, place: Place, matcher: Matcher) -> str:
    bars = NEAR_BARS + 1 if detection is None else abs(detection.anchor_index - place.index)
    if detection is None or bars > NEAR_BARS:
        return "absent"
    if closeness(detection, replace(place, tolerance_bars=NEAR_BARS), matcher) is None:
        return "zone differs"
    return f"off by {bars}" if bars else "exact"


def _places(demands: Sequence[tuple[Case, Place]], matcher: Matcher) -> tuple[dict[str, int], list[Place]]:
    """One place per bar, and the place's number by case id: the mean zone, the widest tolerance of its demands.

    Each case is checked against its own zone and tolerance afterwards.
    """
    groups: dict[PlaceKey, list[Place]] = defaultdict(list)
    for _, place in demands:
        groups[_key(place)].append(place)
    number = {key: i for i, key in enumerate(sorted(groups))}
    places = []
    for key in sorted(groups):
        zones = sorted({(p.low, p.high) for p in groups[key] if p.low is not None and p.high is not None})
        low, high = (sum(side) / len(zones) for side in zip(*zones, strict=True)) if zones else (None, None)
        widest = max(matcher.tolerance_bars if p.tolerance_bars is None else p.tolerance_bars for p in groups[key])
        places.append(Place(*key, low, high, widest))
    return {case.id: number[_key(place)] for case, place in demands}, places


def _nearer_side(wants: Sequence[Candidate], bans: Sequence[Candidate]) -> list[Candidate]:
    nearest: dict[int, float] = {}
    for pair in bans:
        nearest[pair.detection] = min(pair.cost, nearest.get(pair.detection, pair.cost))
    return [pair for pair in wants if pair.cost <= nearest.get(pair.detection, pair.cost)]


def _near_any(cases: Sequence[Case], detections: Sequence[Detection], matcher: Matcher) -> set[int]:
    places = [place for c in cases for place in (wanted(c), unwanted(c)) if place is not None]
    return {pair.detection for pair in candidates(detections, places, matcher)}


def _is_small_shift(want: Place, ban: Place, matcher: Matcher) -> bool:
    tolerance = matcher.tolerance_bars if want.tolerance_bars is None else want.tolerance_bars
    return 0 < abs(want.index - ban.index) <= tolerance


def _contradict(a: Case, b: Case, matcher: Matcher) -> bool:
    """Whether `a` wants what `b` forbids, or both move the mark at the same bar, to different ones."""
    want, ban, instead = wanted(a), unwanted(b), wanted(b)
    if want is None or ban is None:
        return False
    if want.index != ban.index:
        own = unwanted(a)
        same_mark = own is not None and _key(own) == _key(ban) and _zones_agree(own, ban, matcher)
        return same_mark and instead is not None and want.index != instead.index
    if instead is not None and instead.index == ban.index:  # only the zone was adjusted
        return _iou(want, ban) > _iou(want, instead)
    return _zones_agree(want, ban, matcher)


def _zones_agree(a: Place, b: Place, matcher: Matcher) -> bool:
    return _iou(a, b) >= matcher.min_iou


def _iou(a: Place, b: Place) -> float:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return 1.0
    return overlap(a.low, a.high, b.low, b.high)


def _place_of(one: Detection) -> tuple[int, str, int, float, float, int]:
    low, high = (-1.0 if bound is None else bound for bound in (one.price_low, one.price_high))
    return one.anchor_index, one.kind, one.direction, low, high, one.confirmed_index


def _key(place: Place) -> PlaceKey:
    return place.kind, place.direction, place.index
