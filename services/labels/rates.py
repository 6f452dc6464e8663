"""Success rates of sessions and versions, counted on places. The one way from the database to a rate."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, LiteralString

from sqlalchemy.orm import Session

from services.database.rows import fetch
from services.detectors.types import Detection
from services.errors import NotFound
from services.labels.keeping import label_set
from services.models import PatternWorkspace
from services.places import Change, Claim, Coverage, Fit, LabelSet, Rate, Window, claim, compare, rate

_SESSION: LiteralString = """
SELECT s.workspace_id, c.id::text, s.start_index, s.end_index, c.series_id::text, c.series_offset
FROM pattern_sessions s LEFT JOIN candle_datasets c ON c.id = s.dataset_id WHERE s.id = %(id)s
"""
ALWAYS: Final = ("-infinity", "infinity")
_DETECTIONS: LiteralString = """
SELECT c.id::text, s.start_index, s.end_index, c.series_id::text, c.series_offset, d.kind, d.direction, d.anchor_index,
       extract(epoch FROM d.anchor_time)::bigint, d.start_index, d.end_index, d.confirmed_index, d.price, d.price_low,
       d.price_high, jsonb_array_length(d.refs)
FROM pattern_sessions s JOIN candle_datasets c ON c.id = s.dataset_id
LEFT JOIN detections d ON d.session_id = s.id
WHERE s.id = %(session)s OR (s.workspace_id = %(w)s AND s.detector_version_id = %(v)s AND s.status = 'completed'
   AND s.completed_at >= %(since)s AND s.completed_at < %(until)s)
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
        its.rate(fitted, coverage=Coverage(1, of)),
        fitted,
        its.hash,
        unsettled.count("unsure"),
        unsettled.count("disputed"),
    )


def version_rates(
    session: Session,
    workspace_id: uuid.UUID,
    version_id: uuid.UUID,
    *,
    labels: LabelSet | None = None,
    period: tuple[Any, Any] = ALWAYS,
) -> VersionRates:
    """The rates of a version over its completed sessions, each place once however its windows overlap.

    Of the sessions completed in a `period` alone (from, until) where one is given.
    """
    return version_fit(session, workspace_id, version_id, labels=labels, period=period)[0]


def version_fit(
    session: Session,
    workspace_id: uuid.UUID,
    version_id: uuid.UUID,
    *,
    labels: LabelSet | None = None,
    period: tuple[Any, Any] = ALWAYS,
) -> tuple[VersionRates, Fit]:
    """The same with what became of each place."""
    known = labels or label_set(session, workspace_id)
    found = _detections(session, {"session": None, "w": workspace_id, "v": version_id}, period)
    its = known.within(found)
    fitted = its.fit(found)
    return _version_rates(its, fitted, Coverage(len(its.windows), len(known.windows))), fitted


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the windows that both ran on, and the places of these: each one's rates there, the counts of seen
    places, and what may be claimed of unseen ones. `windows` is how many windows they share."""

    before: VersionRates
    after: VersionRates
    seen: Change
    claim: Claim
    windows: int


def compare_versions(
    session: Session, workspace_id: uuid.UUID, before: uuid.UUID, after: uuid.UUID, *, labels: LabelSet | None = None
) -> Comparison:
    """Two versions on what both were judged on."""
    known = labels or label_set(session, workspace_id)
    then, now = (_detections(session, {"session": None, "w": workspace_id, "v": v}) for v in (before, after))
    shared = sorted(set(then) & set(now))
    its = known.within(shared)
    fits = [its.fit({w: found[w] for w in shared}) for found in (then, now)]
    coverage = Coverage(len(shared), len(known.windows))
    rates = [_version_rates(its, fitted, coverage) for fitted in fits]
    ids = {f.place.id for f in fits[0].fates}
    return Comparison(
        rates[0],
        rates[1],
        compare(*fits, only=ids & its.seen),
        claim(compare(*fits, only=ids & its.unseen)),
        len(shared),
    )


def _version_rates(its: LabelSet, fitted: Fit, coverage: Coverage) -> VersionRates:
    ids = {f.place.id for f in fitted.fates}
    return VersionRates(
        its.rate(fitted, coverage=coverage),
        its.rate(fitted, only=ids & its.seen, coverage=coverage),
        its.rate(fitted, only=ids & its.unseen, coverage=coverage),
    )


def note_rate(session: Session, workspace: PatternWorkspace, known: LabelSet | None = None) -> None:
    """Writes the workspace's success rate: the deployed version's over its completed sessions, each place once."""
    if workspace.deployed_version_id is None:
        workspace.rate = workspace.success_rate = None
        workspace.success_tp = workspace.success_fp = workspace.success_fn = 0
        return
    rates = version_rates(session, workspace.id, workspace.deployed_version_id, labels=known)
    workspace.success_tp, workspace.success_fp, workspace.success_fn = rates.all.tp, rates.all.fp, rates.all.fn
    workspace.success_rate = rates.all.rate
    workspace.rate = rates_to_json(rates, None if rates.all.n else workspace.rate)


@dataclass(frozen=True, slots=True)
class KeptRates:
    """A workspace's rates as its row keeps them. Right after a deploy they are of nothing, and `before` is what the
    version `before_version` had."""

    all: Rate
    seen: Rate
    unseen: Rate
    before: Rate | None = None
    before_version: str | None = None


def kept_rates(stored: Mapping[str, Any] | None, counts: Sequence[int] = (0, 0, 0)) -> KeptRates:
    """Reads `pattern_workspaces.rate`; where it is empty, what the frozen counts of old sessions come to."""
    parts = stored or {}
    whole = rate_from_json(parts.get("all"))
    if whole is None or (whole.n == 0 and any(counts)):
        whole = rate(counts[0], counts[1], counts[2])
    before = parts.get("before") or {}
    return KeptRates(
        whole,
        rate_from_json(parts.get("seen")) or rate(0, 0, 0),
        rate_from_json(parts.get("unseen")) or rate(0, 0, 0),
        rate_from_json(before.get("rate")),
        before.get("version"),
    )


def rates_to_json(rates: VersionRates | None, stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a workspace's row keeps; the version before stays beside the rates until they are of something."""
    parts = (
        {}
        if rates is None
        else {"all": rate_to_json(rates.all), "seen": rate_to_json(rates.seen), "unseen": rate_to_json(rates.unseen)}
    )
    before = (stored or {}).get("before")
    return parts | ({"before": before} if before else {})


def forget_rates(stored: Mapping[str, Any] | None, version: str) -> dict[str, Any]:
    """What the row keeps once another version is live: that the one before, `version`, had this rate."""
    known = kept_rates(stored)
    if known.all.n:
        return {"before": {"version": version, "rate": rate_to_json(known.all)}}
    return rates_to_json(None, stored)


def _detections(
    session: Session, params: Mapping[str, Any], period: tuple[Any, Any] = ALWAYS
) -> dict[Window, tuple[Detection, ...]]:
    found: dict[Window, list[Detection]] = {}
    for row in fetch(session, _DETECTIONS, {**params, "since": period[0], "until": period[1]}):
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
