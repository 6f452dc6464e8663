"""When a judgement contradicts its own author, in one sentence. Pure; the use cases raise it."""

from __future__ import annotations

from collections.abc import Iterable

from services.detectors.types import Matcher
from services.places.matching import distance
from services.places.values import Judgement, Spot, statements


def refusal(new: Judgement, own: Iterable[Judgement], matcher: Matcher | None = None, *, offset: int = 0) -> str | None:
    """Why a person's new judgement can't stand beside the person's others of the session; None when it can.

    A missed place where one's own right mark stands (or where one said it belongs), the same miss twice, and a move to
    where the mark is already. `offset` is taken off bars of the series for the sentence.
    """
    rule = matcher or Matcher()
    if (
        new.verdict == "adjustment"
        and new.said is not None
        and new.expected is not None
        and same(new.said, new.expected)
    ):
        return "The mark is there already; a move needs another bar or another zone."
    if new.verdict != "false_negative" or new.expected is None:
        return None
    for one in own:
        if one.id == new.id or (one.kind, one.direction, one.series) != (new.kind, new.direction, new.series):
            continue
        for said in statements(one):
            if said.vote != "present":
                continue
            if distance(said.spot, new.expected, rule, tolerance_bars=one.tolerance_bars) is None:
                continue
            bar = said.spot.bar - offset
            if one.verdict == "false_negative":
                if not same(said.spot, new.expected):
                    continue  # two misses side by side are two places
                return f"You have marked #{bar} as missed already."
            if one.verdict == "adjustment":
                return f"You moved a mark to #{bar} already, so none is missed there."
            return f"You judged the mark at #{bar} right, so none is missed there."
    return None


def same(a: Spot, b: Spot) -> bool:
    """Whether two spots are one: the same bar and the same zone."""
    zone = (b.low, b.high)
    return a.bar == b.bar and (zone == (None, None) or (a.low, a.high) == zone)
