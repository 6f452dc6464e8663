"""Sessions with everything that judging knows, at random: several reviewers, moves, disputes, retests, gone marks, zones."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from random import Random

import numpy as np
from sqlalchemy.orm import Session

from services import disputes, feedback, labels, sessions
from services.datasets import DatasetRow
from services.detectors.types import Candles, Detection
from services.errors import PatternDeskError
from services.feedback import MarkPosition
from services.lifecycle import Verdict, VersionStatus
from services.people import Actor
from tests import factories
from tests.support import scenarios

V = Verdict
KINDS = ("swing_high", "gap", "break")
GIVEN = (V.CONFIRMED, V.CONFIRMED, V.CONFIRMED, V.FALSE_POSITIVE, V.FALSE_POSITIVE, V.ADJUSTMENT, V.UNSURE, None)


def world(
    session: Session, random: Random, count: int, completed: Callable[[uuid.UUID], None] = lambda _: None
) -> list[uuid.UUID]:
    """A workspace with `count` sessions of three reviewers on two datasets; the ids of the sessions.

    `completed` is called with each session that was just completed.
    """
    people = [factories.person(session) for _ in range(3)]
    home = scenarios.in_beta(session, people[0])
    stored = [factories.dataset(session, people[0], symbol=f"RAND{random.random()}", seed=n) for n in (1, 2)]
    made: list[uuid.UUID] = []
    for number in range(count):
        if number and random.random() < 0.5:
            factories.version(session, home, f"0.{number + 1}.0", status=VersionStatus.DEPLOYED)
        again = random.choice(made) if made and random.random() < 0.4 else None
        made.append(_session(session, home, people, random, stored, again))
        if random.random() < 0.85:
            sessions.complete(session, made[-1], actor=people[0])
            session.flush()
            completed(made[-1])
        _settle_some(session, home, people, random)
    return made


def _session(
    session: Session, home: uuid.UUID, people: list[Actor], random: Random, stored: list[DatasetRow], again: uuid.UUID | None
) -> uuid.UUID:  # fmt: skip
    dataset = random.choice(stored)
    start, end = random.choice([(0, 59), (0, 39), (20, 59)])
    if again is not None:
        detail = sessions.get(session, again)
        dataset = next(d for d in stored if d.id == detail.dataset_id)
        start, end = detail.start_index, detail.end_index
    plan = sessions.create(
        session, home, dataset_id=dataset.id, start_index=start, end_index=end, retest_of_id=again,
        coverage=random.choice(["partial", "exhaustive"]), actor=people[0],
    )  # fmt: skip
    candles = factories.dataset_candles(dataset)
    found = _detections(candles, random, start, end)
    sessions.record(
        session, plan.session_id, found, candles, run_ms=5, isolation="reduced", context_bars=0, actor=people[0]
    )
    session.flush()
    for actor in people:
        _judge(session, plan.session_id, candles, (start, end), random, actor)
    session.flush()
    labels.keep(session, home)
    return plan.session_id


def _detections(candles: Candles, random: Random, start: int, end: int) -> list[Detection]:
    made = []
    for anchor in sorted(random.sample(range(start, end + 1), 12)):
        kind, low, high = random.choice(KINDS), float(candles["low"][anchor]), float(candles["high"][anchor])
        zone = kind == "gap"
        made.append(
            Detection(
                kind, random.choice([1, -1]), anchor, int(candles["time"][anchor]), anchor, anchor,
                min(anchor + 2, end), None if zone else high, low if zone else None,
                low + (high - low) * random.choice([0.5, 0.9, 1.0]) if zone else None,
                refs=(max(start, anchor - 5),) if kind == "break" else (),
            )
        )  # fmt: skip
    return made


def _judge(
    session: Session, made: uuid.UUID, candles: Candles, window: tuple[int, int], random: Random, actor: Actor
) -> None:
    """Some marks, some missed places, some places of marks that are gone; what contradicts is refused and left out."""
    for mark in sessions.marks(session, made).to_dict("records"):
        verdict = random.choice(GIVEN)
        if verdict is None:
            continue
        to = _position(
            candles, window, int(mark["anchor_index"]) + random.choice([-2, 1, 2, 4]), random, str(mark["kind"])
        )
        expected = to if verdict == V.ADJUSTMENT else None
        try:
            with session.begin_nested():
                if mark["detection_id"] is not None:
                    feedback.judge(session, uuid.UUID(mark["detection_id"]), verdict, expected=expected, actor=actor)
                else:
                    at = _position(candles, window, int(mark["anchor_index"]), random, str(mark["kind"]))
                    feedback.judge_place(
                        session, made, verdict, kind=str(mark["kind"]), direction=int(mark["direction"]), place=at,
                        expected=expected, actor=actor,
                    )  # fmt: skip
        except PatternDeskError:
            continue
    for _ in range(random.randrange(5)):
        kind = random.choice(KINDS)
        at = _position(candles, window, random.randrange(window[0], window[1] + 1), random, kind)
        try:
            with session.begin_nested():
                feedback.add_missed(session, made, kind=kind, direction=random.choice([1, -1]), place=at, actor=actor)
        except PatternDeskError:
            continue


def _position(candles: Candles, window: tuple[int, int], index: int, random: Random, kind: str) -> MarkPosition:
    at = int(np.clip(index, *window))
    time, low, high = sessions.bar_time(candles, at), float(candles["low"][at]), float(candles["high"][at])
    if kind != "gap" or random.random() < 0.2:
        return MarkPosition(at, time, high)
    return MarkPosition(at, time, None, low, low + (high - low) * random.choice([0.4, 0.8, 1.0]))


def _settle_some(session: Session, home: uuid.UUID, people: list[Actor], random: Random) -> None:
    session.flush()
    labels.keep(session, home)
    for place in disputes.list_disputes(session, home):
        if random.random() < 0.4:
            disputes.settle(
                session, home, place.id, present=random.random() < 0.5, rule="A rule.", actor=random.choice(people)
            )
