"""Success rate, its uncertainty, and the one-to-one matching of detections with judged places. Pure values, no I/O."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest

from services.detectors.types import Detection, Matcher
from services.rules import is_provisional

SIGNIFICANT = 0.05
FIXES_FOR_EVIDENCE = 6  # the fewest fixes with no regression whose exact two-sided p is under 0.05 (2 / 2**6)

# What one verdict adds to (tp, fp, fn). An adjustment says "not there" and "but here".
_VERDICT_COUNTS = {
    "confirmed": (1, 0, 0),
    "false_positive": (0, 1, 0),
    "false_negative": (0, 0, 1),
    "adjustment": (0, 1, 1),
    "unsure": (0, 0, 0),
    "comment": (0, 0, 0),
    "disputed": (0, 0, 0),
}
_NO_VOTE = frozenset({"unsure", "comment"})


class Counts(NamedTuple):
    """True positives, false positives, false negatives."""

    tp: int
    fp: int
    fn: int


class Tally(NamedTuple):
    """What a list of verdicts adds up to; unsure ones are counted apart and never scored."""

    tp: int
    fp: int
    fn: int
    unsure: int


@dataclass(frozen=True, slots=True)
class Score:
    """A success rate with its evidence. `rate`, `ci_low` and `ci_high` are fractions from 0 to 1, None when n = 0."""

    tp: int
    fp: int
    fn: int
    rate: float | None
    n: int
    ci_low: float | None
    ci_high: float | None
    provisional: bool


class PrecisionRecall(NamedTuple):
    """Fractions from 0 to 1; None where there is nothing to divide by, or where it may not be claimed."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mark was judged: dataset index, and the price bounds of a zone when both are given.

    `tolerance_bars` None means the matcher's.
    """

    kind: str
    direction: int
    index: int
    low: float | None = None
    high: float | None = None
    tolerance_bars: int | None = None


class Candidate(NamedTuple):
    """A place and a detection that may be the same one; a lower cost is nearer."""

    place: int
    detection: int
    cost: float


def score(tp: int, fp: int, fn: int) -> Score:
    """success_rate = TP / (TP + FP + FN) with its 95 % Wilson interval; provisional below ten judged marks.

    Raises ValueError on a negative count. Source: Wilson (1927), by scipy's `proportion_ci(method="wilson")`.
    """
    if min(tp, fp, fn) < 0:
        raise ValueError(f"counts cannot be negative: tp={tp}, fp={fp}, fn={fn}")
    n = tp + fp + fn
    if n == 0:
        return Score(tp, fp, fn, None, 0, None, None, True)
    interval = binomtest(tp, n).proportion_ci(confidence_level=0.95, method="wilson")
    # Rounding can leave the bound of 0/n or n/n a hair inside it: the interval always holds its rate.
    low, high = min(float(interval.low), tp / n), max(float(interval.high), tp / n)
    return Score(tp, fp, fn, tp / n, n, max(low, 0.0), min(high, 1.0), is_provisional(n))


def tally(verdicts: Iterable[str]) -> Tally:
    """Add up verdicts: an adjustment is one FP and one FN; unsure, comment and disputed ones don't score.

    Raises ValueError on a word that is no verdict.
    """
    tp = fp = fn = unsure = 0
    for verdict in verdicts:
        if verdict not in _VERDICT_COUNTS:
            raise ValueError(f"not a verdict: {verdict!r}")
        add = _VERDICT_COUNTS[verdict]
        tp, fp, fn = tp + add[0], fp + add[1], fn + add[2]
        unsure += verdict == "unsure"
    return Tally(tp, fp, fn, unsure)


def consensus(verdicts_by_reviewer: Mapping[str, str]) -> str | None:
    """The verdict of more than half of the reviewers who judged, else "disputed".

    An unsure reviewer does not vote; when nobody votes it is "unsure", and None when nobody said anything on the mark.
    """
    votes = Counter(v for v in verdicts_by_reviewer.values() if v not in _NO_VOTE)
    if not votes:
        return "unsure" if "unsure" in verdicts_by_reviewer.values() else None
    verdict, count = votes.most_common(1)[0]
    return verdict if 2 * count > votes.total() else "disputed"


def precision_recall(tp: int, fp: int, fn: int, *, exhaustive: bool) -> PrecisionRecall:
    """Precision always; recall and F1 only where the reviewer declared the window fully checked.

    Elsewhere the marks that nobody looked for are unknown, so a recall would be invented.
    """
    precision = tp / (tp + fp) if tp + fp else None
    if not exhaustive:
        return PrecisionRecall(precision, None, None)
    recall = tp / (tp + fn) if tp + fn else None
    f1 = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None
    return PrecisionRecall(precision, recall, f1)


def mcnemar(fixed: int, broken: int) -> float | None:
    """Two-sided p of the exact McNemar test on the cases that changed; None when none did.

    Source: McNemar (1947) in its exact binomial form, `binomtest(b, b + c)`.
    """
    changed = fixed + broken
    return float(binomtest(fixed, changed).pvalue) if changed else None


def evidence_sentence(fixed: int, broken: int) -> str:
    """What fixed and broken counts prove, in one sentence that never cheers for two fixes."""
    p = mcnemar(fixed, broken)
    if p is None:
        return "No case changed, so there is nothing to compare."
    start = f"{fixed} fixed, {broken} broken: p {'< 0.001' if p < 0.001 else f'{p:.2g}'}"
    if p < SIGNIFICANT:
        return f"{start}, {'better' if fixed > broken else 'worse'} than before."
    if broken:
        return f"{start}, not sure yet."
    return f"{start}, not sure yet: with no regression it takes {FIXES_FOR_EVIDENCE} fixes for p < 0.05."


def overlap(low_a: float, high_a: float, low_b: float, high_b: float) -> float:
    """Intersection over union (0 to 1) of two price ranges; two equal single prices overlap fully."""
    low_a, high_a, low_b, high_b = *sorted((low_a, high_a)), *sorted((low_b, high_b))
    union = max(high_a, high_b) - min(low_a, low_b)
    if union <= 0:
        return 1.0
    return max(0.0, min(high_a, high_b) - max(low_a, low_b)) / union


def closeness(detection: Detection, place: Place, matcher: Matcher) -> float | None:
    """How far the detection is from the place, in bars plus half of the zone's mismatch; None when it is another one.

    The same kind and direction, at most the tolerance in bars away, and a judged zone needs a detected zone that
    overlaps it by the matcher's IoU. Less than a bar of zone mismatch never outweighs a bar of distance.
    """
    if (detection.kind, detection.direction) != (place.kind, place.direction):
        return None
    bars = abs(detection.anchor_index - place.index)
    if bars > (matcher.tolerance_bars if place.tolerance_bars is None else place.tolerance_bars):
        return None
    if place.low is None or place.high is None:
        return float(bars)
    if detection.price_low is None or detection.price_high is None:
        return None
    iou = overlap(detection.price_low, detection.price_high, place.low, place.high)
    return bars + (1 - iou) / 2 if iou >= matcher.min_iou else None


def candidates(detections: Sequence[Detection], places: Sequence[Place], matcher: Matcher) -> list[Candidate]:
    """Every pair of a place and a detection that may be the same one, in the order of the places."""
    by_kind: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for d, detection in enumerate(detections):
        by_kind[detection.kind, detection.direction].append((detection.anchor_index, d))
    for rows in by_kind.values():
        rows.sort()
    found: list[Candidate] = []
    for p, place in enumerate(places):
        rows = by_kind.get((place.kind, place.direction), [])
        tolerance = matcher.tolerance_bars if place.tolerance_bars is None else place.tolerance_bars
        first = bisect_left(rows, (place.index - tolerance, -1))
        last = bisect_right(rows, (place.index + tolerance, len(detections)))
        for _, d in rows[first:last]:
            cost = closeness(detections[d], place, matcher)
            if cost is not None:
                found.append(Candidate(p, d, cost))
    return found


def assign(pairs: Sequence[Candidate]) -> list[tuple[int, int]]:
    """One-to-one (place, detection): as many pairs as possible, and among those the nearest, sorted by place.

    Only neighbours compete, so the assignment is solved per connected group and stays fast on long windows.
    """
    if not pairs:
        return []
    place_ids, rows = np.unique([p.place for p in pairs], return_inverse=True)
    detection_ids, columns = np.unique([p.detection for p in pairs], return_inverse=True)
    nodes = len(place_ids) + len(detection_ids)
    edges = coo_array((np.ones(len(pairs)), (rows, columns + len(place_ids))), shape=(nodes, nodes))
    _, labels = connected_components(edges, directed=False)
    groups: dict[int, list[Candidate]] = defaultdict(list)
    for pair, row in zip(pairs, rows, strict=True):
        groups[int(labels[row])].append(pair)
    return sorted(match for group in groups.values() for match in _assign_group(group))


def match(detections: Sequence[Detection], places: Sequence[Place], matcher: Matcher) -> list[tuple[int, int]]:
    """One-to-one (place index, detection index) pairs, as many as possible, nearest first choice."""
    return assign(candidates(detections, places, matcher))


def _assign_group(group: list[Candidate]) -> list[tuple[int, int]]:
    if len(group) == 1:
        return [(group[0].place, group[0].detection)]
    place_ids = sorted({c.place for c in group})
    detection_ids = sorted({c.detection for c in group})
    row = {p: i for i, p in enumerate(place_ids)}
    column = {d: j for j, d in enumerate(detection_ids)}
    # One more pair must always outweigh any gain in nearness.
    worth = 1 + max(c.cost for c in group) * min(len(place_ids), len(detection_ids))
    gain = np.zeros((len(place_ids), len(detection_ids)))
    for c in group:
        gain[row[c.place], column[c.detection]] = worth - c.cost
    chosen = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return [(place_ids[i], detection_ids[j]) for i, j in chosen if gain[i, j] > 0]
