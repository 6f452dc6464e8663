"""Deciding on a pattern: approve, verify, return, withdraw, reopen, waive a line, each with its guards."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services import notifications, timeline, workspaces
from services.approvals import (
    Approved,
    Evidence,
    Guard,
    approval_guards,
    approved_of,
    clear_approval,
    evidence,
    glance,
    refuse_unless,
    void_causes,
)
from services.approvals.guards import WAIVABLE, quiet, same_build, sessions_of
from services.database.rows import fetch, fetch_dicts
from services.errors import GuardFailed, InvalidInput
from services.labels import KeptRates, kept_rates, label_set, policy_from_json
from services.lifecycle import MessageType, WorkspaceStatus, verified_version
from services.models import DetectorVersion, PatternWorkspace, now
from services.people import Actor, record, require
from services.places import ApprovalPolicy
from services.settings import get_settings
from services.texts import cleaned

__all__ = [
    "Evidence",
    "Guard",
    "QueueRow",
    "Returned",
    "approval_guards",
    "approve",
    "approved_evidence",
    "deployed_replay",
    "evidence",
    "glance",
    "last_verified_commit",
    "open_return",
    "queue",
    "reopen",
    "return_to_beta",
    "verification_guards",
    "verify",
    "waive_line",
    "withdraw",
]


def verification_guards(session: Session, workspace_id: uuid.UUID, actor: Actor) -> list[Guard]:
    """What must hold before an admin verifies: the approved evidence still stands, and it is not their own approval."""
    workspace = session.get(PatternWorkspace, workspace_id)
    assert workspace is not None
    known = label_set(session, workspace_id)
    current = evidence(session, workspace_id, known=known)
    approved = approved_of(workspace) or Approved()
    same = same_build(approved, current)
    absent = frozenset(p.id for p in known.places if p.status == "absent")
    against = void_causes(approved, current, absent) if same else []
    own = workspace.approved_by_id == actor.id
    may_own = get_settings().approver_may_verify
    kept = set(approved.session_ids) <= set(current.session_ids)
    return [
        Guard(
            "unchanged",
            same,
            "Deployed version unchanged since approval" if same else "The deployed version changed since the approval",
        ),
        Guard(
            "carried",
            not against,
            "The evidence no longer carries the approval: " + "; ".join(cause.sentence for cause in against)
            if against
            else "The evidence still carries the approval",
        ),
        Guard("judged", kept and bool(current.session_ids), sessions_of(current)),
        quiet(current),
        Guard(
            "other_person",
            not own or may_own,
            "You are not the approver"
            if not own
            else "You approved this yourself; that is allowed here by a setting"
            if may_own
            else "You approved this yourself; another admin verifies it",
        ),
    ]


def approve(session: Session, workspace_id: uuid.UUID, *, comment: str | None = None, actor: Actor) -> None:
    """beta → in_review on the evidence as it stands; the evidence is kept with the approval.

    After a return the comment is the answer to its reason, so it is needed then.
    """
    require(actor, "approve")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "approve", WorkspaceStatus.BETA)
    returned = open_return(session, workspace_id)
    if returned is not None and not cleaned(comment):
        raise InvalidInput(f"{returned.by} returned it: {returned.reason} Say what was done about it.")
    current = evidence(session, workspace_id)
    refuse_unless(approval_guards(current))
    previous = workspace.status
    workspace.approved_at, workspace.approved_by_id = now(), actor.id
    workspace.approved_evidence = current.as_json()
    _announce(
        session, workspace, MessageType.USER_APPROVED, previous, WorkspaceStatus.IN_REVIEW, current, comment, actor
    )
    workspaces.move(session, workspace, "approve", actor=actor)
    notifications.review_waiting(
        session, workspace, approver=actor.name, comment=comment, marks=current.total, unseen=current.unseen
    )


def withdraw(session: Session, workspace_id: uuid.UUID, *, reason: str | None = None, actor: Actor) -> None:
    """in_review → beta by the person who approved."""
    require(actor, "withdraw")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "withdraw", WorkspaceStatus.IN_REVIEW)
    if workspace.approved_by_id != actor.id:
        raise GuardFailed("Only the person who approved can withdraw the approval; an admin can return it.")
    clear_approval(workspace)
    workspaces.move(session, workspace, "withdraw", actor=actor, reason=reason or "approval withdrawn")


def verify(session: Session, workspace_id: uuid.UUID, *, comment: str | None = None, actor: Actor) -> None:
    """in_review → verified by an admin who is not the approver; the workspace's version becomes the next major one.

    The version's row keeps the number that it ran under, and gets the new one as the name of its release.
    """
    require(actor, "verify")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "verify", WorkspaceStatus.IN_REVIEW)
    current = evidence(session, workspace_id)
    refuse_unless(verification_guards(session, workspace_id, actor))
    previous, old_version = workspace.status, workspace.version
    new_version = verified_version(old_version)
    workspace.verified_at, workspace.verified_by_id = now(), actor.id
    workspace.version = new_version
    version = session.get(DetectorVersion, workspace.deployed_version_id)
    assert version is not None
    version.release = new_version
    session.flush()
    _announce(
        session, workspace, MessageType.ADMIN_VERIFIED, previous, WorkspaceStatus.VERIFIED, current, comment, actor
    )
    timeline.append(
        session,
        workspace.id,
        MessageType.VERSION_UPDATED,
        data={"previous_version": old_version, "new_version": new_version, "changes": ["verified"]},
        actor=actor,
        title=f"{old_version} → {new_version}",
    )
    workspaces.move(session, workspace, "verify", actor=actor)


def return_to_beta(session: Session, workspace_id: uuid.UUID, *, reason: str, actor: Actor) -> None:
    """in_review → beta by an admin, with a reason that shows on the timeline."""
    require(actor, "return")
    reason = _required(reason)
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "return", WorkspaceStatus.IN_REVIEW)
    timeline.append(
        session,
        workspace.id,
        MessageType.REVIEW_RETURNED,
        data={"previous_status": workspace.status, "new_status": WorkspaceStatus.BETA, "reason": reason},
        actor=actor,
        title="Returned from review",
        content=reason,
    )
    clear_approval(workspace)
    workspaces.move(session, workspace, "return", actor=actor, reason=reason)


def waive_line(session: Session, workspace_id: uuid.UUID, line: str, *, reason: str, actor: Actor) -> None:
    """An admin lets the deployed version be approved without one line of the policy; another version begins anew."""
    require(actor, "waive_line")
    reason = _required(reason)
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "waive a line", WorkspaceStatus.BETA)
    guard = next((g for g in approval_guards(evidence(session, workspace_id)) if g.name == line), None)
    if guard is None or line not in WAIVABLE:
        raise InvalidInput(f"There is no such line to waive; there are {', '.join(WAIVABLE)}.")
    if guard.holds:
        raise GuardFailed("That line is met already, so there is nothing to waive.")
    kept = {"reason": reason, "by": actor.name, "version_id": str(workspace.deployed_version_id)}
    workspace.approval_waivers = {**workspace.approval_waivers, line: kept}
    session.flush()
    timeline.append(
        session,
        workspace.id,
        MessageType.GATE_WAIVED,
        data={"line": line, "reason": f"{guard.sentence}: {reason}"},
        actor=actor,
        title=f"Waived: {guard.sentence}",
        content=reason,
    )
    record(
        session,
        actor=actor,
        action="waive_line",
        object_type="workspace",
        object_id=workspace.id,
        after={"line": line, "reason": reason, "evidence": guard.sentence},
    )


@dataclass(frozen=True, slots=True)
class Returned:
    """A return from review that no later approval has answered."""

    reason: str
    by: str
    at: datetime


_RETURNED: LiteralString = """
SELECT m.type, m.data->>'reason', u.name, m.created_at FROM workspace_messages m LEFT JOIN users u ON u.id = m.author_id
WHERE m.workspace_id = %(w)s AND m.type IN ('review_returned', 'user_approved')
ORDER BY m.seq DESC LIMIT 1
"""
_ANSWERED: LiteralString = """
SELECT r.data->>'reason', u.name, r.created_at FROM workspace_messages r LEFT JOIN users u ON u.id = r.author_id
WHERE r.workspace_id = %(w)s AND r.type = 'review_returned' ORDER BY r.seq DESC LIMIT 1
"""


def open_return(session: Session, workspace_id: uuid.UUID, *, answered: bool = False) -> Returned | None:
    """Why the pattern was returned, until somebody answers by approving again; with `answered` the last one anyway."""
    if answered:
        rows = [("review_returned", *row) for row in fetch(session, _ANSWERED, {"w": workspace_id})]
    else:
        rows = list(fetch(session, _RETURNED, {"w": workspace_id}))
    if not rows or rows[0][0] != "review_returned":
        return None
    return Returned(rows[0][1] or "", rows[0][2] or "Somebody", rows[0][3])


def reopen(session: Session, workspace_id: uuid.UUID, *, reason: str, actor: Actor) -> None:
    """verified → beta by an admin, with a reason."""
    require(actor, "reopen")
    reason = _required(reason)
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "reopen", WorkspaceStatus.VERIFIED)
    workspaces.move(session, workspace, "reopen", actor=actor, reason=reason)


def _expect(workspace: PatternWorkspace, verb: str, status: WorkspaceStatus) -> None:
    """Says what the status is before any guard, so that the sentence names the real obstacle."""
    if workspace.status != status:
        raise GuardFailed(
            f"{workspace.name} is in the status '{workspace.status.replace('_', ' ')}'; "
            f"to {verb}, it must be '{status.replace('_', ' ')}'."
        )


def _required(reason: str) -> str:
    text = cleaned(reason)
    if not text:
        raise InvalidInput("A reason is required; it shows on the timeline.")
    return text


def _announce(
    session: Session,
    workspace: PatternWorkspace,
    kind: MessageType,
    previous: str,
    new: str,
    current: Evidence,
    comment: str | None,
    actor: Actor,
) -> None:
    words = cleaned(comment) or None
    timeline.append(
        session,
        workspace.id,
        kind,
        data={"previous_status": previous, "new_status": new, "evidence": current.as_json(), "comment": words},
        actor=actor,
        title="Approved" if kind == MessageType.USER_APPROVED else "Verified",
        content=words,
    )
    record(
        session,
        actor=actor,
        action=kind.value,
        object_type="workspace",
        object_id=workspace.id,
        after=current.as_json(),
    )


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A workspace that waits for verification, or was decided."""

    workspace_id: uuid.UUID
    name: str
    status: str
    version: str
    approved_by_name: str | None
    approved_at: datetime | None
    verified_by_name: str | None
    verified_at: datetime | None
    rates: KeptRates
    policy: ApprovalPolicy
    broken: int | None


_QUEUE: LiteralString = """
SELECT w.id, w.name, w.status, w.version, a.name, w.approved_at, v.name, w.verified_at, w.rate,
       ARRAY[w.success_tp, w.success_fp, w.success_fn], w.approval_policy,
       (SELECT cardinality(e.broken_ids) FROM evaluations e WHERE e.detector_version_id = w.deployed_version_id
        AND e.kind = 'replay' ORDER BY e.created_at DESC LIMIT 1)
FROM pattern_workspaces w
LEFT JOIN users a ON a.id = w.approved_by_id LEFT JOIN users v ON v.id = w.verified_by_id
WHERE w.status = %(status)s AND w.archived_at IS NULL
ORDER BY coalesce(w.verified_at, w.approved_at) DESC LIMIT 500
"""


def queue(session: Session, *, decided: bool = False) -> list[QueueRow]:
    """What waits for an admin, or (`decided`) what is verified; the latest first."""
    status = WorkspaceStatus.VERIFIED if decided else WorkspaceStatus.IN_REVIEW
    return [
        QueueRow(*[*row[:8], kept_rates(row[8], row[9]), policy_from_json(row[10]), row[11]])
        for row in fetch(session, _QUEUE, {"status": status.value})
    ]


_VERIFIED_COMMIT: LiteralString = """
SELECT data->'evidence'->>'commit_hash' FROM workspace_messages
WHERE workspace_id = %(w)s AND type = 'admin_verified' ORDER BY created_at DESC, id DESC LIMIT 1
"""
_REPLAY: LiteralString = """
SELECT ev.tp, ev.fp, ev.fn, ev.success_rate, ev.ci_low, ev.ci_high, cardinality(ev.fixed_ids) AS fixed,
       cardinality(ev.broken_ids) AS broken, jsonb_array_length(ev.case_results) AS cases, ev.splits, ev.p_value,
       b.version AS baseline_version, ev.execution_id
FROM evaluations ev LEFT JOIN detector_versions b ON b.id = ev.baseline_version_id
WHERE ev.detector_version_id = %(v)s AND ev.kind = 'replay' ORDER BY ev.created_at DESC LIMIT 1
"""


def approved_evidence(session: Session, workspace_id: uuid.UUID) -> Approved | None:
    """What the standing approval rests on; None without one."""
    return approved_of(session.get(PatternWorkspace, workspace_id))


def last_verified_commit(session: Session, workspace_id: uuid.UUID) -> str | None:
    """The commit that was live at the last verification, None when there was none."""
    rows = fetch(session, _VERIFIED_COMMIT, {"w": workspace_id})
    return rows[0][0] if rows else None


def deployed_replay(session: Session, version_id: uuid.UUID) -> dict[str, Any] | None:
    """The replay that let this version through, None for a first version without judged places."""
    rows = fetch_dicts(session, _REPLAY, {"v": version_id})
    return rows[0] if rows else None
