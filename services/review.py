"""Approval and verification: the evidence, its guards, and the decisions that rest on it."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import notifications, timeline, workspaces
from services.database.rows import fetch, fetch_dicts
from services.errors import GuardFailed, InvalidInput
from services.lifecycle import MessageType, WorkspaceStatus, verified_version
from services.models import DetectorVersion, PatternSession, PatternWorkspace, now
from services.people import Actor, record, require
from services.places import rate
from services.rules import open_correction_sql
from services.settings import get_settings
from services.texts import cleaned


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition of a decision, as the page lists it."""

    name: str
    holds: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an approval rests on: the deployed version and what its completed sessions say of it."""

    version_id: uuid.UUID | None
    version: str
    commit_hash: str | None
    code_sha256: str | None
    params_sha256: str | None
    session_ids: list[str]
    tp: int
    fp: int
    fn: int
    n: int
    success_rate: float | None
    ci_low: float | None
    ci_high: float | None
    open_corrections: int
    live_execution: int | None

    def as_json(self) -> dict[str, Any]:
        """What is kept with an approval: everything but the live execution, which an approval does not allow."""
        kept = asdict(self)
        del kept["live_execution"]
        return kept | {"version_id": str(self.version_id) if self.version_id else None}


_SESSIONS: LiteralString = """
SELECT id::text, tp, fp, fn FROM pattern_sessions
WHERE workspace_id = %(w)s AND detector_version_id = %(v)s AND status = 'completed' ORDER BY completed_at, id
"""
_OPEN: LiteralString = f"SELECT count(*) FROM feedback_items WHERE workspace_id = %(w)s AND {open_correction_sql()}"


def evidence(session: Session, workspace_id: uuid.UUID) -> Evidence:
    """The evidence as it stands now."""
    workspace = session.get(PatternWorkspace, workspace_id)
    version = (
        session.get(DetectorVersion, workspace.deployed_version_id)
        if workspace and workspace.deployed_version_id
        else None
    )
    rows = fetch(session, _SESSIONS, {"w": workspace_id, "v": version.id}) if version else []
    total = rate(sum(r[1] for r in rows), sum(r[2] for r in rows), sum(r[3] for r in rows))
    live = workspaces.has_live_execution(session, workspace_id)
    return Evidence(
        version_id=version.id if version else None,
        version=workspace.version if workspace else "0.0.0",
        commit_hash=version.commit_hash if version else None,
        code_sha256=version.code_sha256 if version else None,
        params_sha256=_params_hash(version) if version else None,
        session_ids=[r[0] for r in rows],
        tp=total.tp,
        fp=total.fp,
        fn=total.fn,
        n=total.n,
        success_rate=total.rate,
        ci_low=total.ci_low,
        ci_high=total.ci_high,
        open_corrections=fetch(session, _OPEN, {"w": workspace_id})[0][0],
        live_execution=live.number if live else None,
    )


def _params_hash(version: DetectorVersion) -> str:
    return hashlib.sha256(json.dumps(version.params, sort_keys=True).encode()).hexdigest()


def approval_guards(current: Evidence) -> list[Guard]:
    """What must hold before a user approves. `n` counts judged marks: right, wrong and missed."""
    needed = get_settings().min_judged_marks
    return [
        Guard(
            "deployed",
            current.version_id is not None,
            f"v{current.version} is deployed" if current.version_id else "No version is deployed yet",
        ),
        Guard(
            "judged",
            bool(current.session_ids) and current.n >= needed,
            f"{current.n} judged marks in {_sessions(current)} on v{current.version}; {needed} are needed",
        ),
        _quiet(current),
    ]


def verification_guards(session: Session, workspace_id: uuid.UUID, actor: Actor) -> list[Guard]:
    """What must hold before an admin verifies: the approved evidence still stands, and it is not their own approval."""
    workspace = session.get(PatternWorkspace, workspace_id)
    assert workspace is not None
    current = evidence(session, workspace_id)
    approved = workspace.approved_evidence or {}
    same = _same_build(approved, current)
    own = workspace.approved_by_id == actor.id
    may_own = get_settings().approver_may_verify
    kept = set(approved.get("session_ids", [])) <= set(current.session_ids)
    return [
        Guard(
            "unchanged",
            same,
            "Deployed version unchanged since approval" if same else "The deployed version changed since the approval",
        ),
        Guard("judged", kept and bool(current.session_ids), _sessions(current)),
        _quiet(current),
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


def _sessions(current: Evidence) -> str:
    count = len(current.session_ids)
    return f"{count} completed session{'' if count == 1 else 's'}"


def _quiet(current: Evidence) -> Guard:
    number = current.live_execution
    return Guard("quiet", number is None, "No live execution" if number is None else f"Execution {number} is live")


def _same_build(approved: dict[str, Any], current: Evidence) -> bool:
    return (
        approved.get("version_id") == str(current.version_id)
        and approved.get("code_sha256") == current.code_sha256
        and approved.get("params_sha256") == current.params_sha256
    )


def _refuse_unless(guards: list[Guard]) -> None:
    failing = [g.sentence for g in guards if not g.holds]
    if failing:
        raise GuardFailed("Not yet: " + "; ".join(failing) + ".")


def approve(session: Session, workspace_id: uuid.UUID, *, comment: str | None = None, actor: Actor) -> None:
    """beta → in_review on the evidence as it stands; the evidence is kept with the approval."""
    require(actor, "approve")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "approve", WorkspaceStatus.BETA)
    current = evidence(session, workspace_id)
    _refuse_unless(approval_guards(current))
    previous = workspace.status
    workspace.approved_at, workspace.approved_by_id = now(), actor.id
    workspace.approved_evidence = current.as_json()
    _announce(
        session, workspace, MessageType.USER_APPROVED, previous, WorkspaceStatus.IN_REVIEW, current, comment, actor
    )
    workspaces.move(session, workspace, "approve", actor=actor)
    marks = rate(current.tp, current.fp, current.fn)
    notifications.review_waiting(session, workspace, approver=actor.name, comment=comment, marks=marks)


def withdraw(session: Session, workspace_id: uuid.UUID, *, reason: str | None = None, actor: Actor) -> None:
    """in_review → beta by the person who approved."""
    require(actor, "withdraw")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "withdraw", WorkspaceStatus.IN_REVIEW)
    if workspace.approved_by_id != actor.id:
        raise GuardFailed("Only the person who approved can withdraw the approval; an admin can return it.")
    _clear_approval(workspace)
    workspaces.move(session, workspace, "withdraw", actor=actor, reason=reason or "approval withdrawn")


def verify(session: Session, workspace_id: uuid.UUID, *, comment: str | None = None, actor: Actor) -> None:
    """in_review → verified by an admin who is not the approver; makes the next major version."""
    require(actor, "verify")
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "verify", WorkspaceStatus.IN_REVIEW)
    current = evidence(session, workspace_id)
    _refuse_unless(verification_guards(session, workspace_id, actor))
    previous, old_version = workspace.status, workspace.version
    new_version = verified_version(old_version)
    workspace.verified_at, workspace.verified_by_id = now(), actor.id
    workspace.version = new_version
    version = session.get(DetectorVersion, workspace.deployed_version_id)
    assert version is not None
    version.version = new_version
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
    _clear_approval(workspace)
    workspaces.move(session, workspace, "return", actor=actor, reason=reason)


def reopen(session: Session, workspace_id: uuid.UUID, *, reason: str, actor: Actor) -> None:
    """verified → beta by an admin, with a reason."""
    require(actor, "reopen")
    reason = _required(reason)
    workspace = workspaces.lock(session, workspace_id)
    _expect(workspace, "reopen", WorkspaceStatus.VERIFIED)
    workspaces.move(session, workspace, "reopen", actor=actor, reason=reason)


def void_if_changed(session: Session, workspace_id: uuid.UUID, *, reason: str) -> bool:
    """in_review → beta by the app when the evidence changed under the approval. Returns whether it did."""
    workspace = workspaces.lock(session, workspace_id)
    if workspace.status != WorkspaceStatus.IN_REVIEW:
        return False
    if _same_build(workspace.approved_evidence or {}, evidence(session, workspace_id)):
        return False
    _void(session, workspace, reason)
    return True


def void_if_it_rests_on(session: Session, session_id: uuid.UUID, *, reason: str) -> bool:
    """in_review → beta by the app when the approval counted this session. Returns whether it did."""
    workspace_id = session.scalar(select(PatternSession.workspace_id).where(PatternSession.id == session_id))
    if workspace_id is None:
        return False
    workspace = workspaces.lock(session, workspace_id)
    rests = str(session_id) in (workspace.approved_evidence or {}).get("session_ids", [])
    if workspace.status != WorkspaceStatus.IN_REVIEW or not rests:
        return False
    _void(session, workspace, reason)
    return True


def _void(session: Session, workspace: PatternWorkspace, reason: str) -> None:
    timeline.append(
        session,
        workspace.id,
        MessageType.APPROVAL_VOIDED,
        data={"previous_status": workspace.status, "new_status": WorkspaceStatus.BETA, "reason": reason},
        title="Approval voided",
        content=reason,
    )
    _clear_approval(workspace)
    workspaces.move(session, workspace, "void", actor=None, reason=reason)


def _expect(workspace: PatternWorkspace, verb: str, status: WorkspaceStatus) -> None:
    """Says what the status is before any guard, so that the sentence names the real obstacle."""
    if workspace.status != status:
        raise GuardFailed(
            f"{workspace.name} is in the status '{workspace.status.replace('_', ' ')}'; "
            f"to {verb}, it must be '{status.replace('_', ' ')}'."
        )


def _clear_approval(workspace: PatternWorkspace) -> None:
    workspace.approved_at = workspace.approved_by_id = workspace.approved_evidence = None


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
    success_rate: float | None
    success_n: int
    broken: int | None


_QUEUE: LiteralString = """
SELECT w.id, w.name, w.status, w.version, a.name, w.approved_at, v.name, w.verified_at, w.success_rate,
       w.success_tp + w.success_fp + w.success_fn,
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
    return [QueueRow(*row) for row in fetch(session, _QUEUE, {"status": status.value})]


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


def last_verified_commit(session: Session, workspace_id: uuid.UUID) -> str | None:
    """The commit that was live at the last verification, None when there was none."""
    rows = fetch(session, _VERIFIED_COMMIT, {"w": workspace_id})
    return rows[0][0] if rows else None


def deployed_replay(session: Session, version_id: uuid.UUID) -> dict[str, Any] | None:
    """The replay that let this version through, None for a first version without judged places."""
    rows = fetch_dicts(session, _REPLAY, {"v": version_id})
    return rows[0] if rows else None
