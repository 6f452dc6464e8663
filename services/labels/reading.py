"""A workspace's judgements, decisions and windows out of the database, as the values that `services.places` takes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.candles.times import timeframe_seconds
from services.database.rows import fetch
from services.errors import InvalidInput
from services.places import ApprovalPolicy, Decision, Judgement, Policy, Spot, Stretch, Window, default_policy
from services.settings import get_settings

# Standing judgements. A carried copy has its original's time, so it is never newer than what it repeats.
_JUDGEMENTS: LiteralString = """
WITH RECURSIVE origin AS (
    SELECT id, id AS root, carried_from_id FROM feedback_items WHERE workspace_id = %(w)s AND made_by = 'carried'
    UNION ALL
    SELECT o.id, f.id, f.carried_from_id FROM origin o JOIN feedback_items f ON f.id = o.carried_from_id
), root AS (SELECT DISTINCT ON (id) id, root FROM origin WHERE carried_from_id IS NULL)
SELECT f.id::text, coalesce(r.created_at, f.created_at), coalesce(r.judged_at, f.judged_at), f.author_id::text,
       f.session_id::text, c.series_id::text, c.series_offset, f.expected_kind, f.expected_direction, f.verdict,
       f.candle_index, coalesce(f.candle_time, c.start_at), f.expected_index, coalesce(f.expected_time, f.candle_time, c.start_at),
       f.expected_low, f.expected_high, f.tolerance_bars, d.key,
       coalesce(d.price_low, (f.original->>'price_low')::float8), coalesce(d.price_high, (f.original->>'price_high')::float8),
       CASE WHEN jsonb_array_length(d.refs) > 0 THEN d.price END, d.slack, d.confirmed_index
FROM feedback_items f
JOIN candle_datasets c ON c.id = f.dataset_id
JOIN pattern_sessions s ON s.id = f.session_id
LEFT JOIN root o ON o.id = f.id LEFT JOIN feedback_items r ON r.id = o.root
LEFT JOIN detections d ON d.id = f.detection_id
WHERE f.workspace_id = %(w)s AND f.verdict <> 'comment' AND f.state <> 'withdrawn'
  AND s.status IN ('active', 'completed') AND f.expected_kind IS NOT NULL AND f.expected_direction IS NOT NULL
  AND f.candle_index IS NOT NULL
  AND (f.verdict NOT IN ('adjustment', 'false_negative') OR f.expected_index IS NOT NULL)
  AND (%(session)s::uuid IS NULL OR f.session_id = %(session)s) AND (%(person)s::uuid IS NULL OR f.author_id = %(person)s)
ORDER BY 2, 1
"""


def judgements(
    session: Session,
    workspace_id: uuid.UUID,
    *,
    session_id: uuid.UUID | None = None,
    person_id: uuid.UUID | None = None,
) -> list[Judgement]:
    """Every standing judgement of a workspace that has a place, oldest first; comments have none.

    Of one session or of one person alone where that is asked for.
    """
    wanted = {"w": workspace_id, "session": session_id, "person": person_id}
    return [_judgement(row) for row in fetch(session, _JUDGEMENTS, wanted)]


def _judgement(row: Sequence[Any]) -> Judgement:
    (
        id_,
        at,
        given,
        person,
        session,
        series,
        offset,
        kind,
        direction,
        verdict,
        candle,
        candle_time,
        expected,
        expected_time,
        low,
        high,
        tolerance,
        key,
        said_low,
        said_high,
        level,
        slack,
        confirmed,
    ) = row
    said = None
    if verdict != "false_negative":
        zone = said_low is not None and said_high is not None
        said = Spot(
            candle + offset,
            _seconds(candle_time),
            said_low if zone else None,
            said_high if zone else None,
            None if zone else level,
            slack,
            None if confirmed is None else confirmed + offset,
        )
    wanted = None
    if verdict in ("false_negative", "adjustment"):
        zone = low is not None and high is not None
        wanted = Spot(expected + offset, _seconds(expected_time), low if zone else None, high if zone else None)
    return Judgement(
        id=id_,
        at=at.timestamp(),
        person=person,
        session=session,
        series=series,
        kind=kind,
        direction=direction,
        verdict=verdict,
        said=said,
        expected=wanted,
        detection=key,
        tolerance_bars=tolerance,
        given=given.timestamp(),
    )


_DECISIONS: LiteralString = """
SELECT id::text, created_at, series_id::text, kind, direction, anchor_bar, anchor_time, price_low, price_high, level,
       slack, present
FROM place_decisions WHERE workspace_id = %(w)s ORDER BY created_at, id
"""


def decisions(session: Session, workspace_id: uuid.UUID) -> list[Decision]:
    """How disputes of a workspace were settled, oldest first."""
    return [
        Decision(r[0], r[1].timestamp(), r[2], r[3], r[4], Spot(r[5], _seconds(r[6]), r[7], r[8], r[9], r[10]), r[11])
        for r in fetch(session, _DECISIONS, {"w": workspace_id})
    ]


_WINDOWS: LiteralString = """
SELECT DISTINCT c.id::text, s.start_index, s.end_index, c.series_id::text, c.series_offset
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
WHERE s.workspace_id = %(w)s AND s.status IN ('active', 'completed')
"""


_COPIES: LiteralString = "SELECT id::text FROM feedback_items WHERE workspace_id = %(w)s AND made_by = 'carried'"
_POLICY: LiteralString = "SELECT replay_policy, status FROM pattern_workspaces WHERE id = %(w)s"


def copies(session: Session, workspace_id: uuid.UUID) -> frozenset[str]:
    """Ids of the judgements that a retest carried over: their originals stand for them."""
    return frozenset(row[0] for row in fetch(session, _COPIES, {"w": workspace_id}))


def replay_policy(session: Session, workspace_id: uuid.UUID) -> Policy:
    """What the replay lets pass: as an admin set it, else by the workspace's status."""
    policy, status = fetch(session, _POLICY, {"w": workspace_id})[0]
    return policy or default_policy(status)


_APPROVAL: LiteralString = "SELECT approval_policy FROM pattern_workspaces WHERE id = %(w)s"


def approval_policy(session: Session, workspace_id: uuid.UUID) -> ApprovalPolicy:
    """What the workspace asks of an approval."""
    rows = fetch(session, _APPROVAL, {"w": workspace_id})
    return policy_from_json(rows[0][0] if rows else {})


def policy_from_json(stored: Mapping[str, Any] | None) -> ApprovalPolicy:
    """A stored policy; the installation's settings stand where it says nothing."""
    settings = get_settings()
    usual = {"judged": settings.min_judged_marks, "unseen": settings.min_unseen_marks}
    known = {f.name for f in fields(ApprovalPolicy)}
    return ApprovalPolicy(**{**usual, **{k: v for k, v in (stored or {}).items() if k in known}})


def windows(session: Session, workspace_id: uuid.UUID) -> list[Window]:
    """The distinct windows that a workspace's active and completed sessions have."""
    return sorted(Window(*row) for row in fetch(session, _WINDOWS, {"w": workspace_id}))


# A session's own coverage counts while it is judged; another's once it is completed.
_CHECKED: LiteralString = """
SELECT DISTINCT c.series_id::text, s.start_index + c.series_offset, s.end_index + c.series_offset
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
WHERE s.workspace_id = %(w)s
  AND (s.status = 'completed' OR (s.status = 'active' AND s.id = %(session)s::uuid))
  AND (s.coverage = 'exhaustive' OR EXISTS (
       SELECT 1 FROM session_coverage p WHERE p.session_id = s.id AND p.coverage = 'exhaustive'))
"""


def checked(session: Session, workspace_id: uuid.UUID, *, session_id: uuid.UUID | None = None) -> list[Stretch]:
    """Bars that somebody declared fully checked, in completed sessions and in the one that is being scored."""
    rows = fetch(session, _CHECKED, {"w": workspace_id, "session": session_id})
    return sorted(Stretch(*row) for row in rows)


_SEEN: LiteralString = """
SELECT series_id::text, kind, direction, anchor_bar FROM seen_places WHERE workspace_id = %(w)s
"""
_PINS: LiteralString = "SELECT series_id::text, kind, direction, anchor_bar FROM place_pins WHERE workspace_id = %(w)s"
_RELEASED: LiteralString = "SELECT series_id::text, block FROM released_blocks WHERE workspace_id = %(w)s"
_SERIES: LiteralString = """
SELECT DISTINCT ON (c.series_id) c.series_id::text, c.timeframe, c.storage_path, c.series_offset
FROM candle_datasets c WHERE c.series_id = ANY(%(ids)s) ORDER BY c.series_id, c.rows DESC, c.created_at, c.id
"""


def coordinates(session: Session, workspace_id: uuid.UUID, *, pins: bool = False) -> set[tuple[str, str, int, int]]:
    """(series, kind, direction, bar) of what was seen, or pinned."""
    return {tuple(row) for row in fetch(session, _PINS if pins else _SEEN, {"w": workspace_id})}


def released(session: Session, workspace_id: uuid.UUID) -> dict[str, frozenset[int]]:
    """Blocks that an admin released, by series."""
    found: dict[str, set[int]] = {}
    for series, block in fetch(session, _RELEASED, {"w": workspace_id}):
        found.setdefault(series, set()).add(block)
    return {series: frozenset(blocks) for series, blocks in found.items()}


def series_facts(session: Session, ids: Sequence[str]) -> dict[str, tuple[int, str, int]]:
    """By series: seconds of a bar, where its longest dataset is stored, and that dataset's offset."""
    wanted = {"ids": [uuid.UUID(i) for i in ids]}
    return {r[0]: (_bar_seconds(r[1]), r[2], r[3]) for r in fetch(session, _SERIES, wanted)}


def series_seconds(session: Session, workspace_id: uuid.UUID) -> dict[str, int]:
    """The length of a bar, by the series that the workspace has places in."""
    ids = [row[0] for row in fetch(session, _PLACED, {"w": workspace_id})]
    return {series: seconds for series, (seconds, _, _) in series_facts(session, ids).items()}


_PLACED: LiteralString = "SELECT DISTINCT series_id::text FROM places WHERE workspace_id = %(w)s"


def _bar_seconds(timeframe: str) -> int:
    try:
        return timeframe_seconds(timeframe)
    except InvalidInput:  # of a dataset that was there before timeframes were checked
        return 86_400


def _seconds(at: datetime) -> int:
    return int(at.timestamp())
