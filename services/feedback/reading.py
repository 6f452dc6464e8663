"""Reading feedback: what is open, and the judged places as replayable cases."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

from sqlalchemy.orm import Session

from services import labels
from services.database.rows import fetch
from services.lifecycle import Severity, Verdict
from services.people import Actor
from services.rules import correction_sql, masked_sql, open_correction_sql

# Of a batch; what nobody weighed stands between.
SEVERITY_ORDER: Final[Mapping[str | None, int]] = {Severity.HIGH: 0, None: 1, Severity.LOW: 2}


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
    severity: str | None
    original: dict[str, Any] | None
    dataset_id: uuid.UUID | None
    window_start: int | None
    window_end: int | None
    execution_id: uuid.UUID | None
    created_at: datetime


def split_sql() -> LiteralString:
    """Whether an item `f` may be sent: one of its places that is kept for testing keeps the whole of it."""
    return (
        "(SELECT p.split FROM place_judgements j JOIN places p ON p.id = j.place_id WHERE j.feedback_id = f.id "
        "ORDER BY p.split = 'tune', p.split DESC LIMIT 1)"
    )


_LIST: LiteralString = f"""
SELECT f.id, f.workspace_id, f.session_id, s.name, {split_sql()}, f.detection_id, u.name, f.made_by, f.verdict, f.state,
       f.expected_kind, f.expected_direction, f.candle_index, f.candle_time, f.price, f.expected_index,
       f.expected_time, f.reason, f.attachments, f.severity, f.original, f.dataset_id, f.window_start, f.window_end,
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


@dataclass(frozen=True, slots=True)
class OpenCorrections:
    """What a launch would send, the severest first, and how many open corrections it would not: those that are `held`,
    kept for testing, those that others `contradict`, so that the replay would count against what they ask for, and those
    that are `masked`, kept from the viewer by a blind review that goes on."""

    sent: list[FeedbackRow]
    held: int
    contradicted: int
    masked: int = 0


# What an open correction asks for and its place, by all who judged it, is not: one that people dispute or outvoted, that
# a decision went against, or that its own person has since judged otherwise elsewhere.
_CONTRADICTED: LiteralString = f"""
SELECT DISTINCT f.id FROM feedback_items f JOIN place_judgements j ON j.feedback_id = f.id
JOIN places p ON p.id = j.place_id JOIN candle_datasets c ON c.id = f.dataset_id
CROSS JOIN LATERAL (SELECT abs(p.anchor_bar - c.series_offset - f.candle_index) AS of,
                           abs(p.anchor_bar - c.series_offset - f.expected_index) AS to) apart
WHERE f.workspace_id = %(w)s AND {open_correction_sql("f")} AND (p.status = 'disputed'
    OR (f.verdict = 'false_negative' AND p.status = 'absent') OR (f.verdict = 'false_positive' AND p.status = 'present')
    OR (f.verdict = 'adjustment' AND p.status = CASE WHEN apart.of < apart.to THEN 'present'
                                                     WHEN apart.to < apart.of THEN 'absent' END))
"""


def open_batch(session: Session, workspace_id: uuid.UUID) -> list[FeedbackRow]:
    """What a launch would send: see `OpenCorrections`."""
    return open_corrections(session, workspace_id).sent


_MASKED: Final[LiteralString] = f"""
SELECT f.id FROM feedback_items f WHERE f.workspace_id = %(w)s AND {open_correction_sql("f")} AND {masked_sql("f")}
"""


def open_corrections(session: Session, workspace_id: uuid.UUID, *, viewer: Actor | None = None) -> OpenCorrections:
    """The open corrections of a workspace by what a launch does with them; those that `viewer` may see, where given."""
    labels.keep_current(session, workspace_id)
    found = list_feedback(session, workspace_id, states=["open"])
    masked: set[uuid.UUID] = set()
    if viewer is not None and viewer.may("judge"):
        masked = {row[0] for row in fetch(session, _MASKED, {"w": workspace_id, "viewer": viewer.id})}
        found = [f for f in found if f.id not in masked]
    free = [f for f in found if _may_be_sent(f)]
    against = {row[0] for row in fetch(session, _CONTRADICTED, {"w": workspace_id})}
    sent = sorted((f for f in free if f.id not in against), key=lambda f: SEVERITY_ORDER.get(f.severity, 1))
    return OpenCorrections(sent, len(found) - len(free), len(free) - len(sent), len(masked))


def _may_be_sent(row: FeedbackRow) -> bool:
    """Words, and what is older than datasets, have no place; anything else needs one that is not kept for testing."""
    return row.split == "tune" or (row.split is None and (row.verdict == Verdict.COMMENT or row.dataset_id is None))


_AT_CANDLE: LiteralString = """
SELECT session_id, coalesce(detection_id, id) FROM feedback_items
WHERE workspace_id = %(w)s AND candle_index = %(candle)s AND session_id IS NOT NULL
ORDER BY created_at DESC, id LIMIT 1"""


def at_candle(session: Session, workspace_id: uuid.UUID, candle: int) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The newest judgement at a candle of a workspace: its session and its mark."""
    rows = fetch(session, _AT_CANDLE, {"w": workspace_id, "candle": candle})
    return (rows[0][0], rows[0][1]) if rows else None
