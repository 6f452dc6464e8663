"""What a board shows of a session: every mark, and everybody's verdicts on them as letters."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, LiteralString, TypedDict

from sqlalchemy.orm import Session

from services.database.rows import fetch, fetch_together
from services.errors import NotFound
from services.lifecycle import Verdict

MARKS_PAGE: Final = 5000
LETTERS: Final[Mapping[Verdict, str]] = {
    Verdict.CONFIRMED: "r", Verdict.FALSE_POSITIVE: "w", Verdict.ADJUSTMENT: "m", Verdict.UNSURE: "u",
    Verdict.COMMENT: "c", Verdict.FALSE_NEGATIVE: "x",
}  # fmt: skip
# Marks are told apart by their place in this order, which is that of the letters.
_ORDER: LiteralString = "d.anchor_index, d.kind, d.direction, d.id"
_MARKS: LiteralString = f"""
SELECT d.id::text, d.kind, d.direction, d.anchor_index, d.start_index, d.end_index, d.price, d.price_low, d.price_high,
       d.confirmed_index, d.confidence, d.refs
FROM detections d WHERE d.session_id = %(id)s ORDER BY {_ORDER} LIMIT %(limit)s OFFSET %(offset)s
"""
# A person's own verdict comes first; where they gave none, the newest of the others is shown.
_LETTERS: LiteralString = f"""
SELECT string_agg(CASE f.verdict WHEN 'confirmed' THEN 'r' WHEN 'false_positive' THEN 'w' WHEN 'adjustment' THEN 'm'
                  WHEN 'unsure' THEN 'u' WHEN 'comment' THEN 'c' ELSE '.' END, '' ORDER BY {_ORDER})
FROM detections d LEFT JOIN (
    SELECT DISTINCT ON (detection_id) detection_id, verdict FROM feedback_items
    WHERE session_id = %(id)s AND detection_id IS NOT NULL AND state <> 'withdrawn'
    ORDER BY detection_id, (author_id = %(viewer)s) DESC, created_at DESC
) f ON f.detection_id = d.id
WHERE d.session_id = %(id)s
"""
_MISSED: LiteralString = """
SELECT f.id::text, f.expected_kind, f.expected_direction, f.expected_index, f.author_id = %(viewer)s
FROM feedback_items f
WHERE f.session_id = %(id)s AND f.detection_id IS NULL AND f.verdict = 'false_negative' AND f.state <> 'withdrawn'
ORDER BY f.expected_index, f.id
"""
_STATUS: LiteralString = """
SELECT s.status, (SELECT coalesce(max(position), 0) FROM judgement_ops WHERE session_id = s.id)
FROM pattern_sessions s WHERE s.id = %(id)s
"""
# The newest first: what this person may take back.
_HISTORY: LiteralString = """
SELECT o.id::text, o.mark_id::text, o.verdict, o.previous ->> 'verdict',
       CASE WHEN o.action = 'miss' THEN o.feedback_id::text END
FROM judgement_ops o
WHERE o.session_id = %(id)s AND o.author_id = %(viewer)s AND o.result = 'done' AND o.undone_by IS NULL
  AND o.action IN ('judge', 'miss')
ORDER BY o.position DESC LIMIT 50
"""
_REASONS: LiteralString = """
SELECT reason FROM feedback_items f JOIN pattern_sessions s ON s.workspace_id = f.workspace_id
WHERE s.id = %(id)s AND f.reason IS NOT NULL AND length(f.reason) <= 80 AND f.made_by = 'person'
GROUP BY reason ORDER BY max(f.created_at) DESC LIMIT 8
"""


class MissedJson(TypedDict):
    """A mark that somebody said was missed; `own` when the viewer did."""

    id: str
    kind: str
    direction: int
    index: int
    own: bool


class DoneJson(TypedDict):
    """A judgement of the viewer that is not undone; `before` is the letter that the mark had, "." for none, and `missed`
    the item of a mark that was added as missed."""

    id: str
    mark: str | None
    letter: str
    before: str
    missed: str | None


class StateJson(TypedDict):
    """`letters` has one letter a mark, in the order of the marks; `position` is that of the newest judgement."""

    status: str
    position: int
    letters: str
    missed: list[MissedJson]
    history: list[DoneJson]
    reasons: list[str]


def marks(session: Session, session_id: uuid.UUID, page: int) -> list[tuple[Any, ...]]:
    """One page of what the detector said: id, kind, direction, anchor, start, end, price, low, high, confirmed at,
    confidence, refs. It never changes."""
    params = {"id": session_id, "limit": MARKS_PAGE, "offset": page * MARKS_PAGE}
    return fetch(session, _MARKS, params)


def letter(verdict: str | None) -> str:
    return LETTERS[Verdict(verdict)] if verdict else "."


def state_of(session: Session, session_id: uuid.UUID, viewer_id: uuid.UUID) -> StateJson:
    """What the board shows now. Raises NotFound."""
    params = {"id": session_id, "viewer": viewer_id}
    status, letters, missed, history, reasons = fetch_together(
        session, [(sql, params) for sql in (_STATUS, _LETTERS, _MISSED, _HISTORY, _REASONS)]
    )
    if not status:
        raise NotFound("There is no such session.")
    return {
        "status": status[0][0],
        "position": status[0][1],
        "letters": letters[0][0] or "",
        "missed": [{"id": r[0], "kind": r[1], "direction": r[2], "index": r[3], "own": r[4]} for r in missed],
        "history": [
            {"id": r[0], "mark": r[1], "letter": letter(r[2]), "before": letter(r[3]), "missed": r[4]} for r in history
        ],
        "reasons": [r[0] for r in reasons],
    }
