"""When a judgement contradicts its own author, in one sentence. Pure; the use cases raise it."""

from __future__ import annotations

from collections.abc import Iterable

from services.detectors.types import Matcher
from services.places.matching import distance
from services.places.values import Judgement, Spot, Statement, statements


def refusal(new: Judgement, own: Iterable[Judgement], matcher: Matcher | None = None, *, offset: int = 0) -> str | None:
    """Why a person's new judgement can't stand beside the person's others of the session; None when it can.

    One event would count twice: missed where one's own right mark stands, right where one said that a mark was missed
    or moved to, two marks moved to one place, the same miss twice. Neither is a move to where the mark is already.
    `offset` is taken off bars of the series for the sentence.
    """
    rule = matcher or Matcher()
    if (
        new.verdict == "adjustment"
        and new.said is not None
        and new.expected is not None
        and same(new.said, new.expected)
    ):
        return "The mark is there already; a move needs another bar or another zone."
    for wanted in _present(new):
        for one in own:
            if one.id == new.id or (one.kind, one.direction, one.series) != (new.kind, new.direction, new.series):
                continue
            for said in _present(one):
                if _one_event(said, wanted, rule):
                    return _sentence(one.verdict, new, said.spot.bar - offset)
    return None


def _present(judgement: Judgement) -> list[Statement]:
    return [said for said in statements(judgement) if said.vote == "present"]


def _one_event(said: Statement, wanted: Statement, rule: Matcher) -> bool:
    """Whether two statements of one person mean the same event, so that it would count twice.

    Two marks of a detector are two events, and so are two misses, or two moves, to bars side by side. A zone and a
    candle that was clicked are the same on the same bar alone: zones of neighbouring bars are different ones.
    """
    a, b = said.spot, wanted.spot
    if _of_mark(said) and _of_mark(wanted):
        return False
    if _how(said) == _how(wanted):
        return same(a, b)
    if (a.low is None) != (b.low is None):
        return a.bar == b.bar
    return distance(a, b, rule, tolerance_bars=said.judgement.tolerance_bars) is not None


def _of_mark(said: Statement) -> bool:
    """A mark of the detector that was judged right where it stands."""
    return said.judgement.verdict == "confirmed" and said.judgement.detection is not None


def _how(said: Statement) -> str:
    """A place that was judged right without a mark is pointed at like a miss."""
    verdict = said.judgement.verdict
    return "false_negative" if verdict == "confirmed" and said.judgement.detection is None else verdict


def _sentence(before: str, new: Judgement, bar: int) -> str:
    match before, new.verdict:
        case "false_negative", "false_negative":
            return f"You have marked #{bar} as missed already."
        case "adjustment", "false_negative":
            return f"You moved a mark to #{bar} already, so none is missed there."
        case "confirmed", "false_negative":
            return f"You judged the mark at #{bar} right, so none is missed there."
        case "false_negative", "adjustment":
            return f"You have marked #{bar} as missed, so no mark is moved there; take that back first."
        case "adjustment", "adjustment":
            return f"You moved a mark to #{bar} already; say that this one is wrong."
        case "confirmed", "adjustment":
            return f"You judged the mark at #{bar} right, so no other belongs there; say that this one is wrong."
        case "false_negative", _:
            return f"You have marked #{bar} as missed, so the mark there can't be right; take that back first."
        case "adjustment", _:
            return f"You moved a mark to #{bar}, so the mark there can't be right; say that the other is wrong first."
        case _:
            return f"You judged the mark at #{bar} right already."


def same(a: Spot, b: Spot) -> bool:
    """Whether two spots are one: the same bar and the same zone."""
    zone = (b.low, b.high)
    return a.bar == b.bar and (zone == (None, None) or (a.low, a.high) == zone)
