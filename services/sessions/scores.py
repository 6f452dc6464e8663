"""The score that completing a session freezes, counted on places."""

from __future__ import annotations

import uuid

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from services import labels
from services.labels import SessionScore
from services.lifecycle import FeedbackState, Verdict
from services.models import FeedbackItem, PatternSession


def was_labelled(row: PatternSession) -> bool:
    """Whether no detector ran in the session. One that came from the existing system has its version as text alone."""
    return row.detector_version_id is None and row.pattern_version is None


def freeze(session: Session, row: PatternSession) -> SessionScore:
    """Writes a session's score, and the hash of the label set it was counted on, into its row. One in which no detector
    ran has labels and no score."""
    result = labels.score_session(session, row.id)
    if was_labelled(row):
        row.label_set_sha256, row.score_note = result.label_set_sha256, None
        return result
    rate, counts = result.rate, result.fit.counts
    row.tp, row.fp, row.fn, row.unsure_count = rate.tp, rate.fp, rate.fn, result.unsure
    row.success_rate, row.ci_low, row.ci_high = rate.rate, rate.ci_low, rate.ci_high
    row.unjudged_count, row.n_effective = rate.unjudged, rate.n_effective
    row.label_set_sha256, row.score_note = result.label_set_sha256, None
    row.precision = counts.precision
    # Where nobody looked for marks, those that were missed are unknown, so a recall would be invented.
    known = row.coverage == "exhaustive" and rate.tp + rate.fn > 0
    row.recall = rate.tp / (rate.tp + rate.fn) if known else None
    return result


def verdict_counts(session: Session, session_id: uuid.UUID) -> dict[str, int]:
    """How many marks have which verdict: one a mark and reviewer, so that two who agree count as one mark."""
    place = func.coalesce(cast(FeedbackItem.detection_id, Text), cast(FeedbackItem.id, Text))
    counted = (
        select(FeedbackItem.verdict, func.count(func.distinct(place)))
        .where(
            FeedbackItem.session_id == session_id,
            FeedbackItem.state != FeedbackState.WITHDRAWN,
            FeedbackItem.verdict != Verdict.COMMENT,
        )
        .group_by(FeedbackItem.verdict)
    )
    return {str(verdict): int(n) for verdict, n in session.execute(counted)}


def marked_places(session: Session, session_id: uuid.UUID) -> int:
    """How many places people marked in a session, without what they took back."""
    wanted = select(func.count()).where(
        FeedbackItem.session_id == session_id,
        FeedbackItem.verdict == Verdict.FALSE_NEGATIVE,
        FeedbackItem.state != FeedbackState.WITHDRAWN,
    )
    return session.scalar(wanted) or 0
