"""Every verb of the services with the roles that may, as one table. A verb that is not in it fails the test."""

from __future__ import annotations

import ast
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from services import people
from services.errors import NotAllowed
from services.lifecycle import PERMISSIONS, Role
from services.people import Actor
from tests import factories

SERVICES = Path(__file__).resolve().parents[2] / "services"
ALL, MEMBERS, ADMINS = set(Role), {Role.MEMBER, Role.ADMIN}, {Role.ADMIN}
ROLES = {
    "read": ALL, "export": ALL, "read_audit": MEMBERS, "create_workspace": MEMBERS, "describe_workspace": MEMBERS,
    "comment": MEMBERS, "upload": MEMBERS, "import_candles": MEMBERS, "run_session": MEMBERS, "judge": MEMBERS,
    "complete_session": MEMBERS, "launch": MEMBERS, "cancel": MEMBERS, "waive": MEMBERS, "notify": MEMBERS,
    "approve": MEMBERS, "withdraw": MEMBERS, "verify": ADMINS, "return": ADMINS, "reopen": ADMINS, "archive": ADMINS,
    "manage_people": ADMINS, "operate": ADMINS, "roll_back": MEMBERS, "pin": MEMBERS, "edit_rules": MEMBERS,
    "set_policy": ADMINS, "waive_line": ADMINS, "release_block": ADMINS,
}  # fmt: skip
# Each function that acts for a person: the permission that it asks for.
VERBS = {
    "access_tokens:create": "export", "access_tokens:list_tokens": "manage_people",
    "actions.importing:import_candles": "import_candles", "actions.importing:keep_candles": "import_candles",
    "actions.importing:fetch_candles": "import_candles", "actions.judging:import_judgements": "judge",
    "actions.launching:prepare_launch": "launch", "attachments.keeping:add": "upload", "audit:list_events": "read_audit",
    "dataset_changes:rename": "import_candles", "dataset_changes:put_away": "import_candles",
    "dataset_changes:remember": "import_candles", "datasets:import_dataset": "import_candles",
    "executions.continuing:continue_from": "launch", "executions.continuing:waive": "waive",
    "executions.earlier:list_earlier": "read", "executions.launching:launch": "launch",
    "executions.launching:cancel": "cancel", "executions.launching:accept_plan": "launch",
    "feedback.giving:judge": "judge", "feedback.giving:add_missed": "judge", "feedback.giving:judge_place": "judge",
    "feedback.giving:add_comment_item": "judge", "feedback.giving:withdraw": "judge", "holding:pause": "operate", "holding:resume": "operate",
    "holding:set_cap": "operate", "jobs.asking:ask": "operate", "jobs.asking:latest": "operate",
    "jobs.schedules:add": "operate", "jobs.schedules:remove": "operate", "jobs.schedules:pause": "operate",
    "jobs.schedules:resume": "operate", "jobs.schedules:list_schedules": "operate",
    "notifications.reading:latest": "notify", "notifications.subscribing:get_urls": "notify",
    "notifications.subscribing:set_urls": "notify", "notifications.subscribing:send_test": "notify",
    "people:add": "manage_people", "people:set_role": "manage_people", "people:set_active": "manage_people",
    "review:approve": "approve", "review:withdraw": "withdraw", "review:verify": "verify",
    "review:return_to_beta": "return", "review:reopen": "reopen", "sessions.running:create": "run_session",
    "sessions.labelling:open_for_labels": "run_session",
    "sessions.running:record": "run_session", "sessions.running:complete": "complete_session",
    "sessions.reopening:reopen": "complete_session",
    "sessions.running:rename": "run_session", "timeline.writing:comment": "comment",
    "workspaces.changing:create": "create_workspace", "workspaces.changing:describe": "describe_workspace",
    "actions.versions:adopt": "launch", "deployments.rolling_back:request_roll_back": "roll_back",
    "disputes:comment": "judge", "disputes:settle": "judge", "disputes:set_rules": "edit_rules",
    "policies:set_approval_policy": "set_policy", "policies:set_replay_policy": "set_policy",
    "policies:set_holdout_share": "set_policy", "policies:pin": "pin", "policies:unpin": "pin",
    "policies:release_block": "release_block", "review:waive_line": "waive_line",
    "workspaces.changing:set_blind_review": "describe_workspace",
    "workspaces.changing:archive": "archive", "workspaces.changing:restore": "archive",
    "finding:find": "read", "timeline.readers:last_read": "read", "timeline.readers:mark_read": "read",
    "timeline.readers:mentions": "read", "timeline.readers:unread": "read",
    "questions.asking:comment": "comment", "questions.asking:ask_again": "comment",
}  # fmt: skip
# Those that ask for none by themselves, each with the reason.
OTHERS = {
    "access_tokens:revoke": "one's own, or anybody's by manage_people; tested in tests/cli/test_token.py",
    "actions.launching:launch": "calls executions.launch",
    "actions.launching:continue_from": "calls executions.continue_from",
    "actions.sessions:run_session": "calls sessions.create",
    "actions.sessions:retest": "calls sessions.create",
    "actions.sessions:label_window": "calls sessions.open_for_labels",
    "feedback.items:announce": "is called by the verbs of feedback",
    "feedback.items:tell": "is called by the verbs of feedback",
    "judging.state:is_masked": "says whether a score is hidden from who may judge, and changes nothing",
    "judging.state:state_of": "reads what the board shows; its address asks who it is",
    "judging.taking:judge_many": "calls the verbs of feedback, one for each judgement",
    "people:require": "is the question itself",
    "people:record": "writes what the verbs did",
    "review:verification_guards": "says what stands in the way, and changes nothing",
    "sessions.opening:add": "a part of creating a session and of opening one for labels, which ask",
    "sessions.opening:tell": "a part of creating a session and of opening one for labels, which ask",
    "sessions.reopening:may_reopen": "says whether it is offered, and changes nothing",
    "timeline.writing:append": "is called by the verbs",
    "timeline.writing:edit_comment": "only the comment's author",
    "timeline.writing:delete_comment": "the comment's author or an admin",
    "workspaces.changing:move": "asks the table of transitions",
}


def functions() -> Iterator[tuple[str, set[str]]]:
    """Each public function that takes an actor, with the permissions that its own body asks for."""
    for path in sorted(SERVICES.rglob("*.py")):
        name = ".".join(path.relative_to(SERVICES).with_suffix("").parts)
        if name.startswith(("cli.", "detectors.starter")):
            continue
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            if any(a.arg == "actor" for a in (*node.args.args, *node.args.kwonlyargs)):
                yield f"{name}:{node.name}", set(_asked(node))


def _asked(node: ast.AST) -> Iterator[str]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) == "require":
            permission = call.args[1]
            assert isinstance(permission, ast.Constant)
            yield str(permission.value)


def test_every_verb_is_in_the_table_and_asks_for_its_permission() -> None:
    found = dict(functions())
    assert {name: asked for name, asked in found.items() if name not in VERBS and name not in OTHERS} == {}
    assert {name for name in VERBS if found.get(name) != {VERBS[name]}} == set()
    assert {name for name in OTHERS if found.get(name)} == set()
    assert len(found) > 60, "it finds them"


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_the_table_says(permission: str, role: Role) -> None:
    actor = Actor(uuid.uuid4(), "Somebody", "somebody@example.com", role)
    if role in ROLES[permission]:
        people.require(actor, permission)
    else:
        with pytest.raises(NotAllowed, match="is a "):
            people.require(actor, permission)


@pytest.mark.parametrize("role", list(Role))
def test_who_is_shut_out_is_nobody_by_every_way_in(session: Session, role: Role) -> None:
    keeper, person = factories.person(session, Role.ADMIN), factories.person(session, role)
    people.set_active(session, person.id, False, actor=keeper)
    for way in (
        lambda: people.actor_by_id(session, person.id),
        lambda: people.actor_by_email(session, person.email),
        lambda: people.sign_in(session, email=person.email, name=person.name),
        lambda: people.sign_in(session, email=person.email.upper(), name="Another", role=Role.ADMIN),
    ):
        with pytest.raises(NotAllowed):
            way()
    assert people.find(session, person.email).role == role
