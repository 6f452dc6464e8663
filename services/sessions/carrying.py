"""What a retest takes over from the session before: verdicts that still apply, and whether fixes held."""

from __future__ import annotations

import uuid
from typing import LiteralString

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import workspaces
from services.database.rows import fetch
from services.lifecycle import FeedbackState, MadeBy, Verdict
from services.models import Detection, FeedbackItem, PatternSession
from services.rules import asks, asks_sql
from services.states import move_correction


def carry_over(session: Session, row: PatternSession) -> int:
    """Copies the verdicts on detections that stayed the same, and missed places that are still missed."""
    new_by_key = {d.key: d for d in session.scalars(select(Detection).where(Detection.session_id == row.id))}
    places = {(d.kind, d.direction, d.anchor_index) for d in new_by_key.values()}
    old = session.execute(
        select(FeedbackItem, Detection.key)
        .outerjoin(Detection, Detection.id == FeedbackItem.detection_id)
        .where(
            FeedbackItem.session_id == row.retest_of_id,
            FeedbackItem.state.not_in([FeedbackState.WITHDRAWN, FeedbackState.DISPUTED]),
            FeedbackItem.verdict != Verdict.COMMENT,
        )
    ).all()
    carried = 0
    asking = 0
    for item, key in old:
        detection = new_by_key.get(key) if key else None
        still_missed = (
            key is None
            and item.verdict == Verdict.FALSE_NEGATIVE
            and (item.expected_kind, item.expected_direction, item.expected_index) not in places
        )
        if detection is None and not still_missed:
            continue
        session.add(_carried(item, row, detection.id if detection else None))
        carried += 1
        asking += asks(item.verdict)
    if asking:
        workspace = workspaces.lock(session, row.workspace_id)
        workspace.feedback_count += asking
    session.flush()
    return carried


_CARRIED_COLUMNS = (
    "author_id",
    "verdict",
    "original",
    "candle_index",
    "candle_time",
    "price",
    "expected_kind",
    "expected_direction",
    "expected_index",
    "expected_time",
    "expected_price",
    "expected_low",
    "expected_high",
    "tolerance_bars",
    "dataset_id",
    "window_start",
    "window_end",
    "reason",
    "severity",
)


def _carried(item: FeedbackItem, row: PatternSession, detection_id: uuid.UUID | None) -> FeedbackItem:
    """The copy of a verdict. The batch that took the original did not take the copy, so it names no execution."""
    copied = {column: getattr(item, column) for column in _CARRIED_COLUMNS}
    state = FeedbackState.OPEN if item.state == FeedbackState.SENT else item.state
    return FeedbackItem(
        **copied,
        state=state,
        workspace_id=row.workspace_id,
        session_id=row.id,
        detection_id=detection_id,
        made_by=MadeBy.CARRIED,
        carried_from_id=item.id,
    )


# What a retest goes back to, and the originals of the corrections that it finds still wrong.
_RETESTED: LiteralString = """
WITH RECURSIVE chain AS (
    SELECT retest_of_id AS id FROM pattern_sessions WHERE id = %(id)s AND retest_of_id IS NOT NULL
    UNION SELECT s.retest_of_id FROM pattern_sessions s JOIN chain c ON c.id = s.id WHERE s.retest_of_id IS NOT NULL
) SELECT id FROM chain
"""
_STILL_WRONG: LiteralString = f"""
WITH RECURSIVE origin AS (
    SELECT carried_from_id AS id FROM feedback_items
    WHERE session_id = %(id)s AND state <> 'withdrawn' AND {asks_sql()}
    UNION SELECT f.carried_from_id FROM feedback_items f JOIN origin o ON o.id = f.id
) SELECT id FROM origin WHERE id IS NOT NULL
"""


def settle_addressed(session: Session, row: PatternSession) -> None:
    """A completed retest says of each correction that counts as fixed whether it holds: verified, or open again.

    A retest of a retest speaks of the first session's corrections too, because the copies between lead back to them.
    """
    session.flush()
    retested = [r[0] for r in fetch(session, _RETESTED, {"id": row.id})]
    still_wrong = {r[0] for r in fetch(session, _STILL_WRONG, {"id": row.id})}
    fixed = session.scalars(
        select(FeedbackItem).where(
            FeedbackItem.session_id.in_(retested),
            FeedbackItem.state.in_([FeedbackState.ADDRESSED, FeedbackState.VERIFIED]),
            FeedbackItem.made_by != MadeBy.CARRIED,
        )
    )
    for item in fixed:
        move_correction(item, FeedbackState.OPEN if item.id in still_wrong else FeedbackState.VERIFIED)
