"""Every verb by every role, and every verb out of every status."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from services import (
    attachments,
    datasets,
    deployments,
    disputes,
    executions,
    feedback,
    notifications,
    people,
    policies,
    review,
    sessions,
    timeline,
    workspaces,
)
from services.detectors.types import CANDLE_DTYPE
from services.errors import Conflict, GuardFailed, IllegalTransition, NotAllowed, NotFound, PatternDeskError
from services.feedback import MarkPosition
from services.jobs import schedules
from services.lifecycle import PERMISSIONS, TRANSITIONS, WORKER, Role, Verdict, WorkspaceStatus, transition
from services.models import PatternWorkspace, now
from services.people import Actor
from services.places import ApprovalPolicy
from services.settings import get_settings
from tests import factories
from tests.support import scenarios

W = WorkspaceStatus
NOBODY = uuid.UUID(int=7)
READING = {"read", "read_audit", "export"}
Verb = Callable[[Session, Actor], Any]


def _describe(s: Session, a: Actor) -> None:
    workspaces.describe(s, NOBODY, description="d", user_reasoning="r", identification_steps=["s"], actor=a)


def _dataset(s: Session, a: Actor) -> None:
    datasets.import_dataset(s, factories.candles(), storage_key="k", name="n", symbol="S", timeframe="1d", actor=a)


def _record(s: Session, a: Actor) -> None:
    import numpy as np

    candles = np.zeros(1, dtype=CANDLE_DTYPE)
    sessions.record(s, NOBODY, [], candles, run_ms=1, isolation="reduced", context_bars=0, actor=a)


def _missed(s: Session, a: Actor) -> None:
    feedback.add_missed(s, NOBODY, kind="swing_high", direction=1, place=MarkPosition(1, now()), actor=a)


# Every writing use case under the permission it needs. On ids that don't exist: whoever is let in finds nothing there.
VERBS: list[tuple[str, str, Verb]] = [
    ("create_workspace", "create",
     lambda s, a: workspaces.create(s, pattern_type="role_check", name="n", category="c", actor=a)),
    ("describe_workspace", "describe", _describe),
    ("comment", "comment", lambda s, a: timeline.comment(s, NOBODY, "hello", actor=a)),
    ("comment", "edit_comment", lambda s, a: timeline.edit_comment(s, NOBODY, "hello", actor=a)),
    ("comment", "delete_comment", lambda s, a: timeline.delete_comment(s, NOBODY, actor=a)),
    ("upload", "upload", lambda s, a: attachments.add(
        s, attachments.check(b"some words", "note.txt"), storage_key="k", actor=a)),
    ("import_candles", "import_dataset", _dataset),
    ("run_session", "create_session", lambda s, a: sessions.create(s, NOBODY, dataset_id=NOBODY, actor=a)),
    ("run_session", "record", _record),
    ("run_session", "rename", lambda s, a: sessions.rename(s, NOBODY, "new", actor=a)),
    ("judge", "judge", lambda s, a: feedback.judge(s, NOBODY, Verdict.CONFIRMED, actor=a)),
    ("judge", "add_missed", _missed),
    ("judge", "comment_item", lambda s, a: feedback.add_comment_item(s, NOBODY, "words", actor=a)),
    ("judge", "withdraw_feedback", lambda s, a: feedback.withdraw(s, NOBODY, actor=a)),
    ("judge", "settle_place", lambda s, a: disputes.settle(s, NOBODY, NOBODY, present=True, rule="r", actor=a)),
    ("judge", "comment_place", lambda s, a: disputes.comment(s, NOBODY, NOBODY, "words", actor=a)),
    ("edit_rules", "set_rules", lambda s, a: disputes.set_rules(s, NOBODY, "words", actor=a)),
    ("roll_back", "roll_back", lambda s, a: deployments.request_roll_back(s, NOBODY, NOBODY, reason="r", actor=a)),
    ("pin", "pin", lambda s, a: policies.pin(s, NOBODY, NOBODY, actor=a)),
    ("pin", "unpin", lambda s, a: policies.unpin(s, NOBODY, NOBODY, actor=a)),
    ("set_policy", "approval_policy", lambda s, a: policies.set_approval_policy(s, NOBODY, ApprovalPolicy(), actor=a)),
    ("set_policy", "replay_policy", lambda s, a: policies.set_replay_policy(s, NOBODY, "net", actor=a)),
    ("set_policy", "holdout_share", lambda s, a: policies.set_holdout_share(s, NOBODY, 0.3, actor=a)),
    ("release_block", "release", lambda s, a: policies.release_block(s, NOBODY, NOBODY, 1, reason="r", actor=a)),
    ("waive_line", "waive_line", lambda s, a: review.waive_line(s, NOBODY, "unseen", reason="r", actor=a)),
    ("complete_session", "complete_session", lambda s, a: sessions.complete(s, NOBODY, actor=a)),
    ("launch", "launch", lambda s, a: executions.launch(s, NOBODY, prompt_file=None, actor=a)),
    ("launch", "accept_plan", lambda s, a: executions.accept_plan(s, NOBODY, actor=a)),
    ("launch", "continue_from", lambda s, a: executions.continue_from(s, NOBODY, actor=a)),
    ("waive", "waive", lambda s, a: executions.waive(s, NOBODY, reason="r", actor=a)),
    ("cancel", "cancel", lambda s, a: executions.cancel(s, NOBODY, actor=a)),
    ("notify", "set_urls", lambda s, a: notifications.set_urls(s, NOBODY, [], actor=a)),
    ("notify", "get_urls", lambda s, a: notifications.get_urls(s, NOBODY, actor=a)),
    ("notify", "send_test", lambda s, a: notifications.send_test(s, NOBODY, actor=a)),
    ("approve", "approve", lambda s, a: review.approve(s, NOBODY, actor=a)),
    ("withdraw", "withdraw", lambda s, a: review.withdraw(s, NOBODY, actor=a)),
    ("verify", "verify", lambda s, a: review.verify(s, NOBODY, actor=a)),
    ("return", "return", lambda s, a: review.return_to_beta(s, NOBODY, reason="r", actor=a)),
    ("reopen", "reopen", lambda s, a: review.reopen(s, NOBODY, reason="r", actor=a)),
    ("archive", "archive", lambda s, a: workspaces.archive(s, NOBODY, actor=a)),
    ("archive", "restore", lambda s, a: workspaces.restore(s, NOBODY, actor=a)),
    ("operate", "pause_schedule", lambda s, a: schedules.pause(s, "none of that name", actor=a)),
    ("manage_people", "set_role", lambda s, a: people.set_role(s, NOBODY, Role.MEMBER, actor=a)),
    ("manage_people", "set_active", lambda s, a: people.set_active(s, NOBODY, True, actor=a)),
]  # fmt: skip


def test_the_list_of_verbs_covers_every_permission_to_write() -> None:
    assert {permission for permission, _, _ in VERBS} == set(PERMISSIONS) - READING


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize(("permission", "verb"), [(p, v) for p, _, v in VERBS], ids=[name for _, name, _ in VERBS])
def test_every_verb_asks_for_the_role_before_anything_else(
    session: Session, permission: str, verb: Verb, role: Role
) -> None:
    actor = factories.person(session, role)
    before = scenarios.everything(session)
    if role in PERMISSIONS[permission]:
        try:
            verb(session, actor)
        except NotAllowed:
            pytest.fail(f"a {role} may {permission}")
        except NotFound:
            pass
    else:
        with pytest.raises(NotAllowed, match=actor.name):
            verb(session, actor)
        assert scenarios.everything(session) == before


def put(session: Session, workspace_id: uuid.UUID, status: W, approver: Actor) -> None:
    """The workspace in a status, with the columns that its CHECKs ask for."""
    session.execute(
        update(PatternWorkspace)
        .where(PatternWorkspace.id == workspace_id)
        .values(status=status, approved_at=now(), approved_by_id=approver.id, verified_at=now(),
                verified_by_id=approver.id)
    )  # fmt: skip


@pytest.mark.parametrize("status", list(W))
def test_move_takes_the_rows_of_the_table_and_no_other(session: Session, status: W) -> None:
    actors: dict[str, Actor | None] = {role.value: factories.person(session, role) for role in Role} | {WORKER: None}
    admin = actors[Role.ADMIN]
    assert admin is not None
    workspace_id = factories.workspace(session, admin)
    for verb in sorted({t.verb for t in TRANSITIONS}):
        legal = transition(verb, status)
        for who, actor in actors.items():
            put(session, workspace_id, status, admin)
            before = scenarios.everything(session)
            attempt = session.begin_nested()
            if legal is None or who not in legal.who:
                with pytest.raises(IllegalTransition if legal is None else NotAllowed):
                    workspaces.move(session, scenarios.row(session, workspace_id), verb, actor=actor)
                assert scenarios.everything(session) == before
            else:
                workspaces.move(session, scenarios.row(session, workspace_id), verb, actor=actor, reason="because")
                assert scenarios.row(session, workspace_id).status == legal.target
                assert scenarios.kinds(session, workspace_id)[-1] == "status_changed"
                assert scenarios.everything(session)["audit_events"] != before["audit_events"]
            attempt.rollback()


DECISIONS: dict[str, tuple[set[W], Callable[[Session, uuid.UUID, Actor, Actor], Any]]] = {
    "approve": ({W.BETA}, lambda s, w, m, a: review.approve(s, w, actor=m)),
    "withdraw": ({W.IN_REVIEW}, lambda s, w, m, a: review.withdraw(s, w, actor=m)),
    "verify": ({W.IN_REVIEW}, lambda s, w, m, a: review.verify(s, w, actor=a)),
    "return": ({W.IN_REVIEW}, lambda s, w, m, a: review.return_to_beta(s, w, reason="r", actor=a)),
    "reopen": ({W.VERIFIED}, lambda s, w, m, a: review.reopen(s, w, reason="r", actor=a)),
    # A launch alone changes no status after the first; only review refuses it.
    "launch": ({W.BETA, W.VERIFIED}, lambda s, w, m, a: scenarios.launch(s, w, m)),
}


def test_a_decision_out_of_the_wrong_status_is_refused_and_changes_nothing(session: Session) -> None:
    """Every decision out of every status past the first deploy, with all other guards satisfied."""
    member, admin = factories.person(session), factories.person(session, Role.ADMIN)
    workspace_id = scenarios.in_beta(session, member)
    scenarios.judged(session, workspace_id, member, right=10, wrong=1)
    feedback.add_comment_item(session, workspace_id, "Look at the gaps.", actor=member)
    scenarios.row(session, workspace_id).approved_evidence = review.evidence(session, workspace_id).as_json()
    for decision, (sources, decide) in DECISIONS.items():
        for status in (W.BETA, W.IN_REVIEW, W.VERIFIED):
            attempt = session.begin_nested()
            put(session, workspace_id, status, member)
            before = scenarios.everything(session)
            if status in sources:
                decide(session, workspace_id, member, admin)
                assert scenarios.everything(session) != before, (decision, status)
                assert scenarios.lies(session) == []
            else:
                with pytest.raises(Conflict) as refused:
                    decide(session, workspace_id, member, admin)
                assert str(refused.value).endswith(".")
                assert scenarios.everything(session) == before, (decision, status)
            attempt.rollback()
            session.expire_all()


@pytest.mark.parametrize("verb", ["approve", "withdraw", "verify", "return", "reopen"])
@pytest.mark.parametrize("first_run", [False, True])
def test_nothing_is_decided_before_a_version_is_live(session: Session, verb: str, first_run: bool) -> None:
    member, admin = factories.person(session), factories.person(session, Role.ADMIN)
    workspace_id = factories.workspace(session, member)
    if first_run:
        scenarios.launch(session, workspace_id, member)
    before = scenarios.everything(session)
    with pytest.raises((GuardFailed, IllegalTransition)):
        DECISIONS[verb][1](session, workspace_id, member, admin)
    assert scenarios.everything(session) == before


@pytest.fixture
def team_of_one(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("APPROVER_MAY_VERIFY", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def _approved_by_an_admin(session: Session) -> tuple[uuid.UUID, Actor]:
    admin = factories.person(session, Role.ADMIN)
    workspace_id = scenarios.in_beta(session, admin)
    scenarios.judged(session, workspace_id, admin)
    review.approve(session, workspace_id, actor=admin)
    return workspace_id, admin


def test_the_approver_does_not_verify(session: Session) -> None:
    workspace_id, admin = _approved_by_an_admin(session)
    before = scenarios.everything(session)
    with pytest.raises(GuardFailed, match="another admin"):
        review.verify(session, workspace_id, actor=admin)
    assert scenarios.everything(session) == before
    review.verify(session, workspace_id, actor=factories.person(session, Role.ADMIN))
    assert scenarios.row(session, workspace_id).status == W.VERIFIED


@pytest.mark.usefixtures("team_of_one")
def test_in_a_team_of_one_the_approver_verifies_and_the_page_can_say_so(session: Session) -> None:
    workspace_id, admin = _approved_by_an_admin(session)
    sentences = [g.sentence for g in review.verification_guards(session, workspace_id, admin)]
    assert any("allowed here by a setting" in s for s in sentences)
    review.verify(session, workspace_id, actor=admin)
    assert scenarios.row(session, workspace_id).status == W.VERIFIED


def test_an_unknown_workspace_is_a_sentence_for_every_decision(session: Session) -> None:
    admin = factories.person(session, Role.ADMIN)
    for _, decide in DECISIONS.values():
        with pytest.raises(PatternDeskError, match="no such workspace"):
            decide(session, NOBODY, admin, admin)
