"""Opening a completed session again: its frozen score stays as a revision, and the workspace's rate does without it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import approvals, labels, timeline, workspaces
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound
from services.lifecycle import MessageType, Role, SessionStatus
from services.models import PatternSession, SessionRevision, WorkspaceMessage, new_id, now
from services.people import Actor, record, require
from services.states import move_session
from services.texts import cleaned

WITHIN: Final = timedelta(days=1)  # for the person who completed it; an admin may later as well
MAX_REASON: Final = 1000  # characters


def may_reopen(session: Session, session_id: uuid.UUID, *, actor: Actor) -> bool:
    """Whether this person can open the session again now."""
    row = session.get(PatternSession, session_id)
    return row is not None and row.status == SessionStatus.COMPLETED and _why_not(session, row, actor) is None


def reopen(session: Session, session_id: uuid.UUID, *, reason: str, actor: Actor) -> None:
    """completed → active, with a reason that shows on the timeline. What was frozen is kept as a revision, and an approval
    that counted the session is void."""
    require(actor, "complete_session")
    text = cleaned(reason)
    if not text or len(text) > MAX_REASON:
        raise InvalidInput(f"Give a reason of up to {MAX_REASON:,} characters; it shows on the timeline.")
    workspace_id = session.scalar(select(PatternSession.workspace_id).where(PatternSession.id == session_id))
    if workspace_id is None:
        raise NotFound("There is no such session.")
    workspace = workspaces.lock(session, workspace_id)
    row = session.get_one(PatternSession, session_id, with_for_update=True, populate_existing=True)
    if row.status != SessionStatus.COMPLETED:
        raise Conflict(f"This session is {row.status}; only a completed one can be opened again.")
    sentence = _why_not(session, row, actor)
    if sentence is not None:
        raise NotAllowed(sentence)
    session.add(
        SessionRevision(
            id=new_id(),
            session_id=row.id,
            tp=row.tp,
            fp=row.fp,
            fn=row.fn,
            unsure_count=row.unsure_count,
            success_rate=row.success_rate,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            n_effective=row.n_effective,
            unjudged_count=row.unjudged_count,
            label_set_sha256=row.label_set_sha256,
            completed_at=row.completed_at,
            reopened_by_id=actor.id,
            reason=text,
        )
    )
    move_session(row, SessionStatus.ACTIVE)
    row.completed_at = row.success_rate = row.ci_low = row.ci_high = row.precision = row.recall = None
    row.tp = row.fp = row.fn = row.unsure_count = 0
    row.unjudged_count = row.n_effective = row.label_set_sha256 = row.score_note = None
    session.flush()
    labels.note_rate(session, workspace, labels.keep(session, workspace.id))
    record(
        session, actor=actor, action="reopen session", object_type="session", object_id=row.id, after={"reason": text}
    )
    timeline.append(
        session,
        workspace.id,
        MessageType.SESSION_REOPENED,
        data={"session_id": row.id, "reason": text},
        actor=actor,
        title=row.name,
        content=text,
        session_id=row.id,
    )
    reason = f"{actor.name} opened the session {row.name} again"
    approvals.void_if_changed(session, workspace.id, reason=reason, reopened=row)


def _why_not(session: Session, row: PatternSession, actor: Actor) -> str | None:
    """Why this person can't open the completed session again; None when they can."""
    if actor.role == Role.ADMIN:
        return None
    completed = WorkspaceMessage.session_id == row.id, WorkspaceMessage.type == MessageType.SESSION_COMPLETED
    by = session.scalar(
        select(WorkspaceMessage.author_id).where(*completed).order_by(WorkspaceMessage.seq.desc()).limit(1)
    )
    if by != actor.id:
        return "Only the person who completed this session can open it again, or an admin."
    if row.completed_at is None or now() - row.completed_at > WITHIN:
        return "This session was completed more than a day ago; an admin can open it again."
    return None
