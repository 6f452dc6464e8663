"""What may be said of two versions on the same places. Pure values, no I/O.

"Better" is said of unseen places alone, and needs two things: the exact McNemar test on the places that changed, and a
higher success rate on the same places where each unjudged mark costs 1 - the old precision (a detector that marks
nothing "fixes" every false mark, and one that marks everything misses nothing). Of seen places only counts are told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from scipy.special import bdtr

from services.places.counting import Fit, moves

SIGNIFICANT = 0.05
LEAST_NET_FIXES = 6  # the fewest fixes with no regression whose exact two-sided p is under 0.05 (2 / 2**6)
MOST_MORE = 100_000  # judged places; more than that is no plan

Word = Literal["better", "worse", "not sure yet", "nothing to compare"]


@dataclass(frozen=True, slots=True)
class Change:
    """What two versions did on the places that both were judged on; places that a move links count as one.

    The ids are of places. `rate_before` and `rate_after` are success rates on these places with the cost of unjudged
    marks, fractions from 0 to 1; None where nothing counts.
    """

    places: int
    fixed: tuple[str, ...]
    broken: tuple[str, ...]
    fixed_count: int
    broken_count: int
    rate_before: float | None
    rate_after: float | None

    @property
    def net(self) -> int:
        return self.fixed_count - self.broken_count


@dataclass(frozen=True, slots=True)
class Claim:
    """What may be claimed of unseen places, as a word and as a sentence with its numbers. `more_places` is how many
    more judged places it takes at the pace so far; None where that can't be told."""

    word: Word
    sentence: str
    change: Change
    p_value: float | None
    more_places: int | None


def mcnemar(fixed: int, broken: int) -> float | None:
    """Two-sided p of the exact McNemar test on the places that changed; None when none did.

    Source: McNemar (1947) in its exact binomial form: twice the smaller tail of B(b + c, 1/2).
    """
    changed = fixed + broken
    return min(1.0, 2 * float(bdtr(min(fixed, broken), changed, 0.5))) if changed else None


def compare(before: Fit, after: Fit, *, only: Collection[str] | None = None) -> Change:
    """Both versions on the places that both were judged on, or on those of `only` (place ids)."""
    then, now = before.by_id, after.by_id
    both = [p for p in then if p in now and (only is None or p in only)]
    linked = moves(then[p].place for p in both)
    groups: dict[str, list[str]] = defaultdict(list)
    for place in both:
        groups[linked[place]].append(place)
    fixed: list[str] = []
    broken: list[str] = []
    fixes = breaks = 0
    for its in groups.values():
        was, is_now = all(then[p].right for p in its), all(now[p].right for p in its)
        fixes += not was and is_now
        breaks += was and not is_now
        fixed += [p for p in its if not then[p].right and now[p].right]
        broken += [p for p in its if then[p].right and not now[p].right]
    precision = before.counts.precision
    return Change(
        len(groups),
        tuple(sorted(fixed)),
        tuple(sorted(broken)),
        fixes,
        breaks,
        costed_rate(before, both, precision),
        costed_rate(after, both, precision),
    )


def costed_rate(fitted: Fit, ids: Collection[str], precision: float | None) -> float | None:
    """TP / (TP + FP + FN + unjudged × (1 - precision)) on these places; None when nothing counts.

    Without a precision so far an unjudged mark counts as false: nothing speaks for it.
    """
    wanted = set(ids)
    its = [f for f in fitted.fates if f.place.id in wanted]
    tp = sum(f.right and f.place.status == "present" for f in its)
    wrong = sum(not f.right for f in its) + len(fitted.false)
    total = tp + wrong + len(fitted.unjudged) * (1 - (0.0 if precision is None else precision))
    return tp / total if total else None


def claim(change: Change) -> Claim:
    """What may be said of the two versions on unseen places."""
    p = mcnemar(change.fixed_count, change.broken_count)
    start = f"{change.fixed_count} fixed, {change.broken_count} broken of {change.places} unseen judged places"
    if p is None:
        why = "no unseen place is judged on both versions" if not change.places else "none of them changed"
        return Claim("nothing to compare", f"{start}: {why}.", change, None, None)
    chance = f"p {'< 0.001' if p < 0.001 else f'{p:.2g}'}"
    if p < SIGNIFICANT and change.net < 0:
        return Claim("worse", f"{start}: worse than before ({chance}).", change, p, None)
    if p < SIGNIFICANT and change.net >= LEAST_NET_FIXES:
        if (change.rate_after or 0.0) > (change.rate_before or 0.0):
            return Claim("better", f"{start}: better than before ({chance}).", change, p, None)
        return Claim(
            "not sure yet",
            f"{start} ({chance}), but its unjudged and false marks cost more than it fixes: not sure yet; judge the "
            "marks that nobody judged.",
            change,
            p,
            None,
        )
    more = places_needed(change)
    needs = "" if more is None else f"; at this pace it takes about {more} more judged places"
    return Claim("not sure yet", f"{start}: not sure yet ({chance}{needs}).", change, p, more)


def places_needed(change: Change) -> int | None:
    """How many more judged places it takes to be sure when fixes and breaks go on as so far; None without a net fix."""
    if change.net <= 0 or not change.places:
        return None
    low, high = change.places, change.places
    while high - change.places <= MOST_MORE and not _sure(change, high):
        low, high = high, high * 2
    if high - change.places > MOST_MORE:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _sure(change, middle) else (middle, high)
    return max(high - change.places, 1)


def _sure(change: Change, places: int) -> bool:
    scale = places / change.places
    fixed, broken = int(change.fixed_count * scale), int(change.broken_count * scale + 0.999_999)
    p = mcnemar(fixed, broken)
    return p is not None and p < SIGNIFICANT and fixed - broken >= LEAST_NET_FIXES


def seen_words(change: Change) -> str:
    """What may be said of places that a prompt or a search has had: counts alone."""
    return f"{change.fixed_count} fixed, {change.broken_count} broken of {change.places} seen judged places"
