"""Batches of judgements: each once and in order, whatever comes twice, late, from two boards, or after the session."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import feedback, judging, labels, sessions, workspaces
from services.database.rows import fetch_dicts
from services.errors import InvalidInput, NotAllowed
from services.exports.reports import find_report, read_filters
from services.feedback import MarkPosition
from services.judging import read_ops
from services.lifecycle import FeedbackState, Role, Verdict
from services.models import (
    Detection,
    FeedbackItem,
    JudgementOp,
    PatternSession,
    PatternWorkspace,
    PlaceRow,
    WorkspaceMessage,
    now,
)
from services.people import Actor
from tests import factories
from tests.support import scenarios


@pytest.fixture
def member(session: Session) -> Actor:
    return factories.person(session)


@pytest.fixture
def made(session: Session, member: Actor) -> uuid.UUID:
    stored = factories.dataset(session, member)
    return scenarios.run_session(session, scenarios.in_beta(session, member), member, stored, anchors=[0, 10, 20, 59])


@pytest.fixture
def marks(session: Session, made: uuid.UUID) -> list[uuid.UUID]:
    rows = session.scalars(select(Detection.id).where(Detection.session_id == made).order_by(Detection.anchor_index))
    return list(rows)


class Board:
    """A board in a browser: numbers its ops, and knows what it judged on each mark."""

    def __init__(self, session: Session, made: uuid.UUID, actor: Actor) -> None:
        self.session, self.made, self.actor = session, made, actor
        self.client, self.seq, self.seen = str(uuid.uuid4()), 0, 0
        self.base: dict[str, str] = {}

    def op(self, do: str = "judge", mark: uuid.UUID | None = None, **more: Any) -> dict[str, Any]:
        self.seq += 1
        made = {"id": str(uuid.uuid4()), "client": self.client, "seq": self.seq, "do": do, "seen": self.seen} | more
        if mark is not None:
            made |= {"mark": str(mark), "base": self.base.get(str(mark))}
            self.base[str(mark)] = made["id"]
        return made

    def send(self, *ops: dict[str, Any]) -> judging.AnswerJson:
        read = read_ops({"ops": list(ops)})
        places = {op.id: MarkPosition(op.index, now(), 101.0) for op in read if op.index is not None}
        answer = judging.judge_many(self.session, self.made, read, places, actor=self.actor)
        self.seen = answer["position"]
        return answer


@pytest.fixture
def board(session: Session, made: uuid.UUID, member: Actor) -> Board:
    return Board(session, made, member)


def outcomes(answer: judging.AnswerJson) -> list[str]:
    return [result["result"] for result in answer["results"]]


def letters(session: Session, made: uuid.UUID, actor: Actor) -> str:
    return judging.state_of(session, made, actor=actor)["letters"]


def test_a_batch_is_kept_in_order_as_single_judgements_would_be(
    session: Session, made: uuid.UUID, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    answer = board.send(
        board.op(mark=marks[0], verdict="confirmed"), board.op(mark=marks[1], verdict="false_positive", reason=" late "),
        board.op(mark=marks[2], verdict="adjustment", index=21), board.op(mark=marks[1], verdict="unsure"),
        board.op("miss", kind="swing_high", direction=1, index=33),
    )  # fmt: skip
    assert outcomes(answer) == ["done"] * 5 and answer["state"] is None
    assert letters(session, made, member) == "rum."
    assert [m["index"] for m in judging.state_of(session, made, actor=member)["missed"]] == [33]
    items = session.scalars(select(FeedbackItem).where(FeedbackItem.session_id == made)).all()
    assert len(items) == 4, "a second verdict replaces the first"
    moved = next(i for i in items if i.verdict == Verdict.ADJUSTMENT)
    assert (moved.expected_index, moved.candle_index, moved.dataset_id is not None) == (21, 20, True)
    row = session.scalars(select(PatternWorkspace)).one()
    assert row.feedback_count == 2, "one moved and one missed ask for a change; the wrong one became unsure"
    told = session.scalars(select(WorkspaceMessage.data).where(WorkspaceMessage.type == "feedback_added")).all()
    assert sorted(str(t["verdict"]) for t in told if t) == ["adjustment", "false_negative"]
    score = labels.score_session(session, made)
    assert (score.rate.tp, score.rate.fp, score.rate.fn, score.unsure) == (1, 1, 2, 1)


def test_a_batch_that_comes_twice_gets_its_first_answer(session: Session, board: Board, marks: list[uuid.UUID]) -> None:
    batch = [board.op(mark=marks[0], verdict="confirmed"), board.op(mark=marks[0], verdict="bad")]
    first = board.send(*batch)
    assert outcomes(first) == ["done", "refused"] and "verdict" in str(first["results"][1]["sentence"])
    assert board.send(*batch)["results"] == first["results"]
    assert len(session.scalars(select(JudgementOp)).all()) == 2


def test_a_gap_is_answered_with_the_number_that_is_missing(board: Board, marks: list[uuid.UUID]) -> None:
    first, second, third = (board.op(mark=mark, verdict="confirmed") for mark in marks[:3])
    answer = board.send(second, third)
    assert outcomes(answer) == ["gap", "gap"] and answer["results"][0]["expected"] == 1
    assert outcomes(board.send(first, second, third)) == ["done"] * 3
    lost = board.op("lost")
    assert outcomes(board.send(lost)) == ["refused"]
    assert outcomes(board.send(board.op(mark=marks[3], verdict="confirmed"))) == ["done"]


def test_two_boards_of_one_person_never_overwrite_each_other_unseen(
    session: Session, made: uuid.UUID, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    other = Board(session, made, member)
    board.send(board.op(mark=marks[0], verdict="confirmed"))
    answer = other.send(other.op(mark=marks[0], verdict="false_positive"))
    assert outcomes(answer) == ["conflict"] and answer["results"][0]["letter"] == "r"
    assert answer["state"] is not None and answer["state"]["letters"] == "r..."
    again = other.op(mark=marks[0], verdict="false_positive") | {"base": None}
    assert outcomes(other.send(again)) == ["done"], "the board has seen it now"
    assert letters(session, made, member) == "w..."


def test_undo_puts_back_what_was_there_and_only_once(
    session: Session, made: uuid.UUID, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    first = board.op(mark=marks[0], verdict="confirmed", reason="clear")
    second = board.op(mark=marks[0], verdict="adjustment", index=3)
    missed = board.op("miss", kind="swing_low", direction=-1, index=40)
    board.send(first, second, missed)
    history = judging.state_of(session, made, actor=member)["history"]
    assert [(h["letter"], h["before"]) for h in history] == [("x", "."), ("m", "r"), ("r", ".")]
    undo = [board.op("undo", of=one["id"]) for one in (missed, second)]
    assert outcomes(board.send(*undo)) == ["done", "done"]
    item = session.scalars(select(FeedbackItem).where(FeedbackItem.detection_id == marks[0])).one()
    assert (item.verdict, item.reason, item.expected_index) == (Verdict.CONFIRMED, "clear", 0)
    assert outcomes(board.send(board.op("undo", of=second["id"]))) == ["refused"]
    assert (
        outcomes(board.send(board.op("undo", mark=marks[0], of=first["id"]), board.op(mark=marks[0], verdict="unsure")))
        == ["done"] * 2
    )
    assert letters(session, made, member) == "u..."


def test_what_was_sent_is_refused_and_so_is_its_undo(session: Session, board: Board, marks: list[uuid.UUID]) -> None:
    wrong = board.op(mark=marks[0], verdict="false_positive")
    board.send(wrong)
    item = session.scalars(select(FeedbackItem)).one()
    item.state = FeedbackState.SENT
    session.flush()
    answer = board.send(board.op("undo", of=wrong["id"]), board.op(mark=marks[0], verdict="confirmed"))
    assert outcomes(answer) == ["refused", "refused"]
    assert {r["sentence"] for r in answer["results"]} == {
        "This correction is sent already; it can't be changed any more."
    }


def test_a_session_completed_meanwhile_refuses_each_with_a_sentence(
    session: Session, made: uuid.UUID, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    sessions.complete(session, made, actor=member)
    answer = board.send(*(board.op(mark=mark, verdict="confirmed") for mark in marks))
    assert outcomes(answer) == ["refused"] * 4 and "not active any more" in str(answer["results"][0]["sentence"])
    assert answer["state"] is not None and answer["state"]["status"] == "completed"


def test_a_mark_of_another_session_is_refused_alone(
    session: Session, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    stored = factories.dataset(session, member, seed=2)
    home = session.scalars(select(PatternWorkspace.id)).one()
    elsewhere = scenarios.run_session(session, home, member, stored, anchors=[5])
    foreign = session.scalars(select(Detection.id).where(Detection.session_id == elsewhere)).one()
    answer = board.send(board.op(mark=foreign, verdict="confirmed"), board.op(mark=marks[0], verdict="confirmed"))
    assert outcomes(answer) == ["refused", "done"]
    assert answer["results"][0]["sentence"] == "This mark is not one of this session's."


def test_two_reviewers_who_disagree_make_a_mark_disputed(
    session: Session, made: uuid.UUID, board: Board, marks: list[uuid.UUID]
) -> None:
    other = Board(session, made, factories.person(session))
    board.send(board.op(mark=marks[0], verdict="confirmed"))
    answer = other.send(other.op(mark=marks[0], verdict="false_positive"))
    assert outcomes(answer) == ["done"], "each reviewer has their own verdict"
    assert answer["state"] is not None and answer["state"]["letters"][0] == "w", "and sees it first"
    states = session.scalars(select(FeedbackItem.state).where(FeedbackItem.detection_id == marks[0])).all()
    assert set(states) == {FeedbackState.DISPUTED}
    undo = other.op("undo", of=answer["results"][0]["id"])
    other.send(undo)
    mine = session.scalars(select(FeedbackItem).where(FeedbackItem.author_id == board.actor.id)).one()
    assert mine.state == FeedbackState.OPEN


def test_who_may_not_judge_is_refused(session: Session, made: uuid.UUID, marks: list[uuid.UUID]) -> None:
    viewer = Board(session, made, factories.person(session, Role.VIEWER))
    with pytest.raises(NotAllowed):
        viewer.send(viewer.op(mark=marks[0], verdict="confirmed"))


def test_single_judgements_and_batches_meet_on_one_item(
    session: Session, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    feedback.judge(session, marks[0], Verdict.FALSE_POSITIVE, actor=member)
    board.send(board.op(mark=marks[0], verdict="confirmed"))
    assert len(session.scalars(select(FeedbackItem)).all()) == 1
    assert session.scalars(select(PatternWorkspace)).one().feedback_count == 0


@pytest.mark.parametrize(
    "body", [None, [], {"ops": []}, {"ops": "x"}, {"ops": [1]}, {"ops": [{"id": "no"}]}, {"ops": [{}] * 201},
             {"ops": [{"id": str(uuid.uuid4()), "client": str(uuid.uuid4()), "seq": 0}]}],
)  # fmt: skip
def test_what_is_no_batch_is_refused_with_a_sentence(body: object) -> None:
    with pytest.raises(InvalidInput):
        read_ops(body)


@pytest.mark.parametrize(
    "odd", [{"verdict": []}, {"do": {}}, {"severity": [1]}, {"verdict": True}, {"reason": []}, {"index": 1.5}]
)
def test_a_judgement_with_a_field_of_another_kind_is_refused_alone(
    board: Board, marks: list[uuid.UUID], odd: dict[str, Any]
) -> None:
    first, last = (board.op(mark=mark, verdict="confirmed") for mark in marks[:2])
    answer = board.send(first | odd, last)
    assert outcomes(answer) == ["refused", "done"]
    assert answer["results"][0]["sentence"]


def test_a_verdict_that_changes_moves_the_time_it_counts_from_and_the_places_follow(
    session: Session, made: uuid.UUID, board: Board, marks: list[uuid.UUID]
) -> None:
    first = board.op(mark=marks[0], verdict="confirmed")
    board.send(first)
    item = session.scalars(select(FeedbackItem).where(FeedbackItem.detection_id == marks[0])).one()
    given = [item.judged_at]
    again = board.op(mark=marks[0], verdict="false_positive")
    board.send(again)
    given.append(item.judged_at)
    places = labels.keep(session, item.workspace_id).places
    assert [(p.status, p.judgements) for p in places] == [("absent", (str(item.id),))]
    board.send(board.op("undo", of=again["id"]))
    given.append(item.judged_at)
    assert given == sorted(set(given)), "each later than the one before"
    labels.keep_current(session, item.workspace_id)
    assert [row.status for row in session.scalars(select(PlaceRow))] == ["present"]


def test_a_move_to_where_the_mark_is_already_is_refused(board: Board, marks: list[uuid.UUID]) -> None:
    answer = board.send(board.op(mark=marks[1], verdict="adjustment", index=10))
    assert outcomes(answer) == ["refused"]
    assert "The mark is there already" in str(answer["results"][0]["sentence"])


def test_a_missed_mark_is_added_taken_away_and_undone_by_its_item(
    session: Session, made: uuid.UUID, board: Board, member: Actor
) -> None:
    added = board.op("miss", kind="swing_high", direction=1, index=33)
    item = board.send(added)["results"][0]["item"]
    assert [(m["id"], m["own"]) for m in judging.state_of(session, made, actor=member)["missed"]] == [(item, True)]
    assert judging.state_of(session, made, actor=member)["history"][0]["missed"] == item
    gone = board.send(board.op("undo", of=added["id"]))["results"][0]
    assert gone["item"] == item and judging.state_of(session, made, actor=member)["missed"] == []
    again = board.send(board.op("miss", kind="swing_high", direction=1, index=33))["results"][0]["item"]
    removed = {"id": str(uuid.uuid4()), "client": board.client, "seq": board.seq + 1, "do": "remove", "mark": again}
    assert outcomes(board.send(removed)) == ["done"]
    assert judging.state_of(session, made, actor=member)["missed"] == []


def test_a_blind_review_shows_anothers_verdict_once_one_has_given_ones_own(
    session: Session, made: uuid.UUID, member: Actor, board: Board, marks: list[uuid.UUID]
) -> None:
    other = factories.person(session, name="Olga Other")
    feedback.judge(session, marks[0], Verdict.CONFIRMED, actor=other)
    feedback.judge(session, marks[1], Verdict.FALSE_POSITIVE, actor=other)
    place = MarkPosition(33, now(), 101.0)
    feedback.add_missed(session, made, kind="swing_high", direction=1, place=place, actor=other)
    before = judging.state_of(session, made, actor=member)
    assert (before["letters"], before["blind"], before["missed"]) == ("....", True, [])
    assert before["others"] == [{"name": "Olga Other", "letters": "...."}]
    board.send(board.op(mark=marks[1], verdict="confirmed"))
    after = judging.state_of(session, made, actor=member)
    assert (after["letters"], after["others"][0]["letters"]) == (".r..", ".w..")
    board.send(*(board.op(mark=mark, verdict="unsure") for mark in (marks[0], marks[2], marks[3])))
    everything = judging.state_of(session, made, actor=member)
    assert everything["others"][0]["letters"] == "rw.." and [m["own"] for m in everything["missed"]] == [False]
    theirs = session.scalars(select(FeedbackItem.verdict).where(FeedbackItem.author_id == other.id))
    assert sorted(theirs) == ["confirmed", "false_negative", "false_positive"], "nobody's verdict was written over"


def test_who_only_looks_on_and_a_workspace_without_the_rule_see_everything(
    session: Session, made: uuid.UUID, member: Actor, marks: list[uuid.UUID]
) -> None:
    other = factories.person(session, name="Olga Other")
    feedback.judge(session, marks[0], Verdict.CONFIRMED, actor=other)
    looking = judging.state_of(session, made, actor=factories.person(session, Role.VIEWER))
    assert (looking["letters"], looking["blind"], looking["others"][0]["letters"]) == ("r...", False, "r...")
    workspace_id = session.scalars(select(PatternWorkspace.id)).one()
    workspaces.set_blind_review(session, workspace_id, False, actor=member)
    assert judging.state_of(session, made, actor=member)["letters"] == "r..."


def test_an_id_of_another_persons_judgement_is_refused_and_tells_nothing(
    session: Session, made: uuid.UUID, board: Board, marks: list[uuid.UUID]
) -> None:
    theirs = board.op(mark=marks[0], verdict="confirmed")
    board.send(theirs)
    stranger = Board(session, made, factories.person(session))
    answer = stranger.send(stranger.op(mark=marks[0], verdict="false_positive") | {"id": theirs["id"]})
    assert outcomes(answer) == ["refused"] and answer["results"][0]["item"] is None
    assert len(session.scalars(select(JudgementOp)).all()) == 1


def test_in_a_blind_review_neither_a_score_nor_a_download_tells_of_others_before_one_has_judged(
    session: Session, member: Actor, made: uuid.UUID, marks: list[uuid.UUID]
) -> None:
    home = session.get_one(PatternSession, made).workspace_id
    session.get_one(PatternWorkspace, home).blind_review = True
    other = factories.person(session)
    board = Board(session, made, other)
    board.send(
        board.op(mark=marks[0], verdict="false_positive", reason="secret"),
        board.op("miss", kind="swing", direction=1, index=30),
    )
    assert judging.is_masked(session, made, actor=member)
    assert not judging.is_masked(session, made, actor=other)
    assert not judging.is_masked(session, made, actor=factories.person(session, Role.VIEWER))

    def reviewers(viewer: uuid.UUID | None) -> list[tuple[int, str]]:
        known = find_report("marks")
        params = read_filters(session, known, {"session": str(made)}) | {"viewer": viewer}
        assert known.sql is not None
        rows = fetch_dicts(session, known.sql, params)
        return [(row["anchor_index"], row["verdict"]) for row in rows if row["verdict"]]

    whole = [(0, "false_positive"), (30, "false_negative")]
    assert reviewers(member.id) == [] and reviewers(other.id) == whole and reviewers(None) == whole
    own = Board(session, made, member)
    own.send(own.op(mark=marks[0], verdict="unsure"))
    assert sorted(v for _, v in reviewers(member.id)) == ["false_positive", "unsure"], "what was missed stays hidden"
    own.send(*[own.op(mark=mark, verdict="unsure") for mark in marks[1:]])
    assert not judging.is_masked(session, made, actor=member) and (30, "false_negative") in reviewers(member.id)
