"""Taking an approval back when the evidence changed under it: the status, the message and the notice in one."""

from __future__ import annotations

import uuid

from sqlalchemy.orm import Session

from services import labels, notifications, timeline, workspaces
from services.approvals.approved import Approved, approved_of
from services.approvals.evidence import evidence
from services.approvals.guards import Cause, void_causes
from services.lifecycle import MessageType, WorkspaceStatus
from services.models import PatternSession, PatternWorkspace


def clear_approval(workspace: PatternWorkspace) -> None:
    """Forgets who approved, when, and on what."""
    workspace.approved_at = workspace.approved_by_id = workspace.approved_evidence = None


def void_if_changed(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    reason: str,
    pushed: tuple[str, str] | None = None,
    reopened: PatternSession | None = None,
) -> bool:
    """in_review → beta by the app when the evidence no longer carries the approval. Returns whether it did.

    `reason` says what was done ("a verdict changed"); `pushed` are two commits when somebody pushed by hand to the
    pattern's files: the deployed one and the new one. `reopened` is a session that was opened again.
    """
    workspace = session.get(PatternWorkspace, workspace_id)
    if workspace is None or workspace.status != WorkspaceStatus.IN_REVIEW:
        return False
    workspace = workspaces.lock(session, workspace_id)
    approved = approved_of(workspace) or Approved()
    causes = [Cause("Code on the main branch", pushed[0][:7], pushed[1][:7])] if pushed else []
    if reopened is not None and str(reopened.id) in approved.session_ids:
        causes.append(Cause(f"Session {reopened.name}", "completed", "opened again"))
    known = labels.label_set(session, workspace_id)
    absent = frozenset(p.id for p in known.places if p.status == "absent")
    causes += void_causes(approved, evidence(session, workspace_id, known=known), absent)
    if workspace.status != WorkspaceStatus.IN_REVIEW or not causes:
        return False
    words = f"{reason.strip().rstrip('.')}. " + "; ".join(cause.sentence for cause in causes) + "."
    timeline.append(
        session,
        workspace.id,
        MessageType.APPROVAL_VOIDED,
        data={
            "previous_status": workspace.status,
            "new_status": WorkspaceStatus.BETA,
            "reason": words,
            "causes": [{"what": c.what, "before": c.before, "after": c.after} for c in causes],
        },
        title="Approval voided",
        content=words,
    )
    approved_at = workspace.approved_at
    clear_approval(workspace)
    workspaces.move(session, workspace, "void", actor=None, reason=words)
    notifications.approval_voided(session, workspace, words, approved_at=approved_at)
    return True
