"""What follows a change of the evidence: the workspace's rate, and an approval that no longer stands."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import labels, workspaces
from services.approvals.voiding import void_if_changed
from services.lifecycle import SessionStatus
from services.models import PatternSession, PatternWorkspace


def evidence_changed(session: Session, workspace_id: uuid.UUID, *, reason: str) -> bool:
    """Counts the workspace's rate again and takes back an approval that it no longer carries; whether it did.

    A place is one place in every session of its series, so a verdict given in a session under way changes what earlier
    ones have shown. `reason` says what was done ("a verdict changed").
    """
    workspace = session.get(PatternWorkspace, workspace_id)
    if workspace is None:
        return False
    if _has_rate(session, workspace):
        labels.note_rate(session, workspaces.lock(session, workspace_id))
        session.flush()
    return void_if_changed(session, workspace_id, reason=reason)


def _has_rate(session: Session, workspace: PatternWorkspace) -> bool:
    """Only completed sessions of the deployed version make a rate."""
    completed = select(PatternSession.id).where(
        PatternSession.workspace_id == workspace.id,
        PatternSession.status == SessionStatus.COMPLETED,
        PatternSession.detector_version_id == workspace.deployed_version_id,
    )
    return workspace.deployed_version_id is not None and session.scalar(completed.limit(1)) is not None
