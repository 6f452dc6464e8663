"""Reading feedback: what is open, and the judged places as replayable cases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.detectors.types import Case
from services.rules import correction_sql, original_sql


@dataclass(frozen=True, slots=True)
class FeedbackRow:
    """A feedback item as lists and prompts show it."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    session_id: uuid.UUID | None
    session_name: str | None
    split: str | None
    detection_id: uuid.UUID | None
    author_name: str
    made_by: str
    verdict: str
    state: str
    kind: str | None
    direction: int | None
    candle_index: int | None
    candle_time: datetime | None
    price: float | None
    expected_index: int | None
    expected_time: datetime | None
    reason: str | None
    attachments: list[str]
    original: dict[str, Any] | None
    dataset_id: uuid.UUID | None
    window_start: int | None
    window_end: int | None
    execution_id: uuid.UUID | None
    created_at: datetime


_LIST: LiteralString = f"""
SELECT f.id, f.workspace_id, f.session_id, s.name, s.split, f.detection_id, u.name, f.made_by, f.verdict, f.state,
       f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, f.price, f.expected_index,
       f.expected_time, f.reason, f.attachments, f.original, f.dataset_id, f.window_start, f.window_end,
       f.execution_id, f.created_at
FROM feedback_items f
LEFT JOIN pattern_sessions s ON s.id = f.session_id
JOIN users u ON u.id = f.author_id
WHERE f.workspace_id = %(w)s
  AND (%(states)s::text[] IS NULL OR f.state = ANY(%(states)s))
  AND (%(ids)s::uuid[] IS NULL OR f.id = ANY(%(ids)s))
  AND (NOT %(asking)s OR ({correction_sql("f")}))
ORDER BY f.created_at, f.id LIMIT %(limit)s
"""


def list_feedback(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    states: Sequence[str] | None = None,
    ids: Sequence[uuid.UUID] | None = None,
    asking_only: bool = True,
    limit: int = 5000,
) -> list[FeedbackRow]:
    """Items of a workspace, oldest first. `asking_only` leaves out confirmed, unsure and carried ones."""
    params = {
        "w": workspace_id,
        "states": list(states) if states is not None else None,
        "ids": list(ids) if ids is not None else None,
        "asking": asking_only,
        "limit": limit,
    }
    return [FeedbackRow(*row) for row in fetch(session, _LIST, params)]


def open_batch(session: Session, workspace_id: uuid.UUID) -> list[FeedbackRow]:
    """What a launch would send: open corrections, without those of hold-out sessions."""
    return [f for f in list_feedback(session, workspace_id, states=["open"]) if f.split != "holdout"]


# Of one author's judgements of the same place, on a retest say, the latest is what they think.
_CASES: LiteralString = f"""
WITH latest AS (
    SELECT DISTINCT ON (author_id, dataset_id, expected_kind, expected_direction, candle_index) *
    FROM feedback_items
    WHERE workspace_id = %(w)s AND verdict <> 'comment' AND state <> 'withdrawn' AND {original_sql()}
      AND dataset_id IS NOT NULL AND expected_kind IS NOT NULL AND expected_direction IS NOT NULL
      AND candle_index IS NOT NULL AND window_start IS NOT NULL
      AND session_id IN (SELECT id FROM pattern_sessions WHERE status IN ('active', 'completed'))
    ORDER BY author_id, dataset_id, expected_kind, expected_direction, candle_index, created_at DESC, id DESC
)
SELECT f.id, f.session_id, f.dataset_id, f.window_start, f.window_end, f.verdict, f.expected_kind,
       f.expected_direction, f.expected_index,
       CASE WHEN f.detection_id IS NULL THEN NULL ELSE f.candle_index END,
       f.expected_low, f.expected_high, (f.original->>'price_low')::float8, (f.original->>'price_high')::float8,
       f.tolerance_bars, s.split
FROM latest f JOIN pattern_sessions s ON s.id = f.session_id
WHERE f.verdict IN ('confirmed', 'false_positive', 'false_negative', 'adjustment') AND f.state <> 'disputed'
ORDER BY f.created_at, f.id
"""


def cases(session: Session, workspace_id: uuid.UUID) -> list[Case]:
    """Every judged place of a workspace as a regression case; carried verdicts are their originals' cases already.

    Each author's latest judgement of a place (dataset, kind, direction, bar) stands for the ones before it.
    """
    return [
        Case(
            id=str(r[0]),
            session_id=str(r[1]),
            dataset_id=str(r[2]),
            window_start=r[3],
            window_end=r[4],
            verdict=r[5],
            kind=r[6],
            direction=r[7],
            expected_index=r[8],
            original_index=r[9],
            expected_low=r[10],
            expected_high=r[11],
            original_low=r[12],
            original_high=r[13],
            tolerance_bars=r[14],
            split=r[15],
        )
        for r in fetch(session, _CASES, {"w": workspace_id})
    ]
