"""Labels before there is a detector: a window is marked, completed without a score, and sent with the first launch."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services import feedback, judging, prompts, sessions, workspaces
from services.errors import Conflict, InvalidInput, NotAllowed
from services.judging import read_ops
from services.lifecycle import Role, SessionStatus
from services.models import WorkspaceMessage
from services.people import Actor
from tests import factories
from tests.support import scenarios


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


def opened(session: Session, home: uuid.UUID, member: Actor) -> uuid.UUID:
    stored = factories.dataset(session, member)
    array = factories.dataset_candles(stored)
    return sessions.open_for_labels(session, home, array, dataset_id=stored.id, actor=member)


def mark(session: Session, made: uuid.UUID, member: Actor, *places: int, **more: str) -> judging.AnswerJson:
    client = str(uuid.uuid4())
    ops = read_ops({"ops": [
        {"id": str(uuid.uuid4()), "client": client, "seq": seq, "do": "miss", "kind": "swing_high", "direction": 1,
         "index": index, **more} for seq, index in enumerate(places, 1)
    ]})  # fmt: skip
    where = {op.id: feedback.MarkPosition(op.index or 0, factories.DAY_ONE, 10.0) for op in ops}
    return judging.judge_many(session, made, ops, where, actor=member)


def test_places_are_marked_and_go_with_the_first_launch_the_severest_first(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    made = opened(session, home, member)
    assert [r["result"] for r in mark(session, made, member, 5, 20)["results"]] == ["done"] * 2
    assert [r["result"] for r in mark(session, made, member, 40, severity="high")["results"]] == ["done"]
    batch = feedback.open_batch(session, home)
    assert [(f.candle_index, f.severity) for f in batch] == [(40, "high"), (5, None), (20, None)]
    prompt = prompts.build(workspaces.get(session, home), batch, {}, params=None, agent="claude")
    assert prompt.task == "implement" and prompt.summary == {"false_negative": 3}
    assert scenarios.launch(session, home, member, feedback_ids=[f.id for f in batch])


def test_it_is_completed_with_labels_and_without_a_score(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    made = opened(session, home, member)
    mark(session, made, member, 5, 20)
    sessions.complete(session, made, actor=member)
    kept = sessions.get(session, made)
    told = session.query(WorkspaceMessage).filter_by(session_id=made, type="session_completed").one()
    assert told.data["marked"] == 2 and workspaces.get(session, home).last_tested_at is None
    assert (kept.status, kept.success_rate, kept.fn, kept.version) == (SessionStatus.COMPLETED, None, 0, None)


def test_what_can_not_be_labelled(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    stored = factories.dataset(session, member)
    array = factories.dataset_candles(stored)
    with pytest.raises(InvalidInput, match="not inside the dataset"):
        sessions.open_for_labels(session, home, array, dataset_id=stored.id, start_index=0, end_index=60, actor=member)
    with pytest.raises(NotAllowed):
        sessions.open_for_labels(
            session, home, array, dataset_id=stored.id, actor=factories.person(session, Role.VIEWER)
        )
    with pytest.raises(Conflict, match="has a detector"):
        opened(session, scenarios.in_beta(session, member), member)


def test_a_severity_that_is_none_is_refused_alone_and_an_undo_brings_the_old_one_back(
    session: Session, member: Actor
) -> None:
    made = opened(session, factories.workspace(session, member), member)
    answer = mark(session, made, member, 5, severity="urgent")
    assert answer["results"][0]["sentence"] == "`severity` can't be 'urgent'."
