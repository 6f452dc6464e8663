"""Sessions: windows, splits, frozen scores, the workspace's rate, retests."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import feedback, labels, sessions
from services.errors import Conflict, InvalidInput, NotFound
from services.feedback import MarkPosition
from services.lifecycle import FeedbackState, SessionStatus, Verdict, VersionStatus
from services.models import FeedbackItem, PatternSession, WorkspaceMessage, now
from services.people import Actor
from services.places.rates import wilson
from tests import factories
from tests.support import scenarios

V = Verdict


@pytest.fixture
def stored(session: Session, member: Actor) -> factories.DatasetRow:
    return factories.dataset(session, member)


def judge_all(session: Session, made: uuid.UUID, actor: Actor, verdicts: dict[int, Verdict]) -> dict[int, uuid.UUID]:
    """The given verdict on the detection at each anchor; the items by anchor."""
    found = scenarios.detections(session, made)
    place = MarkPosition(17, now())
    return {
        anchor: feedback.judge(
            session, found[anchor], verdict, expected=place if verdict == V.ADJUSTMENT else None, actor=actor
        )
        for anchor, verdict in verdicts.items()
    }


def row(session: Session, made: uuid.UUID) -> PatternSession:
    session.flush()
    return session.get_one(PatternSession, made, populate_existing=True)


def item(session: Session, made: uuid.UUID) -> FeedbackItem:
    session.flush()
    return session.get_one(FeedbackItem, made, populate_existing=True)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 60), (60, 60), (0, 10**9), (None, 60), (61, None)])
def test_a_window_lies_inside_its_dataset(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow, start: int | None, end: int | None
) -> None:
    before = scenarios.everything(session)
    with pytest.raises(InvalidInput, match="not inside"):
        sessions.create(session, home, dataset_id=stored.id, start_index=start, end_index=end, actor=member)
    assert scenarios.everything(session) == before


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(0, 0, (0, 0)), (0, 59, (0, 59)), (None, None, (0, 59)), (59, None, (59, 59))]
)
def test_a_window_is_inclusive_and_index_0_is_a_bar_like_any_other(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow, start: int | None, end: int | None,
    expected: tuple[int, int],
) -> None:  # fmt: skip
    plan = sessions.create(session, home, dataset_id=stored.id, start_index=start, end_index=end, actor=member)
    assert (plan.start_index, plan.end_index) == expected
    assert scenarios.row(session, home).session_count == 1


def test_what_a_session_needs_is_there_first(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFound, match="no such dataset"):
        sessions.create(session, home, dataset_id=uuid.uuid4(), actor=member)
    with pytest.raises(InvalidInput, match="coverage"):
        sessions.create(session, home, dataset_id=stored.id, coverage="all", actor=member)
    soon = factories.workspace(session, member)
    with pytest.raises(Conflict, match="launch the first execution"):
        sessions.create(session, soon, dataset_id=stored.id, actor=member)
    scenarios.launch(session, soon, member)
    with pytest.raises(Conflict, match="wait for its first deploy"):
        sessions.create(session, soon, dataset_id=stored.id, actor=member)
    monkeypatch.setattr("services.sessions.opening.MAX_WINDOW", 59)
    with pytest.raises(InvalidInput, match="covers up to"):
        sessions.create(session, home, dataset_id=stored.id, start_index=0, end_index=59, actor=member)


def test_a_session_keeps_what_it_ran(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    made = scenarios.run_session(session, home, member, stored, anchors=[0, 59])
    found = sessions.get(session, made)
    assert (found.version, found.params, found.dataset_sha256) == ("0.1.0", {"left": 3}, stored.content_sha256)
    assert (found.start_index, found.end_index, found.detection_count, found.status) == (0, 59, 2, "active")
    assert found.commit_hash
    marks = sessions.marks(session, made)
    assert list(marks["anchor_index"]) == [0, 59]
    assert row(session, made).start_time == factories.DAY_ONE
    with pytest.raises(Conflict, match="is active"):
        sessions.record(session, made, [], factories.dataset_candles(stored), run_ms=1, isolation="reduced",
                        context_bars=0, actor=member)  # fmt: skip
    sessions.fail(session, made, "too late")
    assert row(session, made).status == SessionStatus.ACTIVE


def test_a_run_that_fails_says_so_and_can_not_be_completed(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    plan = sessions.create(session, home, dataset_id=stored.id, actor=member)
    sessions.fail(session, plan.session_id, "The detector prints noise.")
    assert (row(session, plan.session_id).status, row(session, plan.session_id).detector_error) == (
        "failed", "The detector prints noise.",
    )  # fmt: skip
    with pytest.raises(Conflict, match="failed"):
        sessions.complete(session, plan.session_id, actor=member)
    assert scenarios.lies(session) == []


def test_completing_counts_each_verdict_and_freezes_the_score(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    made = scenarios.run_session(session, home, member, stored, anchors=range(0, 35, 5), coverage="exhaustive")
    judge_all(
        session, made, member, {0: V.CONFIRMED, 5: V.CONFIRMED, 10: V.FALSE_POSITIVE, 15: V.ADJUSTMENT, 20: V.UNSURE}
    )
    feedback.add_missed(session, made, kind="swing_high", direction=1, place=MarkPosition(3, now()), actor=member)
    feedback.add_comment_item(session, home, "words", session_id=made, actor=member)
    sessions.complete(session, made, actor=member)
    done = row(session, made)
    # 25 and 30 were judged by nobody, in bars that the reviewer declares fully checked.
    assert (done.tp, done.fp, done.fn, done.unsure_count, done.unjudged_count) == (2, 4, 2, 1, 0)
    # Eight counted, the two ends of the move once, all in one block of bars: worth seven over 1.5.
    assert done.n_effective == pytest.approx(7 / 1.5)
    assert (done.success_rate, done.ci_low, done.ci_high) == (0.25, *(pytest.approx(v) for v in wilson(7 / 6, 7 / 1.5)))
    assert (done.precision, done.recall) == (pytest.approx(1 / 3), 0.5)
    assert done.label_set_sha256
    assert scenarios.row(session, home).success_rate == 0.25
    rate = labels.rate_from_json((scenarios.row(session, home).rate or {})["all"])
    assert rate is not None and rate.words == "25% (5 to 67%) of 8, on 1 of 1 window, few windows"
    assert scenarios.lies(session) == []
    before = scenarios.everything(session)
    detection = scenarios.detections(session, made)[0]
    for attempt in (
        lambda: feedback.judge(session, detection, V.FALSE_POSITIVE, actor=member),
        lambda: feedback.add_missed(
            session, made, kind="swing_high", direction=1, place=MarkPosition(4, now()), actor=member
        ),
        lambda: sessions.complete(session, made, actor=member),
    ):
        with pytest.raises(Conflict):
            attempt()
    assert scenarios.everything(session) == before


def test_a_session_without_verdicts_has_no_rate(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    made = scenarios.run_session(session, home, member, stored)
    sessions.complete(session, made, actor=member)
    assert (row(session, made).success_rate, scenarios.row(session, home).success_rate) == (None, None)
    message = session.query(WorkspaceMessage).filter_by(session_id=made, type="session_completed").one()
    assert message.data is not None
    assert (message.data["tp"], "success_rate" in message.data) == (0, False)


def test_the_workspace_s_rate_is_of_the_deployed_version_only(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    old = scenarios.run_session(session, home, member, stored)
    scenarios.judged(session, home, member, right=3, wrong=1)
    assert scenarios.row(session, home).success_rate == 0.75
    scenarios.deploy(session, scenarios.launch(session, home, member), params={"left": 4})
    assert (scenarios.row(session, home).success_rate, scenarios.row(session, home).success_tp) == (None, 0)
    judge_all(session, old, member, {10: V.CONFIRMED})
    sessions.complete(session, old, actor=member)
    assert (row(session, old).tp, row(session, old).fn) == (1, 3), "the other session's marks are of the same bars"
    assert scenarios.row(session, home).success_rate is None  # it ran the version before
    scenarios.judged(session, home, member, right=1, wrong=1)
    assert scenarios.row(session, home).success_rate == 0.25, "two marks that were right are gone"
    assert scenarios.lies(session) == []


def test_names_are_kept_short(session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow) -> None:
    plan = sessions.create(session, home, dataset_id=stored.id, name=" \x00 ", actor=member)
    assert row(session, plan.session_id).name == "TEST 1d #0–#59"
    sessions.rename(session, plan.session_id, " Gaps\x00 ", actor=member)
    assert row(session, plan.session_id).name == "Gaps"
    for name in ("", "\x00", "x" * 121):
        with pytest.raises(InvalidInput):
            sessions.rename(session, plan.session_id, name, actor=member)


def states(session: Session, items: dict[int, uuid.UUID]) -> dict[int, Any]:
    return {anchor: item(session, made).state for anchor, made in items.items()}


def test_a_retest_carries_over_what_stayed_and_settles_what_was_addressed(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    S = FeedbackState  # noqa: N806
    old = scenarios.run_session(session, home, member, stored, anchors=[10, 20, 30, 40])
    items = judge_all(
        session, old, member, {10: V.CONFIRMED, 20: V.FALSE_POSITIVE, 30: V.FALSE_POSITIVE, 40: V.FALSE_POSITIVE}
    )
    items[5] = feedback.add_missed(
        session, old, kind="swing_high", direction=1, place=MarkPosition(5, now()), actor=member
    )
    items[6] = feedback.add_missed(
        session, old, kind="swing_high", direction=1, place=MarkPosition(6, now()), actor=member
    )
    sessions.complete(session, old, actor=member)
    execution = scenarios.launch(session, home, member)
    scenarios.deploy(session, execution, fixed=[str(items[i]) for i in (20, 30, 5)], params={"left": 4})
    assert states(session, items) == {
        10: S.OPEN, 20: S.ADDRESSED, 30: S.ADDRESSED, 40: S.OPEN, 5: S.ADDRESSED, 6: S.OPEN,
    }  # fmt: skip
    asked = scenarios.row(session, home).feedback_count
    # The new version lost 20, found 5, which is right then, and still has 30 and 40; 12 is new and waits for the reviewer.
    new = scenarios.run_session(session, home, member, stored, anchors=[5, 10, 12, 30, 40], retest_of=old)
    marks = sessions.marks(session, new).set_index("anchor_index")
    assert dict(marks["made_by"].dropna()) == {5: "carried", 10: "carried", 30: "carried", 40: "carried", 6: "carried"}
    assert (marks["verdict"][5], marks["verdict"][6]) == ("confirmed", "false_negative")
    assert scenarios.row(session, home).feedback_count == asked + 3
    assert scenarios.lies(session) == []
    sessions.complete(session, new, actor=member)
    assert states(session, items) == {
        10: S.OPEN, 20: S.VERIFIED, 30: S.OPEN, 40: S.OPEN, 5: S.VERIFIED, 6: S.OPEN,
    }  # fmt: skip
    assert (row(session, new).tp, row(session, new).fp, row(session, new).fn) == (2, 2, 1)
    assert scenarios.row(session, home).deployed_version_id == row(session, new).detector_version_id


def test_a_retest_of_a_retest_settles_the_first_session_s_corrections(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    first = scenarios.run_session(session, home, member, stored, anchors=[20, 30])
    items = judge_all(session, first, member, {20: V.FALSE_POSITIVE, 30: V.FALSE_POSITIVE})
    sessions.complete(session, first, actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member), params={"left": 4})
    second = scenarios.run_session(session, home, member, stored, anchors=[20, 30], retest_of=first)
    sessions.complete(session, second, actor=member)
    fixed = [str(i) for i in items.values()]
    scenarios.deploy(session, scenarios.launch(session, home, member), fixed=fixed, params={"left": 5})
    third = scenarios.run_session(session, home, member, stored, anchors=[30], retest_of=second)
    # Saying it again counts as much as a verdict that was carried over.
    feedback.judge(session, scenarios.detections(session, third)[30], V.FALSE_POSITIVE, actor=member)
    sessions.complete(session, third, actor=member)
    assert states(session, items) == {20: FeedbackState.VERIFIED, 30: FeedbackState.OPEN}
    assert scenarios.lies(session) == []


def copies(session: Session, made: uuid.UUID) -> dict[int, tuple[str, uuid.UUID | None]]:
    """State and execution of what a retest took over, by bar."""
    carried = select(FeedbackItem).where(FeedbackItem.session_id == made, FeedbackItem.made_by == "carried")
    rows = session.scalars(carried.execution_options(populate_existing=True))
    return {found.candle_index or 0: (found.state, found.execution_id) for found in rows}


def test_the_copy_of_a_correction_that_was_sent_is_open_and_belongs_to_no_batch(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    old = scenarios.run_session(session, home, member, stored, anchors=[20, 30])
    items = judge_all(session, old, member, {20: V.FALSE_POSITIVE, 30: V.CONFIRMED})
    sessions.complete(session, old, actor=member)
    execution = scenarios.launch(session, home, member)
    new = scenarios.run_session(session, home, member, stored, anchors=[20, 30], retest_of=old)
    assert states(session, items) == {20: FeedbackState.SENT, 30: FeedbackState.OPEN}
    assert copies(session, new) == {20: (FeedbackState.OPEN, None), 30: (FeedbackState.OPEN, None)}
    assert scenarios.lies(session) == []
    scenarios.deploy(session, execution, fixed=[str(items[20])], params={"left": 4})
    assert states(session, items)[20] == FeedbackState.ADDRESSED
    assert copies(session, new)[20] == (FeedbackState.OPEN, None)


@pytest.mark.parametrize("holds", [True, False])
def test_a_retest_settles_originals_and_leaves_the_copies_between_as_they_are(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow, holds: bool
) -> None:
    first = scenarios.run_session(session, home, member, stored, anchors=[20, 30])
    items = judge_all(session, first, member, {20: V.FALSE_POSITIVE, 30: V.CONFIRMED})
    sessions.complete(session, first, actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member), fixed=[str(items[20])], params={"left": 4})
    second = scenarios.run_session(session, home, member, stored, anchors=[20, 30], retest_of=first)
    assert copies(session, second)[20] == (FeedbackState.ADDRESSED, None)
    third = scenarios.run_session(session, home, member, stored, anchors=[30] if holds else [20, 30], retest_of=second)
    sessions.complete(session, third, actor=member)
    assert states(session, items)[20] == (FeedbackState.VERIFIED if holds else FeedbackState.OPEN)
    assert copies(session, second)[20] == (FeedbackState.ADDRESSED, None)


def test_what_was_right_and_is_gone_is_listed(
    session: Session, member: Actor, home: uuid.UUID, stored: factories.DatasetRow
) -> None:
    old = scenarios.run_session(session, home, member, stored, anchors=[10, 20])
    judge_all(session, old, member, {10: V.CONFIRMED, 20: V.CONFIRMED})
    factories.version(session, home, "0.2.0", status=VersionStatus.DEPLOYED)
    new = scenarios.run_session(session, home, member, stored, anchors=[20], retest_of=old)
    assert [g["candle_index"] for g in sessions.gone(session, new)] == [10]
    feedback.add_missed(session, new, kind="swing_high", direction=1, place=MarkPosition(10, now()), actor=member)
    assert sessions.gone(session, new) == []
