"""Review: the evidence that an approval rests on, and what may be decided on it."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services import approvals, feedback, review, sessions
from services.errors import GuardFailed, InvalidInput
from services.lifecycle import Role, Verdict, WorkspaceStatus
from services.models import DetectorVersion, PatternSession, WorkspaceMessage
from services.people import Actor
from services.settings import get_settings
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
    with pytest.raises(GuardFailed, match=f"{right + wrong} judged place"):
        review.approve(session, home, actor=member)
    assert scenarios.everything(session) == before


def test_only_completed_sessions_of_the_deployed_version_are_evidence(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member)
    active = scenarios.run_session(session, home, member, stored, anchors=range(12))
    for detection in scenarios.detections(session, active).values():
        feedback.judge(session, detection, Verdict.CONFIRMED, actor=member)
    with pytest.raises(GuardFailed, match="0 judged places"):
        review.approve(session, home, actor=member)
    sessions.complete(session, active, actor=member)
    feedback.add_comment_item(session, home, "words", actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member), params={"left": 4})
    with pytest.raises(GuardFailed, match="0 judged places"):
        review.approve(session, home, actor=member)
    assert review.evidence(session, home).session_ids == []


def test_a_live_run_refuses_the_approval(session: Session, member: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member, right=10, wrong=1)
    scenarios.launch(session, home, member)
    with pytest.raises(GuardFailed, match="Execution 2 is live"):
        review.approve(session, home, actor=member)


def test_only_the_approver_withdraws(session: Session, member: Actor, admin: Actor, home: uuid.UUID) -> None:
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


def test_each_step_to_verified_and_back_is_a_message(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member)
    begin = len(scenarios.kinds(session, home))
    review.approve(session, home, actor=member)
    review.return_to_beta(session, home, reason="Look at the gaps.", actor=admin)
    returned = scenarios.row(session, home)
    assert (returned.approved_at, returned.approved_by_id, returned.approved_evidence) == (None, None, None)
    reason = review.open_return(session, home)
    assert reason is not None and (reason.reason, reason.by) == ("Look at the gaps.", admin.name)
    with pytest.raises(InvalidInput, match="Look at the gaps"):
        review.approve(session, home, actor=member)
    review.approve(session, home, comment="Looked at all of them.", actor=member)
    assert review.open_return(session, home) is None
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
    assert not approvals.void_if_changed(session, home, reason="nothing changed")
    session.get_one(PatternSession, made).status = "archived"
    session.flush()
    with pytest.raises(GuardFailed, match="0 completed sessions"):
        review.verify(session, home, actor=admin)
    session.get_one(PatternSession, made).status = "completed"
    factories.version(session, home, "0.2.0")
    with pytest.raises(GuardFailed, match="changed since the approval"):
        review.verify(session, home, actor=admin)
    assert approvals.void_if_changed(session, home, reason="Somebody pushed by hand.")
    assert scenarios.row(session, home).status == W.BETA
    assert scenarios.kinds(session, home)[-2:] == ["approval_voided", "status_changed"]
    assert not approvals.void_if_changed(session, home, reason="again")


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
    assert approvals.void_if_changed(session, home, reason="It changed.")
    voided = scenarios.row(session, home)
    assert (voided.status, voided.approved_at, voided.approved_by_id, voided.approved_evidence) == (
        W.BETA, None, None, None,
    )  # fmt: skip


def test_an_approval_keeps_its_evidence_and_its_comment(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = scenarios.judged(session, home, member, right=7, wrong=1)
    second = scenarios.judged(session, home, member, right=3, wrong=2, series=2)
    feedback.add_comment_item(session, home, "One that is still open.", actor=member)
    review.approve(session, home, comment=" Good.\x00 ", actor=member)
    kept = scenarios.row(session, home).approved_evidence
    now = review.evidence(session, home)
    assert kept == now.as_json()
    assert kept["session_ids"] == [str(first), str(second)]
    assert (kept["tp"], kept["fp"], kept["fn"], kept["n"]) == (10, 3, 0, 13)
    assert kept["success_rate"] == pytest.approx(10 / 13)
    assert kept["ci_low"] < kept["success_rate"] < kept["ci_high"]
    assert kept["open_corrections"] == 4, "three wrong marks and the comment"
    assert {len(kept[name]) for name in ("code_sha256", "params_sha256")} == {64}
    told = session.query(WorkspaceMessage).filter_by(workspace_id=home, type="user_approved").one()
    assert told.data is not None
    assert (told.content, told.data["comment"], told.data["evidence"]["n"]) == ("Good.", "Good.", 13)


def test_more_sessions_while_in_review_are_no_change(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    [waiting] = review.queue(session)
    assert (waiting.workspace_id, waiting.rates.all.n, waiting.approved_by_name) == (home, 10, member.name)
    scenarios.judged(session, home, member, right=2)
    review.verify(session, home, actor=admin)
    assert scenarios.row(session, home).status == W.VERIFIED


def test_nobody_verifies_an_approval_of_their_own_unless_a_setting_allows_it(
    session: Session, admin: Actor, home: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = factories.person(session, Role.ADMIN)
    scenarios.judged(session, home, admin)
    review.approve(session, home, actor=admin)

    def other_person(actor: Actor) -> tuple[bool, str]:
        guards = {guard.name: guard for guard in review.verification_guards(session, home, actor)}
        assert all(guard.holds for name, guard in guards.items() if name != "other_person")
        return guards["other_person"].holds, guards["other_person"].sentence

    assert other_person(other) == (True, "You are not the approver")
    assert other_person(admin) == (False, "You approved this yourself; another admin verifies it")
    with pytest.raises(GuardFailed, match="You approved this yourself"):
        review.verify(session, home, actor=admin)
    monkeypatch.setattr(get_settings(), "approver_may_verify", True)
    assert other_person(admin) == (True, "You approved this yourself; that is allowed here by a setting")
    assert other_person(other) == (True, "You are not the approver")


@pytest.mark.parametrize(("given", "kept"), [(None, "approval withdrawn"), ("Too early.", "Too early.")])
def test_a_withdrawal_says_why(session: Session, member: Actor, home: uuid.UUID, given: str | None, kept: str) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    review.withdraw(session, home, reason=given, actor=member)
    last = session.query(WorkspaceMessage).filter_by(workspace_id=home, type="status_changed")
    data = last.order_by(WorkspaceMessage.seq.desc()).first()
    assert data is not None and data.data is not None and data.data["reason"] == kept


def test_a_pattern_without_a_detector_has_no_evidence_and_says_so(session: Session, member: Actor) -> None:
    nothing = factories.workspace(session, member)
    now = review.evidence(session, nothing)
    assert (now.version_id, now.commit_hash, now.code_sha256, now.params_sha256) == (None, None, None, None)
    assert (now.session_ids, now.n, now.success_rate) == ([], 0, None)
    assert [(guard.name, guard.holds) for guard in review.approval_guards(now)] == [
        ("deployed", False), ("judged", False), ("unseen", True), ("settled", True), ("quiet", True),
    ]  # fmt: skip
    guards = {guard.name: guard.holds for guard in review.verification_guards(session, nothing, member)}
    assert guards == {"unchanged": False, "carried": True, "judged": False, "quiet": True, "other_person": True}
