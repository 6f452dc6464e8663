"""From judgements to places, by one pure function: who stands where decides, and the order of the input never does.

Judgements are taken by (time, id). Each one's statements join the nearest places within tolerance (the same kind and
direction, overlapping zone, same broken level), one to one, the nearest first; what joins none founds a place. One
session's two marks, and one person's two judgements in a session, are two places.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.detectors.types import Matcher
from services.places.matching import Pair, distance, take_nearest
from services.places.values import MISSED_OR_MOVED, Decision, Judgement, Place, Spot, Statement, Status, statements

_Key = tuple[str, str, int]  # series, kind, direction


@dataclass(slots=True)
class _Growing:
    """A place while its judgements come in."""

    id: str
    founder: Judgement
    spot: Spot
    said: list[Statement]
    persons: set[tuple[str, str]] = field(default_factory=set)  # person, session
    marks: set[tuple[str, str]] = field(default_factory=set)  # session, detection
    moved: set[str] = field(default_factory=set)
    decision: Decision | None = None

    def takes(self, one: Statement) -> bool:
        """Whether the statement may join: not a second one of its person there, nor about another mark of a session."""
        j = one.judgement
        if (j.person, j.session) in self.persons:
            return False
        return _free(one) or all(session != j.session or mark == j.detection for session, mark in self.marks)

    def add(self, one: Statement) -> None:
        j = one.judgement
        self.said.append(one)
        self.persons.add((j.person, j.session))
        if j.detection is not None and not _free(one):
            self.marks.add((j.session, j.detection))


def _free(one: Statement) -> bool:
    """A statement about a bar that a person pointed at, not about a detector's mark."""
    return one.judgement.detection is None or one.spot is not one.judgement.said


def derive(
    judgements: Iterable[Judgement], decisions: Iterable[Decision] = (), matcher: Matcher | None = None
) -> tuple[Place, ...]:
    """The places that standing judgements make, ordered by series, bar and id. Raises ValueError as `statements` does.

    Each person's newest vote counts once on a place, an unsure one not at all. The majority decides, a tie is disputed
    until a decision settles it; a place that only unsure people looked at is unsure.
    """
    rule = matcher or Matcher()
    ordered = sorted(judgements, key=lambda j: (j.at, j.id))
    reach = max((j.tolerance_bars or 0 for j in ordered), default=0)
    growing: dict[_Key, list[_Growing]] = defaultdict(list)
    near: dict[_Key, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for judgement in ordered:
        key = (judgement.series, judgement.kind, judgement.direction)
        _place(judgement, growing[key], near[key], rule, max(reach, rule.tolerance_bars))
    for decision in sorted(decisions, key=lambda d: (d.at, d.id)):
        _settle(decision, growing[decision.series, decision.kind, decision.direction], rule)
    made = [_finished(one) for its in growing.values() for one in its]
    return tuple(sorted(made, key=lambda p: (p.series, p.spot.bar, p.id)))


def _place(judgement: Judgement, there: list[_Growing], near: dict[int, list[int]], rule: Matcher, reach: int) -> None:
    said = statements(judgement)
    pairs = []
    for s, one in enumerate(said):
        for p in [p for b in range(one.spot.bar - reach, one.spot.bar + reach + 1) for p in near.get(b, ())]:
            cost = distance(there[p].spot, one.spot, rule, tolerance_bars=there[p].founder.tolerance_bars)
            if cost is not None and there[p].takes(one):
                pairs.append(Pair(cost, False, p, s))
    joined = {s: p for p, s in take_nearest(pairs)}
    ids = []
    for s, one in enumerate(said):
        if s in joined:
            there[joined[s]].add(one)
            ids.append(joined[s])
            continue
        place = _Growing(judgement.id + "+" * s, judgement, one.spot, [])
        place.add(one)
        there.append(place)
        near[one.spot.bar].append(len(there) - 1)
        ids.append(len(there) - 1)
    if len(ids) == 2:
        there[ids[0]].moved.add(there[ids[1]].id)
        there[ids[1]].moved.add(there[ids[0]].id)


def _settle(decision: Decision, there: Sequence[_Growing], rule: Matcher) -> None:
    """Binds a decision to the place that stands nearest to where it was made; the newest one holds."""
    costs = [
        (cost, one.founder.at, one.id, one)
        for one in there
        if (cost := distance(one.spot, decision.spot, rule, tolerance_bars=one.founder.tolerance_bars)) is not None
    ]
    if costs:
        min(costs, key=lambda c: c[:3])[3].decision = decision


def _finished(one: _Growing) -> Place:
    newest: dict[str, Statement] = {}
    for statement in sorted(one.said, key=lambda s: s.rank):
        newest[statement.judgement.person] = statement
    votes = [s.vote for s in newest.values()]
    present, absent = votes.count("present"), votes.count("absent")
    voting = sorted(person for person, s in newest.items() if s.vote != "unsure")
    alone = len(voting) == 1 and newest[voting[0]].judgement.verdict in MISSED_OR_MOVED
    founder = one.founder
    return Place(
        id=one.id,
        series=founder.series,
        kind=founder.kind,
        direction=founder.direction,
        spot=one.spot,
        status=_status(present, absent, one.decision),
        present_votes=present,
        absent_votes=absent,
        people=tuple(voting),
        one_person=alone and newest[voting[0]].vote == "present" and one.decision is None,
        judgements=tuple(sorted({s.judgement.id for s in one.said})),
        moved=tuple(sorted(one.moved)),
        decided=one.decision is not None,
        tolerance_bars=founder.tolerance_bars,
    )


def _status(present: int, absent: int, decision: Decision | None) -> Status:
    if decision is not None:
        return "present" if decision.present else "absent"
    if not present and not absent:
        return "unsure"
    if present == absent:
        return "disputed"
    return "present" if present > absent else "absent"


def label_set_hash(places: Iterable[Place]) -> str:
    """SHA-256 of what the places say, in any order: who said it and what becomes of it are left out."""
    rows = sorted(
        json.dumps([p.series, p.kind, p.direction, p.spot.bar, p.spot.low, p.spot.high, p.spot.level, p.status])
        for p in places
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def unconfirmed_for(places: Iterable[Place], person: str, checked: Sequence[tuple[int, int]]) -> list[Place]:
    """Places that rest on one other person and lie in bars that `person` fully checked: to be shown to that person."""
    return [
        p for p in places if p.one_person and p.people != (person,) and any(a <= p.spot.bar <= b for a, b in checked)
    ]
