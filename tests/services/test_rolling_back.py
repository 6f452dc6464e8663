"""Rolling back to an earlier version: who may when, what switches at once, and what the message says."""

from __future__ import annotations

import threading
import uuid

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services import deployments, executions, labels, review, sessions
from services.database.engine import engine_for, transaction
from services.errors import Conflict, InvalidInput, NotFound
from services.lifecycle import ExecutionPhase, VersionStatus, WorkspaceStatus
from services.models import DetectorVersion, Evaluation, VersionPeriod, WorkspaceMessage, new_id
from services.people import Actor
from tests import factories
from tests.support import scenarios

W = WorkspaceStatus


def versions(session: Session, home: uuid.UUID) -> dict[str, uuid.UUID]:
    rows = session.execute(
        select(DetectorVersion.version, DetectorVersion.id).where(DetectorVersion.workspace_id == home)
    )
    return dict(rows.all())


def second(session: Session, home: uuid.UUID, member: Actor) -> uuid.UUID:
    """Deploys another version; returns the first one's id."""
    first = scenarios.row(session, home).deployed_version_id
    assert first is not None
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), params={"left": 4})
    return first


def go_back(session: Session, home: uuid.UUID, version: uuid.UUID, actor: Actor) -> uuid.UUID:
    made = deployments.request_roll_back(session, home, version, reason="It repaints.", actor=actor)
    deployments.finish_roll_back(session, made)
    return made


def test_the_earlier_version_runs_again_with_its_rate_and_a_message(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member, right=9, wrong=3)
    first = second(session, home, member)
    assert scenarios.row(session, home).success_rate is None
    made = go_back(session, home, first, member)
    row = scenarios.row(session, home)
    assert (row.version, row.deployed_version_id, row.success_rate) == ("0.1.0", first, 0.75)
    known = versions(session, home)
    states = {n: session.get_one(DetectorVersion, i).status for n, i in known.items()}
    assert states == {"0.1.0": "deployed", "0.1.1": "retired"}
    message = session.scalar(select(WorkspaceMessage).where(WorkspaceMessage.type == "version_rolled_back"))
    assert message is not None and message.author_id == member.id
    assert message.data == {"previous_version": "0.1.1", "new_version": "0.1.0", "reason": "It repaints."}
    deployments.finish_roll_back(session, made)
    assert scenarios.kinds(session, home).count("version_rolled_back") == 1, "a second run of the step changes nothing"
    assert scenarios.lies(session) == []


def test_a_version_that_ran_twice_has_two_periods(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = second(session, home, member)
    go_back(session, home, first, member)
    go_back(session, home, versions(session, home)["0.1.1"], member)
    session.flush()
    rows = session.scalars(select(VersionPeriod).order_by(VersionPeriod.started_at, VersionPeriod.id)).all()
    its = [(r.version_id == first, r.how, r.ended_at is None) for r in rows if r.workspace_id == home]
    assert its == [(True, "deploy", False), (False, "deploy", False), (True, "roll_back", False),
                   (False, "roll_back", True)]  # fmt: skip
    stories = {s.version.version: s for s in deployments.history(session, home)}
    assert len(stories["0.1.0"].periods) == 2 and stories["0.1.1"].periods[-1].ended_at is None


def test_numbers_never_come_twice(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = second(session, home, member)
    go_back(session, home, first, member)
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), params={"left": 5})
    assert scenarios.row(session, home).version == "0.1.2"


def test_what_can_not_be_rolled_back_says_why(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = second(session, home, member)
    current = scenarios.row(session, home).deployed_version_id
    assert current is not None
    never = factories.version(session, home, "0.9.0", status=VersionStatus.CANDIDATE)
    other = scenarios.in_beta(session, member)
    foreign = scenarios.row(session, other).deployed_version_id
    assert foreign is not None

    def ask(version: uuid.UUID, reason: str = "r") -> None:
        deployments.request_roll_back(session, home, version, reason=reason, actor=member)

    with pytest.raises(InvalidInput, match="reason is required"):
        ask(first, " \x00")
    with pytest.raises(Conflict, match="deployed already"):
        ask(current)
    with pytest.raises(Conflict, match="never deployed"):
        ask(never)
    for strange in (foreign, uuid.UUID(int=7)):
        with pytest.raises(NotFound, match="no such version"):
            ask(strange)
    ask(first)
    with pytest.raises(Conflict, match="under way"):
        ask(first)


def test_it_is_refused_while_an_execution_deploys_and_a_live_one_is_tested_again(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    first = second(session, home, member)
    live = scenarios.launch(session, home, member, continues=True)
    epoch = scenarios.begin(session, live)
    scenarios.candidate(session, live, epoch, params={"left": 6})
    go_back(session, home, first, member)
    assert scenarios.row(session, home).version == "0.1.0", "one that does not deploy yet is in nobody's way"
    executions.begin_phase(session, live, epoch=epoch, phase=ExecutionPhase.DEPLOYING, attempt=1, task="Deploying")
    with pytest.raises(Conflict, match=r"Execution 3 is deploying"):
        deployments.request_roll_back(
            session, home, versions(session, home)["0.1.1"], reason="r", actor=member
        )  # fmt: skip


def test_a_candidate_that_was_replayed_against_another_version_is_replayed_again(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    first = second(session, home, member)
    current = scenarios.row(session, home).deployed_version_id
    live = scenarios.launch(session, home, member, continues=True)
    epoch = scenarios.begin(session, live)
    candidate = scenarios.candidate(session, live, epoch, params={"left": 6})
    session.add(
        Evaluation(id=new_id(), workspace_id=home, detector_version_id=candidate, baseline_version_id=current,
                   execution_id=live, kind="replay", label_set_sha256="x")
    )  # fmt: skip
    session.flush()
    assert not deployments.baseline_moved(session, live)
    go_back(session, home, first, member)
    assert deployments.baseline_moved(session, live)


def test_a_verified_pattern_goes_to_beta_unless_the_target_was_verified(
    session: Session, member: Actor, admin: Actor, home: uuid.UUID
) -> None:
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    review.verify(session, home, actor=admin)
    released = scenarios.row(session, home).deployed_version_id
    assert released is not None
    scenarios.deploy(session, scenarios.launch(session, home, member, continues=True), code="b")
    newer = scenarios.row(session, home).deployed_version_id
    assert scenarios.row(session, home).status == W.BETA and newer is not None
    scenarios.judged(session, home, member, series=2)
    review.approve(session, home, actor=member)
    review.verify(session, home, actor=admin)
    go_back(session, home, released, member)
    row = scenarios.row(session, home)
    assert (row.status, row.version) == (W.VERIFIED, "1.0.0"), "it was verified itself"


def test_it_voids_an_approval(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = second(session, home, member)
    scenarios.judged(session, home, member)
    review.approve(session, home, actor=member)
    go_back(session, home, first, member)
    assert scenarios.row(session, home).status == W.BETA
    assert scenarios.kinds(session, home)[-3:] == ["version_rolled_back", "approval_voided", "status_changed"]
    message = session.scalar(select(WorkspaceMessage).where(WorkspaceMessage.type == "approval_voided"))
    assert message is not None and "Deployed version: v0.1.1" in str(message.content)


def test_one_that_failed_says_why_and_another_may_follow(session: Session, member: Actor, home: uuid.UUID) -> None:
    first = second(session, home, member)
    made = deployments.request_roll_back(session, home, first, reason="r", actor=member)
    deployments.fail_roll_back(session, made, "The commit is gone.")
    last = deployments.last_roll_back(session, home)
    assert last is not None and (last.status, last.error) == ("failed", "The commit is gone.")
    deployments.finish_roll_back(session, made)
    assert scenarios.row(session, home).version == "0.1.1"
    go_back(session, home, first, member)
    assert scenarios.row(session, home).version == "0.1.0"


def test_two_versions_are_compared_on_the_windows_that_both_ran_on(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member)
    scenarios.judged(session, home, member, right=8, wrong=4)
    first = second(session, home, member)
    now = scenarios.row(session, home).deployed_version_id
    assert now is not None
    again = scenarios.run_session(session, home, member, stored, anchors=range(8))
    sessions.complete(session, again, actor=member)
    found = labels.compare_versions(session, home, first, now)
    assert found.windows == 1
    assert (found.before.all.tp, found.before.all.fp, found.after.all.tp, found.after.all.fp) == (8, 4, 8, 0)
    assert found.claim.change.fixed_count == 4 and found.claim.word == "not sure yet"


def test_a_deploy_waits_for_a_roll_back_that_is_just_being_asked_for(clone_url: str) -> None:
    """Both look whether the other is under way; without the lock each would miss the other and both would deploy."""
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        actor = factories.person(session)
        home = scenarios.in_beta(session, actor)
        first = second(session, home, actor)
    said: list[bool] = []

    def look() -> None:
        with transaction(engine) as other:
            said.append(deployments.roll_back_under_way(other, home))

    deploying = threading.Thread(target=look)
    with transaction(engine) as session:
        deployments.request_roll_back(session, home, first, reason="It repaints.", actor=actor)
        deploying.start()
        deploying.join(timeout=1)
        assert said == [], "it has to wait until the request is there, or is not"
    deploying.join()
    assert said == [True]
    engine.dispose()
