"""Every version of a pattern with what it is worth: when it ran, its rates, what it fixed and broke."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from sqlalchemy.orm import Session

from services import feedback, labels
from services.database.rows import fetch
from services.deployments.versions import VersionRow, list_versions
from services.feedback import FeedbackRow
from services.labels import VersionRates


@dataclass(frozen=True, slots=True)
class Period:
    """A time in which a version was deployed; `ended_at` None while it is. `how` is deploy or roll_back."""

    started_at: datetime
    ended_at: datetime | None
    how: str


@dataclass(frozen=True, slots=True)
class VersionStory:
    """A version as the page of versions shows it. Fixed and broken are judgements outside what is kept for testing;
    `held_changed` counts the others. `found` are present places that it finds. `rates` is None where it never ran in a
    completed session."""

    version: VersionRow
    execution_number: int | None
    rates: VersionRates | None
    found: int
    places: int
    periods: tuple[Period, ...]
    baseline: str | None
    fixed: tuple[FeedbackRow, ...]
    broken: tuple[FeedbackRow, ...]
    held_changed: int
    sentence: str


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A judged window of a dataset, as two versions can be compared on."""

    dataset_id: uuid.UUID
    name: str
    storage_path: str
    start: int
    end: int
    series_id: str
    series_offset: int

    @property
    def label(self) -> str:
        return f"{self.name} #{self.start} to #{self.end}"


_PERIODS: LiteralString = """
SELECT version_id, started_at, ended_at, how FROM version_periods WHERE workspace_id = %(w)s ORDER BY started_at, id
"""
_EVALUATIONS: LiteralString = """
SELECT DISTINCT ON (ev.detector_version_id) ev.detector_version_id, b.version, ev.fixed_ids, ev.broken_ids, ev.splits
FROM evaluations ev LEFT JOIN detector_versions b ON b.id = ev.baseline_version_id
WHERE ev.workspace_id = %(w)s AND ev.kind = 'replay' ORDER BY ev.detector_version_id, ev.created_at DESC
"""
_NUMBERS: LiteralString = "SELECT id, number FROM claude_executions WHERE workspace_id = %(w)s"
_RAN: LiteralString = """
SELECT DISTINCT detector_version_id FROM pattern_sessions WHERE workspace_id = %(w)s AND status = 'completed'
AND dataset_id IS NOT NULL AND detector_version_id IS NOT NULL
"""
_WINDOWS: LiteralString = """
SELECT DISTINCT c.id, c.name, c.storage_path, s.start_index, s.end_index, c.series_id::text, c.series_offset
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
WHERE s.workspace_id = %(w)s AND s.status IN ('active', 'completed') ORDER BY 2, 4, 5
"""


def history(session: Session, workspace_id: uuid.UUID) -> list[VersionStory]:
    """A workspace's versions, the newest first."""
    versions = list_versions(session, workspace_id)
    known = labels.keep(session, workspace_id)
    ran = {row[0] for row in fetch(session, _RAN, {"w": workspace_id})}
    numbers = {row[0]: row[1] for row in fetch(session, _NUMBERS, {"w": workspace_id})}
    evaluations = {row[0]: row[1:] for row in fetch(session, _EVALUATIONS, {"w": workspace_id})}
    periods: dict[uuid.UUID, list[Period]] = {}
    for version_id, *period in fetch(session, _PERIODS, {"w": workspace_id}):
        periods.setdefault(version_id, []).append(Period(*period))
    ids = [uuid.UUID(str(i)) for _, fixed, broken, _ in evaluations.values() for i in (*fixed, *broken)]
    rows = feedback.list_feedback(session, workspace_id, ids=ids, asking_only=False) if ids else []
    by_id = {row.id: row for row in rows}
    stories = []
    for version in versions:
        rates, found, places = None, 0, 0
        if version.id in ran:
            rates, fitted = labels.version_fit(session, workspace_id, version.id, labels=known)
            present = [f for f in fitted.fates if f.place.status == "present"]
            found, places = sum(f.right for f in present), len(present)
        baseline, fixed, broken, splits = evaluations.get(version.id, (None, [], [], None))
        shown = {
            name: tuple(row for i in ids_ if (row := by_id.get(uuid.UUID(str(i)))) is not None and _open(row))
            for name, ids_ in (("fixed", fixed), ("broken", broken))
        }
        changed = len(fixed) + len(broken)
        stories.append(
            VersionStory(
                version,
                numbers.get(version.execution_id),
                rates,
                found,
                places,
                tuple(periods.get(version.id, ())),
                baseline,
                shown["fixed"],
                shown["broken"],
                changed - len(shown["fixed"]) - len(shown["broken"]),
                str((splits or {}).get("evidence") or ""),
            )
        )
    return stories


def _open(row: FeedbackRow) -> bool:
    """Whether a judgement is outside what is kept for testing, so that it may be shown with its place."""
    return row.split in (None, "tune")


def windows(session: Session, workspace_id: uuid.UUID) -> list[WindowRow]:
    """The windows that a workspace's sessions looked at."""
    return [WindowRow(*row) for row in fetch(session, _WINDOWS, {"w": workspace_id})]


@dataclass(frozen=True, slots=True)
class PlacedRow:
    """A place of the workspace with its bar in the series."""

    kind: str
    direction: int
    bar: int
    status: str


_PLACES: LiteralString = """
SELECT kind, direction, anchor_bar, status FROM places WHERE workspace_id = %(w)s AND series_id = %(series)s
AND anchor_bar BETWEEN %(first)s AND %(last)s ORDER BY anchor_bar, kind, direction
"""


def places_in(session: Session, workspace_id: uuid.UUID, window: WindowRow) -> list[PlacedRow]:
    """What people made of the candles of a window."""
    labels.keep_current(session, workspace_id)
    params: dict[str, Any] = {
        "w": workspace_id,
        "series": window.series_id,
        "first": window.start + window.series_offset,
        "last": window.end + window.series_offset,
    }
    return [PlacedRow(*row) for row in fetch(session, _PLACES, params)]
