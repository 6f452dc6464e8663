"""Approvals are bound to evidence: the policy's checklist by name, waivers, and what voids one with message and notice."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import approvals, feedback, labels, notifications, policies, review, sessions
from services.approvals.guards import void_causes
from services.errors import Conflict, GuardFailed, InvalidInput
from services.lifecycle import Verdict, WorkspaceStatus
from services.models import AuditEvent, DetectorVersion, Notification, WorkspaceMessage
from services.people import Actor
from services.places import ApprovalPolicy
from services.settings import get_settings
from tests import factories
from tests.support import scenarios

W = WorkspaceStatus


def approved(session: Session, home: uuid.UUID, member: Actor, *, right: int = 12, wrong: int = 0) -> uuid.UUID:
    """The workspace in review on one judged session; the session."""
    made = scenarios.judged(session, home, member, right=right, wrong=wrong)
    review.approve(session, home, actor=member)
    return made


def voided(session: Session, home: uuid.UUID) -> WorkspaceMessage | None:
    return session.scalar(
        select(WorkspaceMessage).where(
            WorkspaceMessage.workspace_id == home, WorkspaceMessage.type == "approval_voided"
        )
    )  # fmt: skip


def test_each_line_of_the_policy_is_named_with_its_number(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    policies.set_approval_policy(
        session, home, ApprovalPolicy(judged=20, unseen=15, lower_bound=0.99), actor=admin
    )  # fmt: skip
    scenarios.judged(session, home, member, right=12)
    with pytest.raises(GuardFailed) as refused:
        review.approve(session, home, actor=member)
    sentence = str(refused.value)
    assert "12 judged places in 1 completed session on v0.1.0; 20 are needed" in sentence
    assert "12 of them unseen; 15 are needed" in sentence
    assert "The rate's interval begins at" in sentence and "99% is needed" in sentence
    assert "dispute" not in sentence, "that line is met"


def test_a_dispute_stands_in_the_way_until_it_is_settled(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    made = scenarios.judged(session, home, member)
    other = scenarios.run_session(session, home, member, factories.dataset(session, member, seed=2, symbol="TWO"))
    one = scenarios.detections(session, other)[10]
    feedback.judge(session, one, Verdict.CONFIRMED, actor=member)
    feedback.judge(session, one, Verdict.FALSE_POSITIVE, actor=admin)
    assert made
    with pytest.raises(GuardFailed, match="1 dispute unsettled"):
        review.approve(session, home, actor=member)


def test_a_waived_line_holds_for_this_version_alone(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    with pytest.raises(InvalidInput, match="no more unseen"):
        policies.set_approval_policy(session, home, ApprovalPolicy(judged=10, unseen=20), actor=admin)
    policies.set_approval_policy(session, home, ApprovalPolicy(judged=20, unseen=20), actor=admin)
    scenarios.judged(session, home, member, right=12)
    with pytest.raises(InvalidInput, match="reason is required"):
        review.waive_line(session, home, "unseen", reason=" ", actor=admin)
    for line in ("deployed", "quiet", "nonsense"):
        with pytest.raises(InvalidInput, match="no such line"):
            review.waive_line(session, home, line, reason="r", actor=admin)
    review.waive_line(session, home, "unseen", reason="The market is young.", actor=admin)
    with pytest.raises(GuardFailed) as refused:
        review.approve(session, home, actor=member)
    assert "judged places" in str(refused.value) and "unseen" not in str(refused.value)
    review.waive_line(session, home, "judged", reason="Few there are.", actor=admin)
    assert scenarios.kinds(session, home)[-2:] == ["gate_waived", "gate_waived"]
    review.approve(session, home, actor=member)
    guards = {g.name: g for g in review.approval_guards(review.evidence(session, home))}
    assert guards["unseen"].holds and f"waived by {admin.name}: The market is young." in guards["unseen"].sentence
    assert not approvals.void_if_changed(session, home, reason="nothing"), "a waived line voids nothing"
    review.withdraw(session, home, actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), params={"left": 4})
    assert not next(g for g in review.approval_guards(review.evidence(session, home)) if g.name == "unseen").holds


def test_a_line_that_is_met_can_not_be_waived(session: Session, member: Actor, admin: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member)
    with pytest.raises(GuardFailed, match="met already"):
        review.waive_line(session, home, "judged", reason="r", actor=admin)


def test_a_present_place_that_others_find_absent_voids_the_approval_with_message_and_notice(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    notifications.set_urls(session, home, ["json://example.test/hook"], actor=member)
    first = approved(session, home, member)
    again = factories.dataset(session, member)
    second = scenarios.run_session(session, home, member, again, anchors=range(12))
    feedback.judge(session, scenarios.detections(session, second)[3], Verdict.FALSE_POSITIVE, actor=member)
    message = voided(session, home)
    assert message is not None and message.data is not None and first
    assert scenarios.row(session, home).status == W.BETA
    assert "Places found right at the approval: 1 present → 1 judged absent" in str(message.data["reason"])
    assert message.data["causes"][0]["before"] and message.data["causes"][0]["after"]
    notice = session.scalar(select(Notification).where(Notification.event == "approval_voided"))
    assert notice is not None and "approval is void" in notice.title


def test_a_rate_under_the_approved_interval_voids_it(session: Session, member: Actor, home: uuid.UUID) -> None:
    approved(session, home, member, right=20)
    assert scenarios.row(session, home).status == W.IN_REVIEW
    scenarios.judged(session, home, member, right=0, wrong=20, series=2)
    message = voided(session, home)
    assert message is not None and "Success rate:" in str(message.content) and "50% of 40" in str(message.content)


def test_a_stricter_policy_voids_what_does_not_meet_it(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    approved(session, home, member)
    policies.set_approval_policy(session, home, ApprovalPolicy(judged=13, unseen=0), actor=admin)
    message = voided(session, home)
    assert message is not None and "13 are needed" in str(message.content)
    assert session.scalar(select(AuditEvent).where(AuditEvent.action == "set_approval_policy")) is not None


def test_what_changes_without_harm_shows_since_the_approval(session: Session, member: Actor, home: uuid.UUID) -> None:
    approved(session, home, member)
    scenarios.judged(session, home, member, right=5, series=2)
    assert scenarios.row(session, home).status == W.IN_REVIEW
    kept = review.approved_evidence(session, home)
    assert kept is not None
    changed = {c.what: (c.before, c.after) for c in approvals.since_approval(kept, review.evidence(session, home))}
    assert changed["Rate on all places"] == ("100% of 12", "100% of 17")
    assert changed["Completed sessions"] == ("1", "2")


def test_a_loss_of_two_among_the_places_kept_for_testing_voids_it(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    approved(session, home, member)
    now = review.evidence(session, home)
    kept = now.approved()
    places = list(now.present[:3])

    def after(*right: bool) -> approvals.Evidence:
        held = dict(zip(places, right, strict=True))
        return replace(now, held=held)

    kept = replace(kept, held=dict.fromkeys(places, True))
    assert void_causes(kept, after(True, True, False)) == []
    [cause] = void_causes(kept, after(True, False, False))
    assert cause.what == "Places kept for testing" and "2 more wrong" in cause.after


def test_a_verification_names_the_release_and_keeps_the_number(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    approved(session, home, member)
    review.verify(session, home, actor=admin)
    row = scenarios.row(session, home)
    version = session.get_one(DetectorVersion, row.deployed_version_id)
    assert (row.version, version.version, version.release) == ("1.0.0", "0.1.0", "1.0.0")
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), code="b")
    assert scenarios.row(session, home).version == "1.1.0"
    assert session.get_one(DetectorVersion, version.id).version == "0.1.0"


def test_a_deploy_leaves_the_last_rate_beside_the_unknown_one(session: Session, member: Actor, home: uuid.UUID) -> None:
    scenarios.judged(session, home, member, right=9, wrong=3)
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), params={"left": 4})
    row = scenarios.row(session, home)
    kept = labels.kept_rates(row.rate)
    assert row.success_rate is None and kept.all.n == 0
    assert kept.before is not None and (kept.before.rate, kept.before_version) == (0.75, "0.1.0")
    scenarios.judged(session, home, member, right=5, series=2)
    assert labels.kept_rates(scenarios.row(session, home).rate).before is None


def test_an_approval_while_a_session_is_being_completed_is_on_one_side_of_it(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member, right=12)
    stored = factories.dataset(session, member, seed=2, symbol="TWO")
    late = scenarios.run_session(session, home, member, stored, anchors=range(12))
    for detection in scenarios.detections(session, late).values():
        feedback.judge(session, detection, Verdict.FALSE_POSITIVE, actor=member)
    review.approve(session, home, actor=member)
    kept = review.approved_evidence(session, home)
    assert kept is not None and kept.n == 12, "the session is not completed yet"
    sessions.complete(session, late, actor=member)
    assert scenarios.row(session, home).status == W.BETA, "completing it voids the approval"
    with pytest.raises(Conflict):
        sessions.complete(session, late, actor=member)


def test_an_approval_whose_evidence_no_longer_carries_it_is_not_verified(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installation asks for more since: nothing was judged, so nothing voided the approval, and yet it is not enough."""
    approved(session, home, member)
    monkeypatch.setenv("MIN_JUDGED_MARKS", "13")
    get_settings.cache_clear()
    try:
        assert scenarios.row(session, home).status == W.IN_REVIEW
        with pytest.raises(GuardFailed, match=r"no longer carries the approval: .*13 are needed"):
            review.verify(session, home, actor=admin)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    review.verify(session, home, actor=admin)
    assert scenarios.row(session, home).status == W.VERIFIED
