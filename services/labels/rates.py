"""Success rates of sessions and versions, counted on places. The one way from the database to a rate."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.detectors.types import Detection
from services.errors import NotFound
from services.labels.keeping import label_set
from services.places import Coverage, Fit, LabelSet, Rate, Window

_SESSION: LiteralString = """
SELECT s.workspace_id, c.id::text, s.start_index, s.end_index, c.series_id::text, c.series_offset
FROM pattern_sessions s LEFT JOIN candle_datasets c ON c.id = s.dataset_id WHERE s.id = %(id)s
"""
_DETECTIONS: LiteralString = """
SELECT c.id::text, s.start_index, s.end_index, c.series_id::text, c.series_offset, d.kind, d.direction, d.anchor_index,
       extract(epoch FROM d.anchor_time)::bigint, d.start_index, d.end_index, d.confirmed_index, d.price, d.price_low,
       d.price_high, jsonb_array_length(d.refs)
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
LEFT JOIN detections d ON d.session_id = s.id
WHERE s.id = %(session)s OR (s.workspace_id = %(w)s AND s.detector_version_id = %(v)s AND s.status = 'completed')
"""


@dataclass(frozen=True, slots=True)
class SessionScore:
    """A session's rate now, on the places inside its window, and which label set that is."""

    rate: Rate
    fit: Fit
    label_set_sha256: str
    unsure: int
    disputed: int


@dataclass(frozen=True, slots=True)
class VersionRates:
    """A version's rate over its completed sessions: of all places, and of those seen and unseen apart."""

    all: Rate
    seen: Rate
    unseen: Rate


def score_session(session: Session, session_id: uuid.UUID, *, labels: LabelSet | None = None) -> SessionScore:
    """The score of a session as its judgements, and others' of the same bars, have it now. Raises NotFound.

    A session without a dataset, which was there before datasets, has no places.
    """
    rows = fetch(session, _SESSION, {"id": session_id})
    if not rows:
        raise NotFound("There is no such session.")
    known = labels or label_set(session, rows[0][0], session_id=session_id)
    if rows[0][1] is None:
        none = LabelSet((), ())
        empty = none.fit({})
        return SessionScore(none.rate(empty), empty, none.hash, 0, 0)
    window = Window(*rows[0][1:])
    its = known.within([window])
    fitted = its.fit(_detections(session, {"session": session_id, "w": None, "v": None}))
    of = len(known.windows) or 1
    unsettled = [p.status for p, _ in fitted.unsettled]
    return SessionScore(
        its.rate(fitted, coverage=Coverage(1, of)), fitted, its.hash, unsettled.count("unsure"),
        unsettled.count("disputed"),
    )  # fmt: skip


def version_rates(
    session: Session, workspace_id: uuid.UUID, version_id: uuid.UUID, *, labels: LabelSet | None = None
) -> VersionRates:
    """The rates of a version over its completed sessions, each place once however its windows overlap."""
    known = labels or label_set(session, workspace_id)
    found = _detections(session, {"session": None, "w": workspace_id, "v": version_id})
    its = known.within(found)
    fitted = its.fit(found)
    coverage = Coverage(len(its.windows), len(known.windows))
    ids = {f.place.id for f in fitted.fates}
    return VersionRates(
        its.rate(fitted, coverage=coverage), its.rate(fitted, only=ids & its.seen, coverage=coverage),
        its.rate(fitted, only=ids & its.unseen, coverage=coverage),
    )  # fmt: skip


def _detections(session: Session, params: Mapping[str, Any]) -> dict[Window, tuple[Detection, ...]]:
    found: dict[Window, list[Detection]] = {}
    for row in fetch(session, _DETECTIONS, params):
        its = found.setdefault(Window(*row[:5]), [])
        if row[5] is not None:
            kind, direction, anchor, time, start, end, confirmed, price, low, high, refs = row[5:]
            its.append(
                Detection(
                    kind, direction, anchor, time, start, end, confirmed, price, low, high, refs=(0,) * (refs or 0)
                )
            )
    return {window: tuple(its) for window, its in found.items()}


def rate_to_json(rate: Rate) -> dict[str, Any]:
    """A rate as it is stored and exported; `rate_from_json` reads it back."""
    return asdict(rate)


def rate_from_json(stored: Mapping[str, Any] | None) -> Rate | None:
    """A stored rate; None where none is stored."""
    if stored is None:
        return None
    coverage = stored.get("coverage")
    return Rate(**{**stored, "coverage": Coverage(**coverage) if coverage else None})
