"""Review: the evidence that an approval rests on, and what may be decided on it."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services import feedback, review, sessions
from services.errors import GuardFailed, InvalidInput
from services.lifecycle import Verdict, WorkspaceStatus
from services.models import DetectorVersion, PatternSession
from services.people import Actor
from tests import factories
from tests.support import scenarios

W = WorkspaceStatus


@pytest.mark.parametrize(("right", "wrong", "enough"), [(9, 0, False), (0, 0, False), (10, 0, True), (0, 10, True)])
def test_ten_judged_marks_are_needed_right_or_wrong(
    session: Session, member: Actor, home: uuid.UUID, right: int, wrong: int, enough: bool
) -> None:
    scenarios.judged(session, home, member, right=right, wrong=wrong)
    before = scenarios.everything(session)
    if enough:
        review.approve(session, home, comment="Good.\x00", actor=member)
        found = scenarios.row(session, home)
        assert (found.status, found.approved_by_id) == (W.IN_REVIEW, member.id)
        assert scenarios.kinds(session, home)[-2:] == ["user_approved", "status_changed"]
        return
    with pytest.raises(GuardFailed, match=f"{right + wrong} judged marks in 1 completed session"):
        review.approve(session, home, actor=member)
    assert scenarios.everything(session) == before


def test_only_completed_sessions_of_the_deployed_version_are_evidence(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member)
    active = scenarios.run_session(session, home, member, stored, anchors=range(12))
    for detection in scenarios.detections(session, active).values():
        feedback.judge(session, detection, Verdict.CONFIRMED, actor=member)
    with pytest.raises(GuardFailed, match="0 judged marks"):
        review.approve(session, home, actor=member)
    sessions.complete(session, active, actor=member)
    feedback.add_comment_item(session, home, "words", actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member), params={"left": 4})
    with pytest.raises(GuardFailed, match="0 judged marks"):
        review.approve(session, home, actor=member)
    assert review.evidence(session, home).session_ids == []


def test_a_live_run_keeps_the_approval_away(session: Session, member: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member, right=10, wrong=1)
    scenarios.launch(session, home, member)
    with pytest.raises(GuardFailed, match="Execution 2 is live"):
        review.approve(session, home, actor=member)


def test_the_approver_withdraws_and_nobody_else(session: Session, member: Actor, admin: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    for other in (admin, factories.person(session)):
        with pytest.raises(GuardFailed, match="Only the person who approved"):
            review.withdraw(session, home, actor=other)
    review.withdraw(session, home, actor=member)
    found = scenarios.row(session, home)
    assert (found.status, found.approved_at, found.approved_by_id, found.approved_evidence) == (
        W.BETA,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_returning_and_reopening_need_a_reason(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, reason: str
) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    with pytest.raises(InvalidInput, match="reason is required"):
        review.return_to_beta(session, home, reason=reason, actor=admin)
    review.verify(session, home, actor=admin)
    with pytest.raises(InvalidInput, match="reason is required"):
        review.reopen(session, home, reason=reason, actor=admin)
    assert scenarios.row(session, home).status == W.VERIFIED


def test_the_way_to_verified_and_back_is_told_step_by_step(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member)
    begin = len(scenarios.kinds(session, home))
    review.approve(session, home, actor=member)
    review.return_to_beta(session, home, reason="Look at the gaps.", actor=admin)
    review.approve(session, home, actor=member)
    review.verify(session, home, comment="Yes.", actor=admin)
    found = scenarios.row(session, home)
    assert (found.status, found.version, found.verified_by_id) == (W.VERIFIED, "1.0.0", admin.id)
    assert review.last_verified_commit(session, home) == review.evidence(session, home).commit_hash
    review.reopen(session, home, reason="It repaints.", actor=admin)
    assert scenarios.kinds(session, home)[begin:] == [
        "user_approved", "status_changed", "review_returned", "status_changed", "user_approved", "status_changed",
        "admin_verified", "version_updated", "status_changed", "status_changed",
    ]  # fmt: skip
    review.approve(session, home, actor=member)
    review.verify(session, home, actor=admin)
    assert scenarios.row(session, home).version == "2.0.0"
    assert [q.workspace_id for q in review.queue(session, decided=True)] == [home]
    assert scenarios.lies(session) == []


def test_evidence_that_changed_is_not_verified(session: Session, member: Actor, admin: Actor, home: uuid.UUID) -> None:
    made = scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    assert not review.void_if_changed(session, home, reason="nothing changed")
    session.get_one(PatternSession, made).status = "archived"
    session.flush()
    with pytest.raises(GuardFailed, match="0 completed sessions"):
        review.verify(session, home, actor=admin)
    session.get_one(PatternSession, made).status = "completed"
    factories.version(session, home, "0.2.0")
    with pytest.raises(GuardFailed, match="changed since the approval"):
        review.verify(session, home, actor=admin)
    assert review.void_if_changed(session, home, reason="Somebody pushed by hand.")
    assert scenarios.row(session, home).status == W.BETA
    assert scenarios.kinds(session, home)[-2:] == ["approval_voided", "status_changed"]
    assert not review.void_if_changed(session, home, reason="again")


@pytest.mark.parametrize("what", ["version", "code", "parameters"])
def test_an_approval_binds_the_version_its_code_and_its_parameters(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, what: str
) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    deployed = session.get_one(DetectorVersion, review.evidence(session, home).version_id)
    if what == "version":  # another one of the same code and parameters
        other = session.get_one(
            DetectorVersion, factories.version(session, home, "0.2.0", params=dict(deployed.params))
        )
        other.code_sha256 = deployed.code_sha256
    elif what == "code":
        deployed.code_sha256 = "f" * 64
    else:
        deployed.params = deployed.params | {"left": 99}
    session.flush()
    with pytest.raises(GuardFailed, match="changed since the approval"):
        review.verify(session, home, actor=admin)
    assert review.void_if_changed(session, home, reason="It changed.")
    assert scenarios.row(session, home).status == W.BETA


def test_more_sessions_while_in_review_are_no_change(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    [waiting] = review.queue(session)
    assert (waiting.workspace_id, waiting.success_n, waiting.approved_by_name) == (home, 10, member.name)
    scenarios.judged(session, home, member, right=2)
    review.verify(session, home, actor=admin)
    assert scenarios.row(session, home).status == W.VERIFIED
