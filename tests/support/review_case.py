"""A pattern with two versions, judged sessions, a dispute and an open session, made by the services of a server's data."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from services import feedback, sessions
from services.database.engine import transaction
from services.lifecycle import Verdict
from services.people import Actor
from tests.support import product
from tests.support.installation import lived_in
from tests.support.product import World
from tests.support.server import Server

FIRST, BARS = 1500, 500
LATER, MORE = 2100, 300


@dataclass(frozen=True)
class Case:
    """`workspace` has v0.1.0 and v0.2.0, the second one better; in `open_session` one mark is left to judge."""

    workspace: str
    open_session: str


def prepare(server: Server) -> Case:
    """0.2.0 marks only what the reviewer calls right; one place is disputed; the open session's marks are all wrong."""
    with lived_in(server.database_url, server.data_dir):
        world = product.build()
        before = world.run(start=FIRST, bars=BARS, coverage="exhaustive")
        world.deploy("0.2.0", prominence=2.0)
        after = world.run(start=FIRST, bars=BARS, coverage="exhaustive")
        right = set(_anchors(after))
        _judge(world, before, right)
        _complete(world.member, before)
        _judge(world, after, right)
        with transaction() as session:
            mark = sessions.marks(session, after).to_dict("records")[0]
            feedback.judge(
                session, uuid.UUID(mark["detection_id"]), Verdict.FALSE_POSITIVE, reason="Price never turned there.",
                actor=world.admin,
            )  # fmt: skip
        _complete(world.member, after)
        opened = world.run(start=LATER, bars=MORE, coverage="exhaustive")
        _judge(world, opened, set(), leave=1)
    return Case(str(world.swings), str(opened))


def _anchors(session_id: uuid.UUID) -> list[tuple[int, int]]:
    with transaction() as session:
        return [
            (int(m["anchor_index"]), int(m["direction"]))
            for m in sessions.marks(session, session_id).to_dict("records")
        ]


def _judge(world: World, session_id: uuid.UUID, right: set[tuple[int, int]], *, leave: int = 0) -> None:
    with transaction() as session:
        marks = sessions.marks(session, session_id).to_dict("records")
        for mark in marks[: len(marks) - leave]:
            there = (int(mark["anchor_index"]), int(mark["direction"])) in right
            feedback.judge(
                session, uuid.UUID(mark["detection_id"]), Verdict.CONFIRMED if there else Verdict.FALSE_POSITIVE,
                actor=world.member,
            )  # fmt: skip


def _complete(actor: Actor, session_id: uuid.UUID) -> None:
    with transaction() as session:
        sessions.complete(session, session_id, actor=actor)
