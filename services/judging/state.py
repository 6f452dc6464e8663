"""What a board shows of a session: every mark, and everybody's verdicts on them as letters."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final, LiteralString, TypedDict

from sqlalchemy.orm import Session

from services.database.rows import fetch, fetch_together
from services.errors import NotFound
from services.lifecycle import Verdict
from services.people import Actor
from services.rules import masked_sql

MARKS_PAGE: Final = 5000
LETTERS: Final[Mapping[Verdict, str]] = {
    Verdict.CONFIRMED: "r", Verdict.FALSE_POSITIVE: "w", Verdict.ADJUSTMENT: "m", Verdict.UNSURE: "u",
    Verdict.COMMENT: "c", Verdict.FALSE_NEGATIVE: "x",
}  # fmt: skip
_LETTER: LiteralString = """CASE f.verdict WHEN 'confirmed' THEN 'r' WHEN 'false_positive' THEN 'w'
    WHEN 'adjustment' THEN 'm' WHEN 'unsure' THEN 'u' WHEN 'comment' THEN 'c' ELSE '.' END"""
# Marks are told apart by their place in this order, which is that of the letters.
_ORDER: LiteralString = "d.anchor_index, d.kind, d.direction, d.id"
_MARKS: LiteralString = f"""
SELECT d.id::text, d.kind, d.direction, d.anchor_index, d.start_index, d.end_index, d.price, d.price_low, d.price_high,
       d.confirmed_index, d.confidence, d.refs
FROM detections d WHERE d.session_id = %(id)s ORDER BY {_ORDER} LIMIT %(limit)s OFFSET %(offset)s
"""
# What the viewer sees of one mark: their own verdict, one that a retest carried over, or another person's, unless the
# review is blind and they have given none.
_LETTERS: LiteralString = f"""
SELECT string_agg({_LETTER}, '' ORDER BY {_ORDER})
FROM detections d LEFT JOIN (
    SELECT DISTINCT ON (detection_id) detection_id, verdict FROM feedback_items
    WHERE session_id = %(id)s AND detection_id IS NOT NULL AND state <> 'withdrawn'
      AND (author_id = %(viewer)s OR made_by = 'carried' OR NOT %(blind)s)
    ORDER BY detection_id, (author_id = %(viewer)s) DESC, created_at DESC
) f ON f.detection_id = d.id
WHERE d.session_id = %(id)s
"""
_OTHERS: LiteralString = f"""
SELECT u.name, string_agg({_LETTER}, '' ORDER BY {_ORDER})
FROM (SELECT DISTINCT author_id FROM feedback_items WHERE session_id = %(id)s AND author_id <> %(viewer)s
        AND detection_id IS NOT NULL AND state <> 'withdrawn' AND made_by = 'person') a
JOIN users u ON u.id = a.author_id CROSS JOIN detections d
LEFT JOIN feedback_items f ON f.detection_id = d.id AND f.author_id = a.author_id AND f.state <> 'withdrawn'
  AND (NOT %(blind)s OR EXISTS (SELECT 1 FROM feedback_items o WHERE o.detection_id = d.id
       AND o.author_id = %(viewer)s AND o.state <> 'withdrawn'))
WHERE d.session_id = %(id)s GROUP BY u.id, u.name ORDER BY u.name, u.id
"""
# In a blind review, what others said was missed shows once the viewer has judged every mark.
_MISSED: LiteralString = """
SELECT f.id::text, f.expected_kind, f.expected_direction, f.expected_index, f.author_id = %(viewer)s
FROM feedback_items f
WHERE f.session_id = %(id)s AND f.detection_id IS NULL AND f.verdict = 'false_negative' AND f.state <> 'withdrawn'
  AND (f.author_id = %(viewer)s OR NOT %(blind)s OR NOT EXISTS (
       SELECT 1 FROM detections d WHERE d.session_id = %(id)s AND NOT EXISTS (
           SELECT 1 FROM feedback_items o WHERE o.detection_id = d.id AND o.state <> 'withdrawn'
             AND (o.author_id = %(viewer)s OR o.made_by = 'carried'))))
ORDER BY f.expected_index, f.id
"""
_STATUS: LiteralString = """
SELECT s.status, (SELECT coalesce(max(position), 0) FROM judgement_ops WHERE session_id = s.id)
FROM pattern_sessions s WHERE s.id = %(id)s
"""
_BLIND: LiteralString = """
SELECT w.blind_review AND s.status = 'active' FROM pattern_sessions s JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.id = %(id)s
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


class OtherJson(TypedDict):
    """Another person's verdicts, as far as the viewer may see them: one letter a mark."""

    name: str
    letters: str


class StateJson(TypedDict):
    """`letters` has one letter a mark, in the order of the marks; `position` is that of the newest judgement. `blind`
    says that others' verdicts on a mark show only once the viewer has judged it."""

    status: str
    position: int
    letters: str
    others: list[OtherJson]
    blind: bool
    missed: list[MissedJson]
    history: list[DoneJson]
    reasons: list[str]


_MASKED: LiteralString = f"""
SELECT EXISTS (SELECT 1 FROM feedback_items f WHERE f.session_id = %(id)s AND f.state <> 'withdrawn' AND {masked_sql("f")})
"""


def is_masked(session: Session, session_id: uuid.UUID, *, actor: Actor) -> bool:
    """Whether others judged what this person may not see yet, so that a score would tell of it."""
    if not actor.may("judge"):
        return False
    return bool(fetch(session, _MASKED, {"id": session_id, "viewer": actor.id})[0][0])


def marks(session: Session, session_id: uuid.UUID, page: int) -> list[tuple[Any, ...]]:
    """One page of what the detector said: id, kind, direction, anchor, start, end, price, low, high, confirmed at,
    confidence, refs. It never changes."""
    params = {"id": session_id, "limit": MARKS_PAGE, "offset": page * MARKS_PAGE}
    return fetch(session, _MARKS, params)


def letter(verdict: str | None) -> str:
    return LETTERS[Verdict(verdict)] if verdict else "."


def state_of(session: Session, session_id: uuid.UUID, *, actor: Actor) -> StateJson:
    """What the board shows this person now. Raises NotFound."""
    row = fetch(session, _BLIND, {"id": session_id})
    if not row:
        raise NotFound("There is no such session.")
    blind = bool(row[0][0]) and actor.may("judge")  # who only looks on gives no verdict that could be swayed
    params = {"id": session_id, "viewer": actor.id, "blind": blind}
    status, letters, others, missed, history, reasons = fetch_together(
        session, [(sql, params) for sql in (_STATUS, _LETTERS, _OTHERS, _MISSED, _HISTORY, _REASONS)]
    )
    return {
        "status": status[0][0],
        "position": status[0][1],
        "letters": letters[0][0] or "",
        "others": [{"name": r[0], "letters": r[1]} for r in others],
        "blind": blind,
        "missed": [{"id": r[0], "kind": r[1], "direction": r[2], "index": r[3], "own": r[4]} for r in missed],
        "history": [
            {"id": r[0], "mark": r[1], "letter": letter(r[2]), "before": letter(r[3]), "missed": r[4]} for r in history
        ],
        "reasons": [r[0] for r in reasons],
    }
