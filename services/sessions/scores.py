"""The verdicts of a session, counted: one vote a place, the majority of its reviewers, ties left out."""

from __future__ import annotations

import uuid
from collections import defaultdict

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from services.detectors.scoring import Tally, consensus, tally
from services.lifecycle import FeedbackState, Verdict
from services.models import FeedbackItem


def consensus_tally(session: Session, session_id: uuid.UUID) -> Tally:
    """TP, FP, FN and unsure of a session. Disputed and withdrawn marks don't count."""
    rows = session.execute(
        select(
            FeedbackItem.detection_id,
            FeedbackItem.expected_kind,
            FeedbackItem.expected_direction,
            FeedbackItem.expected_index,
            FeedbackItem.author_id,
            FeedbackItem.verdict,
        ).where(
            FeedbackItem.session_id == session_id,
            FeedbackItem.state.not_in([FeedbackState.WITHDRAWN, FeedbackState.DISPUTED]),
            FeedbackItem.verdict != Verdict.COMMENT,
        )
    )
    votes: dict[tuple[object, ...], dict[str, str]] = defaultdict(dict)
    for detection_id, kind, direction, index, author_id, verdict in rows:
        place = (detection_id,) if detection_id else (kind, direction, index)
        votes[place][str(author_id)] = verdict
    decided = (consensus(by_reviewer) for by_reviewer in votes.values())
    return tally(v for v in decided if v is not None and v != "disputed")


def verdict_counts(session: Session, session_id: uuid.UUID) -> dict[str, int]:
    """How many marks have which verdict: one a mark and reviewer, so that two who agree count as one mark."""
    place = func.coalesce(cast(FeedbackItem.detection_id, Text), cast(FeedbackItem.id, Text))
    counted = select(FeedbackItem.verdict, func.count(func.distinct(place))).where(
        FeedbackItem.session_id == session_id, FeedbackItem.state != FeedbackState.WITHDRAWN,
        FeedbackItem.verdict != Verdict.COMMENT,
    ).group_by(FeedbackItem.verdict)  # fmt: skip
    return {str(verdict): int(n) for verdict, n in session.execute(counted)}
