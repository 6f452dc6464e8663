"""Deploys: the switch of a version is one event, whole or not at all."""

from __future__ import annotations

import uuid

import pytest
from sqlalchemy.orm import Session

from services import deployments, executions, feedback, review, timeline
from services.database.engine import engine_for, transaction
from services.errors import Conflict, NotFound
from services.lifecycle import FeedbackState, Role, Verdict, WorkspaceStatus
from services.models import FeedbackItem
from services.people import Actor
from tests import factories
from tests.support import scenarios

S, W = FeedbackState, WorkspaceStatus


def test_the_first_deploy_brings_the_pattern_into_beta(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member)
    version = scenarios.deploy(session, scenarios.launch(session, home, member))
    found = scenarios.row(session, home)
    assert (found.status, found.version, found.deployed_version_id) == (W.BETA, "0.1.0", version)
    assert found.implemented_at is not None
    assert scenarios.kinds(session, home)[-4:] == [
        "deploy_success",
        "version_updated",
        "status_changed",
        "claude_completed",
    ]
    once = [
        k
        for k in scenarios.kinds(session, home)
        if k.startswith("deploy") or k in ("claude_started", "version_updated")
    ]
    assert len(once) == len(set(once)) == 5
    assert scenarios.lies(session) == []


@pytest.mark.parametrize(("code", "expected"), [("a", "0.1.1"), ("b", "0.2.0")])
def test_the_number_grows_by_what_changed_and_the_old_version_retires(
    session: Session, member: Actor, home: uuid.UUID, code: str, expected: str
) -> None:
    old = scenarios.row(session, home).deployed_version_id
    feedback.add_comment_item(session, home, "words", actor=member)
    scenarios.deploy(session, scenarios.launch(session, home, member), code=code, params={"left": 5})
    assert scenarios.row(session, home).version == expected
    versions = {v.id: v for v in deployments.list_versions(session, home)}
    assert old is not None
    assert (versions[old].status, versions[old].retired_at is not None) == ("retired", True)
    assert [v.version for v in versions.values()] == [expected, "0.1.0"]
    assert scenarios.row(session, home).success_rate is None
    with pytest.raises(NotFound):
        deployments.get_version(session, uuid.uuid4())


def test_a_verified_version_stays_in_force_until_the_new_one_is_live(session: Session, member: Actor) -> None:
    admin = factories.person(session, Role.ADMIN)
    home = scenarios.in_beta(session, member)
    scenarios.judged(session, home, member, right=10, wrong=1)
    review.approve(session, home, actor=member)
    review.verify(session, home, actor=admin)
    assert scenarios.row(session, home).version == "1.0.0"
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    scenarios.candidate(session, made, epoch, params={"left": 4})
    scenarios.start_deploy(session, made, epoch)
    assert scenarios.row(session, home).status == W.VERIFIED
    scenarios.finish(session, made, epoch)
    assert (scenarios.row(session, home).status, scenarios.row(session, home).version) == (W.BETA, "1.0.1")
    assert scenarios.lies(session) == []


def test_an_attempt_s_candidate_is_one_row_and_a_new_one_rejects_it(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    feedback.add_comment_item(session, home, "words", actor=member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    first = scenarios.candidate(session, made, epoch, code="b")
    second = scenarios.candidate(session, made, epoch, code="b", params={"left": 8})
    statuses = {v.id: v.status for v in deployments.list_versions(session, home)}
    assert (statuses[first], statuses[second]) == ("rejected", "candidate")
    deployments.reject_candidate(session, made, epoch=epoch)
    assert deployments.get_version(session, second).status == "rejected"


def test_corrections_that_the_version_fixed_are_addressed_also_those_not_sent(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    stored = factories.dataset(session, member)
    made = scenarios.run_session(session, home, member, stored, anchors=[10, 20, 30])
    found = scenarios.detections(session, made)
    items = {i: feedback.judge(session, found[i], Verdict.FALSE_POSITIVE, actor=member) for i in (10, 20, 30)}
    execution = scenarios.launch(session, home, member, feedback_ids=[items[10], items[20]])
    version = scenarios.deploy(session, execution, fixed=[str(items[10]), str(items[30])], params={"left": 4})
    rows = {i: session.get_one(FeedbackItem, items[i], populate_existing=True) for i in items}
    assert {i: r.state for i, r in rows.items()} == {10: S.ADDRESSED, 20: S.OPEN, 30: S.ADDRESSED}
    assert {i: r.resolved_version_id for i, r in rows.items()} == {10: version, 20: None, 30: version}
    assert scenarios.lies(session) == []


def test_a_failed_deploy_keeps_its_log_and_the_version_before(session: Session, member: Actor, home: uuid.UUID) -> None:
    feedback.add_comment_item(session, home, "words", actor=member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    scenarios.candidate(session, made, epoch, params={"left": 4})
    for attempt in (1, 2):
        scenarios.start_deploy(session, made, epoch, attempt)
        log = "x" * 300_000 + f"\x00 the end {attempt}"
        deployments.deploy_failed(
            session, made, epoch=epoch, attempt=attempt, error="It broke.", logs=log, will_retry=attempt == 1
        )
        scenarios.retry(session, made, epoch, attempt, "It broke.", kind="deploy.failed")
        deployments.deploy_retry(session, made, epoch=epoch, attempt=attempt, previous_error="It broke.")
    detail = executions.get(session, made)
    assert detail.deploy_logs is not None
    assert len(detail.deploy_logs) <= deployments.MAX_LOG
    assert detail.deploy_logs.endswith(" the end 2")
    assert scenarios.row(session, home).version == "0.1.0"
    told = [k for k in scenarios.kinds(session, home) if k.startswith("deploy")][3:]
    assert told == ["deploy_started", "deploy_building", "deploy_failed", "deploy_retry"] * 2
    entries = [e for e in timeline.page(session, home) if e.type == "deploy_failed"]
    assert all(len(e.data["logs"]) <= 4000 for e in entries)


@pytest.mark.parametrize(
    "broken",
    ["services.deployments.recording.switch_version", "services.workspaces.move", "services.executions.ending.settle",
     "services.executions.complete"],
)  # fmt: skip
def test_a_deploy_that_breaks_in_the_middle_leaves_nothing(
    clone_url: str, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    engine = engine_for(clone_url)
    with transaction(engine) as session:
        member = factories.person(session)
        home = factories.workspace(session, member)
        item = feedback.add_comment_item(session, home, "words", actor=member)
        made = scenarios.launch(session, home, member)
        epoch = scenarios.begin(session, made)
        scenarios.candidate(session, made, epoch)
        scenarios.start_deploy(session, made, epoch)
    with transaction(engine) as session:
        before = scenarios.everything(session)

    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(broken, fails)
        with pytest.raises(RuntimeError, match="in the middle"), transaction(engine) as session:
            scenarios.finish(session, made, epoch, [str(item)])
    with transaction(engine) as session:
        assert scenarios.everything(session) == before
        scenarios.finish(session, made, epoch, [str(item)])
    with transaction(engine) as session:
        assert scenarios.row(session, home).status == W.BETA
        assert scenarios.lies(session) == []
    engine.dispose()


def test_without_a_candidate_there_is_nothing_to_deploy(session: Session, member: Actor, home: uuid.UUID) -> None:
    feedback.add_comment_item(session, home, "words", actor=member)
    made = scenarios.launch(session, home, member)
    epoch = scenarios.begin(session, made)
    before = scenarios.everything(session)
    with pytest.raises(Conflict, match="no candidate"):
        scenarios.finish(session, made, epoch)
    assert scenarios.everything(session) == before
