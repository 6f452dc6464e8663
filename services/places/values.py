"""What people said and what it makes of the candles: judgements, places, decisions. Frozen values, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Status = Literal["present", "absent", "disputed", "unsure"]
Vote = Literal["present", "absent", "unsure"]

JUDGED = frozenset({"confirmed", "false_positive", "false_negative", "adjustment", "unsure"})
MISSED_OR_MOVED = frozenset({"false_negative", "adjustment"})


@dataclass(frozen=True, slots=True)
class Spot:
    """Where on the candles: a bar of the series and, where there is one, a price zone or a broken level.

    `slack` is a tenth of the average true range at the bar, in price units: two levels nearer than that are the same.
    `time` is the bar's open in UTC seconds.
    """

    bar: int
    time: int
    low: float | None = None
    high: float | None = None
    level: float | None = None
    slack: float | None = None
    confirmed: int | None = None  # the bar at whose close it was knowable


@dataclass(frozen=True, slots=True)
class Judgement:
    """One person's standing judgement. `said` is where the detector put its mark, `expected` where one belongs.

    `at` orders judgements, with `id` for ties; a carried copy has the time of its original. `given` is when the verdict
    was given, which tells a person's newest one; None is `at`. `detection` is the stable key of the judged mark, None
    for a missed one.
    """

    id: str
    at: float
    person: str
    session: str
    series: str
    kind: str
    direction: int
    verdict: str
    said: Spot | None = None
    expected: Spot | None = None
    detection: str | None = None
    tolerance_bars: int | None = None
    given: float | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One half of a judgement: this person says that there is, or is not, an event at this spot."""

    judgement: Judgement
    vote: Vote
    spot: Spot

    @property
    def rank(self) -> tuple[float, str]:
        """Orders one person's statements by when they were given."""
        given = self.judgement.given
        return self.judgement.at if given is None else given, self.judgement.id


@dataclass(frozen=True, slots=True)
class Decision:
    """How a dispute was settled: the place is found again by its coordinates, so it survives a new founder."""

    id: str
    at: float
    series: str
    kind: str
    direction: int
    spot: Spot
    present: bool


@dataclass(frozen=True, slots=True)
class Place:
    """One event on the candles with what the judgements make of it.

    `id` is the founding judgement's, with `+` for the place that a move points to; it and `spot` stay as long as the
    founding judgement stands. `people` are those whose vote counts; `one_person` marks a place that rests on a single
    person who added it. `moved` are the ids of the places that a move links it to.
    """

    id: str
    series: str
    kind: str
    direction: int
    spot: Spot
    status: Status
    present_votes: int
    absent_votes: int
    people: tuple[str, ...]
    one_person: bool
    judgements: tuple[str, ...]
    moved: tuple[str, ...] = ()
    decided: bool = False
    tolerance_bars: int | None = None

    @property
    def judged(self) -> bool:
        return self.status in ("present", "absent")


class Stretch(NamedTuple):
    """Bars of a series, both ends inclusive."""

    series: str
    first: int
    last: int

    def holds(self, series: str, bar: int) -> bool:
        return self.series == series and self.first <= bar <= self.last


def statements(judgement: Judgement) -> tuple[Statement, ...]:
    """What a judgement says, absent before present. Raises ValueError when a spot that its verdict needs is missing."""
    verdict, said, expected = judgement.verdict, judgement.said, judgement.expected
    if verdict not in JUDGED:
        raise ValueError(f"judgement {judgement.id}: {verdict!r} judges no place")
    if said is None and verdict != "false_negative":
        raise ValueError(f"judgement {judgement.id}: a {verdict} needs the bar where the detector put its mark")
    if expected is None and verdict in MISSED_OR_MOVED:
        raise ValueError(f"judgement {judgement.id}: a {verdict} needs the bar where the mark belongs")
    made: list[Statement] = []
    if said is not None and verdict != "false_negative":
        vote: Vote = "present" if verdict == "confirmed" else "unsure" if verdict == "unsure" else "absent"
        made.append(Statement(judgement, vote, said))
    if expected is not None and verdict in MISSED_OR_MOVED:
        made.append(Statement(judgement, "present", expected))
    return tuple(made)
