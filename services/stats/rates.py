"""Success rates of patterns and versions, counted on places as everywhere (`services.labels`), and pooled over patterns."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services import labels
from services.database.rows import fetch
from services.places import Rate
from services.places.rates import wilson
from services.stats.filters import Filters, Places

MOST_EARLIER: Final = 12  # patterns not judged yet whose version before is counted for one page
NOTHING: Final = Rate(0, 0, 0, None, 0, None, None)


@dataclass(frozen=True, slots=True)
class PatternRate:
    """A pattern's deployed version and its rate; `rate.rate` is None while nothing of it is judged.

    `earlier_version` and `earlier` are the version judged last before it, for a pattern that is not judged yet.
    """

    workspace_id: uuid.UUID
    name: str
    version: str
    rate: Rate
    earlier_version: str | None = None
    earlier: Rate | None = None


@dataclass(frozen=True, slots=True)
class VersionRate:
    """A version of a pattern that has completed sessions."""

    version_id: uuid.UUID
    version: str
    status: str
    sessions: int
    deployed_at: datetime | None
    rate: Rate


_PATTERNS: LiteralString = """
SELECT w.id, w.name, v.version, w.rate->%(places)s
FROM pattern_workspaces w JOIN detector_versions v ON v.id = w.deployed_version_id
WHERE w.archived_at IS NULL AND (%(w)s::uuid IS NULL OR w.id = %(w)s)
  AND (%(category)s::text IS NULL OR w.category = %(category)s)
ORDER BY w.name, w.id
"""
_EARLIER: LiteralString = """
SELECT v.id, v.version FROM pattern_sessions s
JOIN detector_versions v ON v.id = s.detector_version_id JOIN pattern_workspaces w ON w.id = s.workspace_id
WHERE s.workspace_id = %(w)s AND s.status = 'completed' AND v.id <> w.deployed_version_id
ORDER BY s.completed_at DESC LIMIT 1
"""
_VERSIONS: LiteralString = """
SELECT v.id, v.version, v.status, count(*), v.deployed_at
FROM pattern_sessions s JOIN detector_versions v ON v.id = s.detector_version_id
LEFT JOIN candle_datasets d ON d.id = s.dataset_id
WHERE s.workspace_id = %(w)s AND s.status = 'completed' AND (%(symbol)s::text IS NULL OR d.symbol = %(symbol)s)
  AND s.completed_at >= %(since)s AND s.completed_at < %(until)s
GROUP BY v.id ORDER BY v.created_at, v.id
"""


def pattern_rates(session: Session, filters: Filters) -> list[PatternRate]:
    """Every pattern that has a deployed version, with its rate now; those not judged yet stay in the list.

    The period plays no part: it is the rate of what is live. By name.
    """
    found = []
    earlier_left = MOST_EARLIER
    for workspace_id, name, version, kept in fetch(session, _PATTERNS, filters.params() | {"places": filters.places}):
        rate = labels.rate_from_json(kept) or NOTHING
        if rate.rate is not None or earlier_left == 0:
            found.append(PatternRate(workspace_id, name, version, rate))
            continue
        earlier_left -= 1
        before = fetch(session, _EARLIER, {"w": workspace_id})
        its = _of(labels.version_rates(session, workspace_id, before[0][0]), filters.places) if before else None
        found.append(PatternRate(workspace_id, name, version, rate, before[0][1] if before else None, its))
    return found


def version_rates(session: Session, filters: Filters) -> list[VersionRate]:
    """The versions of one pattern that completed a session in the period, oldest first, each over all its sessions."""
    if filters.workspace_id is None:
        return []
    known = labels.label_set(session, filters.workspace_id)
    return [
        VersionRate(
            version_id,
            version,
            status,
            sessions,
            deployed_at,
            _of(labels.version_rates(session, filters.workspace_id, version_id, labels=known), filters.places),
        )
        for version_id, version, status, sessions, deployed_at in fetch(session, _VERSIONS, filters.params())
    ]


def _of(rates: labels.VersionRates, places: Places) -> Rate:
    return {"all": rates.all, "seen": rates.seen, "unseen": rates.unseen}[places]


def together(rates: Iterable[Rate]) -> Rate:
    """Several patterns' rates as one. Patterns share no places, so their effective numbers add up."""
    known = [rate for rate in rates if rate.rate is not None]
    tp, fp, fn = (sum(getattr(rate, name) for rate in known) for name in ("tp", "fp", "fn"))
    n, worth = tp + fp + fn, sum(rate.n_effective for rate in known)
    unjudged = sum(rate.unjudged for rate in known)
    if not n or not worth:
        return Rate(tp, fp, fn, None, n, None, None, unjudged)
    share = tp / n
    low, high = wilson(share * worth, worth)
    return Rate(tp, fp, fn, share, n, low, high, unjudged, worth, sum(rate.blocks for rate in known))
