"""What a new rule of counting asks of an installation once: places derived, rates counted, frozen scores noted."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import labels
from services.lifecycle import SessionStatus
from services.models import PatternSession, PatternWorkspace
from services.places import LabelSet


def derive_places(session: Session) -> int:
    """Derives the places of every workspace that has none yet; how many workspaces there were.

    A completed session keeps its frozen score; where the rule counts otherwise, its note says how.
    """
    waiting = session.scalars(select(PatternWorkspace).where(PatternWorkspace.places_at.is_(None))).all()
    for workspace in waiting:
        known = labels.keep(session, workspace.id)
        done = session.scalars(
            select(PatternSession).where(
                PatternSession.workspace_id == workspace.id, PatternSession.status == SessionStatus.COMPLETED
            )
        ).all()
        for row in done:
            note_difference(session, row, known)
        if any(row.dataset_id for row in done):
            labels.note_rate(session, workspace, known)
    session.flush()
    return len(waiting)


def note_difference(session: Session, row: PatternSession, known: LabelSet | None = None) -> bool:
    """Notes where a frozen score and what the rule says now differ; whether they do."""
    if row.dataset_id is None:
        return False
    rate = labels.score_session(session, row.id, labels=known).rate
    differs = (rate.tp, rate.fp, rate.fn) != (row.tp, row.fp, row.fn)
    row.score_note = (
        f"Frozen at {row.tp} right, {row.fp} wrong, {row.fn} missed; counted on places it is {rate.tp}, {rate.fp}, "
        f"{rate.fn}."
        if differs
        else None
    )
    return differs
