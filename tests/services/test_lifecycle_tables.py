"""The tables of the lifecycle against one another and against the product's own list."""

from __future__ import annotations

import pytest

from services.lifecycle import (
    EXECUTION_TRANSITIONS,
    FEEDBACK_TRANSITIONS,
    PERMISSIONS,
    TRANSITIONS,
    WORKER,
    ExecutionStatus,
    FeedbackState,
    Role,
    WorkspaceStatus,
    bump,
    transition,
    verified_version,
)

W = WorkspaceStatus
MEMBERS = {Role.MEMBER, Role.ADMIN}
EXPECTED = {
    ("create", None, W.SOON): MEMBERS,
    ("launch_first", W.SOON, W.IMPLEMENTING): MEMBERS,
    ("implemented", W.IMPLEMENTING, W.BETA): {WORKER},
    ("implementation_failed", W.IMPLEMENTING, W.SOON): {WORKER, *MEMBERS},
    ("approve", W.BETA, W.IN_REVIEW): MEMBERS,
    ("verify", W.IN_REVIEW, W.VERIFIED): {Role.ADMIN},
    ("void", W.IN_REVIEW, W.BETA): {WORKER},
    ("return", W.IN_REVIEW, W.BETA): {Role.ADMIN},
    ("withdraw", W.IN_REVIEW, W.BETA): MEMBERS,
    ("reopen", W.VERIFIED, W.BETA): {Role.ADMIN},
    ("redeployed", W.VERIFIED, W.BETA): {WORKER},
}


def test_the_table_holds_exactly_the_rows_of_the_product() -> None:
    assert {(t.verb, t.source, t.target): set(t.who) for t in TRANSITIONS} == EXPECTED


def test_a_viewer_may_read_and_export_and_nothing_else() -> None:
    assert {verb for verb, roles in PERMISSIONS.items() if Role.VIEWER in roles} == {"read", "export"}
    assert {verb for verb, roles in PERMISSIONS.items() if Role.MEMBER not in roles} == {
        "verify", "return", "reopen", "archive", "manage_people", "set_policy", "release_block", "waive_line", "operate",
    }  # fmt: skip
    assert all(Role.ADMIN in roles for roles in PERMISSIONS.values())


def test_a_verb_out_of_a_status_has_one_target() -> None:
    assert len({(t.verb, t.source) for t in TRANSITIONS}) == len(TRANSITIONS)
    for source in (None, *W):
        for verb in {t.verb for t in TRANSITIONS}:
            found = transition(verb, source)
            assert (found is None) == ((verb, source) not in {(t.verb, t.source) for t in TRANSITIONS})


def test_ended_executions_and_withdrawn_feedback_stay_as_they_are() -> None:
    assert {a for a, _ in EXECUTION_TRANSITIONS} == set(ExecutionStatus) - {"completed", "failed"}
    assert {a for a, _ in FEEDBACK_TRANSITIONS} == set(FeedbackState) - {"withdrawn"}


@pytest.mark.parametrize(
    ("before", "code_changed", "after"),
    [("0.1.0", True, "0.2.0"), ("0.1.0", False, "0.1.1"), ("1.9.9", True, "1.10.0"), ("1.9.9", False, "1.9.10")],
)
def test_versions_grow_by_what_changed(before: str, code_changed: bool, after: str) -> None:
    assert bump(before, code_changed=code_changed) == after


@pytest.mark.parametrize(("before", "after"), [("0.1.0", "1.0.0"), ("0.12.3", "1.0.0"), ("1.4.2", "2.0.0")])
def test_a_verification_makes_the_next_major(before: str, after: str) -> None:
    assert verified_version(before) == after
