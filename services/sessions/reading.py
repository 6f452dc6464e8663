"""Reading sessions: lists, one with its detections and verdicts, and what a retest finds gone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import pandas as pd
from sqlalchemy.orm import Session

from services import labels
from services.database.rows import fetch, fetch_dicts
from services.errors import NotFound


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as lists show it. Scores are those frozen at completion."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    workspace_name: str
    pattern_type: str
    name: str
    symbol: str
    timeframe: str
    version: str | None
    status: str
    split: str
    coverage: str
    start_index: int
    end_index: int
    detection_count: int
    judged_count: int
    tp: int
    fp: int
    fn: int
    unsure_count: int
    success_rate: float | None
    ci_low: float | None
    ci_high: float | None
    created_at: datetime
    completed_at: datetime | None
    created_by_name: str
    detector_error: str | None


_LIST: LiteralString = """
SELECT s.id, s.workspace_id, w.name, w.pattern_type, s.name, s.symbol, s.timeframe, s.pattern_version, s.status,
       s.split, s.coverage, s.start_index, s.end_index, s.detection_count,
       (SELECT count(*) FROM feedback_items f WHERE f.session_id = s.id AND f.detection_id IS NOT NULL
        AND f.state <> 'withdrawn')::int,
       s.tp, s.fp, s.fn, s.unsure_count, s.success_rate, s.ci_low, s.ci_high, s.created_at, s.completed_at, u.name,
       s.detector_error
FROM pattern_sessions s JOIN pattern_workspaces w ON w.id = s.workspace_id JOIN users u ON u.id = s.created_by_id
WHERE (%(workspace)s::uuid IS NULL OR s.workspace_id = %(workspace)s)
  AND (%(status)s::text IS NULL OR s.status = %(status)s)
  AND (%(version)s::text IS NULL OR s.pattern_version = %(version)s)
  AND (s.created_at, s.id) < (%(at)s, %(before)s)
ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s
"""


def list_sessions(
    session: Session,
    *,
    workspace_id: uuid.UUID | None = None,
    status: str | None = None,
    version: str | None = None,
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int = 200,
) -> list[SessionRow]:
    """The newest sessions first, of one workspace or of all; with `before`, those after (created_at, id) of a row."""
    at, last = before or ("infinity", uuid.UUID(int=2**128 - 1))
    params = {"workspace": workspace_id, "status": status, "version": version, "at": at, "before": last}
    rows = fetch(session, _LIST, params | {"limit": limit})
    return [SessionRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session and what it ran on. Indexes are dataset indexes; the window is inclusive."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    workspace_name: str
    pattern_type: str
    name: str
    status: str
    split: str
    coverage: str
    symbol: str
    timeframe: str
    dataset_id: uuid.UUID | None
    dataset_name: str | None
    dataset_sha256: str | None
    storage_path: str | None
    start_index: int
    end_index: int
    context_bars: int
    version_id: uuid.UUID | None
    version: str | None
    commit_hash: str | None
    params: dict[str, Any] | None
    deployed_version_id: uuid.UUID | None
    deployed_version: str
    retest_of_id: uuid.UUID | None
    isolation: str | None
    run_ms: int | None
    detector_error: str | None
    detection_count: int
    tp: int
    fp: int
    fn: int
    unsure_count: int
    success_rate: float | None
    precision: float | None
    recall: float | None
    ci_low: float | None
    ci_high: float | None
    created_at: datetime
    completed_at: datetime | None
    created_by_name: str


_ONE: LiteralString = """
SELECT s.id, s.workspace_id, w.name, w.pattern_type, s.name, s.status, s.split, s.coverage, s.symbol, s.timeframe,
       s.dataset_id, d.name, d.content_sha256, d.storage_path, s.start_index, s.end_index, s.context_bars,
       s.detector_version_id, s.pattern_version, v.commit_hash, s.params, w.deployed_version_id, w.version,
       s.retest_of_id, s.isolation, s.run_ms, s.detector_error, s.detection_count, s.tp, s.fp, s.fn, s.unsure_count,
       s.success_rate, s.precision, s.recall, s.ci_low, s.ci_high, s.created_at, s.completed_at, u.name
FROM pattern_sessions s
JOIN pattern_workspaces w ON w.id = s.workspace_id
JOIN users u ON u.id = s.created_by_id
LEFT JOIN candle_datasets d ON d.id = s.dataset_id
LEFT JOIN detector_versions v ON v.id = s.detector_version_id
WHERE s.id = %(id)s
"""


def get(session: Session, session_id: uuid.UUID) -> SessionDetail:
    """One session. Raises NotFound."""
    rows = fetch(session, _ONE, {"id": session_id})
    if not rows:
        raise NotFound("There is no such session; it may have been removed, or the link is wrong.")
    return SessionDetail(*rows[0])


_MARKS: LiteralString = """
SELECT d.id AS detection_id, f.id AS feedback_id, d.kind, d.direction, d.anchor_index, d.anchor_time, d.start_index,
       d.end_index, d.price, d.price_low, d.price_high, d.confirmed_index, d.confidence, d.refs, d.meta, f.verdict,
       f.reason, f.expected_index, f.state, f.made_by, f.author_id
FROM detections d
LEFT JOIN LATERAL (
    SELECT * FROM feedback_items f WHERE f.detection_id = d.id AND f.state <> 'withdrawn'
    ORDER BY (f.author_id = %(viewer)s) DESC NULLS LAST, f.created_at DESC LIMIT 1) f ON true
WHERE d.session_id = %(id)s
UNION ALL
SELECT NULL, f.id, f.expected_kind, f.expected_direction, f.expected_index, f.expected_time, f.expected_index,
       f.expected_index, f.expected_price, f.expected_low, f.expected_high, f.expected_index, NULL, '[]', '{}',
       f.verdict, f.reason, f.expected_index, f.state, f.made_by, f.author_id
FROM feedback_items f
WHERE f.session_id = %(id)s AND f.detection_id IS NULL AND f.verdict = 'false_negative' AND f.state <> 'withdrawn'
ORDER BY 5, 3, 4
"""


def marks(session: Session, session_id: uuid.UUID, *, viewer_id: uuid.UUID | None = None) -> pd.DataFrame:
    """Detections and missed places of a session by anchor index, one row a mark, with the viewer's verdict first.

    Columns: detection_id, feedback_id, kind, direction, anchor_index, anchor_time, start_index, end_index, price,
    price_low, price_high, confirmed_index, confidence, refs, meta, verdict, reason, expected_index, state, made_by,
    author_id. `detection_id` is None for a missed place; `verdict` is None until judged. Ids are strings.
    """
    rows = fetch_dicts(session, _MARKS, {"id": session_id, "viewer": viewer_id})
    columns = [
        "detection_id",
        "feedback_id",
        "kind",
        "direction",
        "anchor_index",
        "anchor_time",
        "start_index",
        "end_index",
        "price",
        "price_low",
        "price_high",
        "confirmed_index",
        "confidence",
        "refs",
        "meta",
        "verdict",
        "reason",
        "expected_index",
        "state",
        "made_by",
        "author_id",
    ]
    for row in rows:
        for key in ("detection_id", "feedback_id", "author_id"):
            row[key] = str(row[key]) if row[key] is not None else None
    frame = pd.DataFrame(rows, columns=columns, dtype=object)  # object, so that "not judged" stays None and never NaN
    whole = ["direction", "anchor_index", "start_index", "end_index", "confirmed_index"]
    prices = ["price", "price_low", "price_high", "confidence"]
    return frame.astype({**dict.fromkeys(whole, "int64"), **dict.fromkeys(prices, "float64")})


_GONE: LiteralString = """
SELECT DISTINCT ON (f.candle_index, f.expected_kind, f.expected_direction) f.id AS feedback_id, f.verdict,
       f.expected_kind AS kind, f.expected_direction AS direction, f.candle_index, f.candle_time, f.price, f.reason
FROM feedback_items f JOIN pattern_sessions s ON s.retest_of_id = f.session_id
WHERE s.id = %(id)s AND f.id = ANY(%(judgements)s) AND f.verdict = 'confirmed'
  AND NOT EXISTS (SELECT 1 FROM feedback_items m WHERE m.session_id = s.id AND m.detection_id IS NULL
                  AND m.state <> 'withdrawn' AND m.id = ANY(%(judgements)s))
ORDER BY f.candle_index, f.expected_kind, f.expected_direction, f.id
"""


def gone(session: Session, session_id: uuid.UUID) -> list[dict[str, Any]]:
    """Marks that were right in the session this one retests, and that the new version has no more.

    Each counts as missing until a person settles it by a judgement in this session.
    """
    found: list[dict[str, Any]] = []
    for fate in labels.score_session(session, session_id).fit.fates:
        if fate.place.status == "present" and not fate.right:
            its = [uuid.UUID(j) for j in fate.place.judgements]
            found += fetch_dicts(session, _GONE, {"id": session_id, "judgements": its})[:1]
    return found
