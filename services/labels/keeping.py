"""The label set of a workspace, derived from its judgements, and the table of places that lists and prompts read."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.candles.store import load_array
from services.database.rows import driver, fetch
from services.detectors.types import Matcher
from services.errors import NotFound, Unavailable
from services.labels import reading
from services.models import PatternWorkspace, PlaceRow, SeenPlace, now
from services.places import Blocks, LabelSet, Place, Split, Stretch, derive, embargo_bars
from services.settings import get_settings

MATCHER = Matcher()
_MOVED_TO = uuid.UUID("5b0e7a0c-6f0a-5d0e-9c61-1d2f6b6f0d01")

_LAG: LiteralString = """
SELECT coalesce(max(v.confirmation_lag), 0) FROM detector_versions v WHERE v.workspace_id = %(w)s
"""
_SEEN_LAG: LiteralString = """
SELECT coalesce(max(d.confirmed_index - d.anchor_index), 0) FROM pattern_workspaces w
JOIN detections d ON d.detector_version_id = w.deployed_version_id WHERE w.id = %(w)s
"""


def label_set(session: Session, workspace_id: uuid.UUID, *, session_id: uuid.UUID | None = None) -> LabelSet:
    """What the judgements of a workspace say now. `session_id` is an active session whose coverage counts as well."""
    places = derive(reading.judgements(session, workspace_id), reading.decisions(session, workspace_id), MATCHER)
    windows = reading.windows(session, workspace_id)
    rules, times, lag = _blocks(session, workspace_id, {p.series for p in places} | {w.series for w in windows})
    splits: dict[str, Split] = {p.id: _split(p, rules[p.series], times[p.series], lag) for p in places}
    return LabelSet(
        places=places,
        windows=tuple(windows),
        checked=tuple(reading.checked(session, workspace_id, session_id=session_id)),
        seconds={series: rule.seconds for series, rule in rules.items()},
        splits=splits,
        seen=_at_coordinates(places, reading.coordinates(session, workspace_id)),
        pinned=_at_coordinates(places, reading.coordinates(session, workspace_id, pins=True)),
        bars=_bars(windows, rules, times, lag),
        matcher=MATCHER,
    )


def _blocks(
    session: Session, workspace_id: uuid.UUID, series: Iterable[str]
) -> tuple[dict[str, Blocks], dict[str, np.ndarray | None], int]:
    """The hold-out rule and the opens of the bars of each series, and the longest confirmation lag of the workspace."""
    facts = reading.series_facts(session, sorted(set(series)))
    share = session.scalar(select(PatternWorkspace.holdout_share).where(PatternWorkspace.id == workspace_id))
    lag = _lag(session, workspace_id)
    released = reading.released(session, workspace_id)
    times = {one: _times(path) for one, (_, path, _) in facts.items()}
    rules = {
        one: Blocks(
            one,
            seconds,
            0.0 if share is None else share,
            embargo_bars(lag, MATCHER.tolerance_bars),
            released.get(one, frozenset()),
            offset if times[one] is not None else 0,
        )
        for one, (seconds, _, offset) in facts.items()
    }
    return rules, times, lag


def _lag(session: Session, workspace_id: uuid.UUID) -> int:
    """The longest confirmation lag of the workspace's versions, as declared and as seen."""
    return max(int(fetch(session, sql, {"w": workspace_id})[0][0]) for sql in (_LAG, _SEEN_LAG))


def _times(path: str) -> np.ndarray | None:
    """The opens of the bars of a series' longest dataset, None when the candles can't be read.

    Where it begins later than the series, or ends earlier, the other bars go on at the timeframe's pace.
    """
    try:
        return np.asarray(load_array(get_settings().storage_root, path)["time"])
    except (NotFound, Unavailable):
        return None


class _Even:
    """Bars at an even pace through one known bar: stands in where the candles can't be read."""

    def __init__(self, bar: int, time: int, seconds: int) -> None:
        self._bar, self._time, self._seconds = bar, time, seconds

    def __len__(self) -> int:
        return 1 << 31

    def __getitem__(self, bar: int) -> int:
        return self._time + (bar - self._bar) * self._seconds


def _split(place: Place, rule: Blocks, times: np.ndarray | None, lag: int) -> Split:
    known: Any = _Even(place.spot.bar, place.spot.time, rule.seconds) if times is None else times
    return rule.split(place, known, lag=lag)


def _bars(
    windows: Iterable[Any], rules: Mapping[str, Blocks], times: Mapping[str, np.ndarray | None], lag: int
) -> dict[Split, tuple[Stretch, ...]] | None:
    """The windows' bars by split; None when nothing is held out, or the candles of a series can't be read."""
    found: dict[Split, set[Stretch]] = {"tune": set(), "holdout": set(), "embargo": set()}
    for window in windows:
        its = times[window.series]
        if its is None:
            return None
        stretch = window.stretch
        for split, parts in rules[window.series].stretches(stretch.first, stretch.last, its, lag=lag).items():
            found[split].update(parts)
    return {split: tuple(sorted(parts)) for split, parts in found.items()}


def held_bars(session: Session, workspace_id: uuid.UUID) -> dict[str, set[int]]:
    """The bars that are kept for testing in the windows of the workspace, as dataset indexes by dataset.

    Where the times of a series are not known, every bar of its windows counts as kept.
    """
    windows = reading.windows(session, workspace_id)
    rules, times, lag = _blocks(session, workspace_id, {w.series for w in windows})
    held: dict[str, set[int]] = {}
    for window in windows:
        its, whole = times[window.series], window.stretch
        kept: Iterable[Stretch] = (whole,)
        if its is not None:
            kept = rules[window.series].stretches(whole.first, whole.last, its, lag=lag)["holdout"]
        for part in kept:
            bars = range(part.first - window.offset, part.last - window.offset + 1)
            held.setdefault(window.dataset_id, set()).update(bars)
    return held


def _at_coordinates(places: Sequence[Place], at: set[tuple[str, str, int, int]]) -> frozenset[str]:
    """Ids of the places that lie at one of the coordinates, within tolerance."""
    reach = range(-MATCHER.tolerance_bars, MATCHER.tolerance_bars + 1)
    return frozenset(p.id for p in places if any((p.series, p.kind, p.direction, p.spot.bar + n) in at for n in reach))


def row_id(place_id: str) -> uuid.UUID:
    """The id of a place's row: its founding judgement's, or one made of it for the place that a move points to."""
    founder = uuid.UUID(place_id.removesuffix("+"))
    return uuid.uuid5(_MOVED_TO, str(founder)) if place_id.endswith("+") else founder


_LOCK: LiteralString = "SELECT 1 FROM pattern_workspaces WHERE id = %(w)s FOR NO KEY UPDATE"


def keep(session: Session, workspace_id: uuid.UUID, labels: LabelSet | None = None) -> LabelSet:
    """Writes the table of places as the judgements have it now; what stayed the same is not touched.

    The workspace is locked first, as by everybody who judges: two that write its places would else wait for each other,
    and a table that was read without a judgement that is just being given would count as newer than it.
    """
    fetch(session, _LOCK, {"w": workspace_id})
    found = labels or label_set(session, workspace_id)
    rows = [_row(workspace_id, place, found) for place in found.places]
    ids = [row["id"] for row in rows]
    session.flush()
    cursor = driver(session).cursor()
    cursor.execute("DELETE FROM places WHERE workspace_id = %s AND NOT id = ANY(%s)", [workspace_id, ids])
    if rows:
        statement = insert(PlaceRow)
        changed = {
            c: getattr(statement.excluded, c) for c in rows[0] if c not in ("id", "workspace_id", "founder_id", "part")
        }
        differs = [getattr(PlaceRow, c).is_distinct_from(value) for c, value in changed.items()]
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["id"], set_=changed | {"updated_at": now()}, where=_any_of(differs)
            ),
            rows,
        )
    links = [(row_id(p.id), uuid.UUID(j)) for p in found.places for j in p.judgements]
    cursor.execute(
        "DELETE FROM place_judgements j USING places p WHERE p.id = j.place_id AND p.workspace_id = %s AND NOT "
        "(j.place_id, j.feedback_id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
        [workspace_id, [a for a, _ in links], [b for _, b in links]],
    )
    cursor.execute(
        "INSERT INTO place_judgements (place_id, feedback_id) SELECT * FROM unnest(%s::uuid[], %s::uuid[]) "
        "ON CONFLICT DO NOTHING",
        [[a for a, _ in links], [b for _, b in links]],
    )
    session.execute(update(PatternWorkspace).where(PatternWorkspace.id == workspace_id).values(places_at=now()))
    return found


# Of what the places follow from, whatever came last; `greatest` leaves out what there is none of.
_STALE: LiteralString = """
SELECT w.places_at IS NULL OR w.places_at < greatest(
    (SELECT max(updated_at) FROM feedback_items WHERE workspace_id = w.id),
    (SELECT max(updated_at) FROM pattern_sessions WHERE workspace_id = w.id),
    (SELECT max(created_at) FROM place_decisions WHERE workspace_id = w.id),
    (SELECT max(created_at) FROM detector_versions WHERE workspace_id = w.id),
    (SELECT max(created_at) FROM seen_places WHERE workspace_id = w.id))
FROM pattern_workspaces w WHERE w.id = %(w)s
"""


def keep_current(session: Session, workspace_id: uuid.UUID) -> None:
    """Derives the places again when a judgement, a session, a decision or a version (by its lag) came since."""
    if any(row[0] for row in fetch(session, _STALE, {"w": workspace_id})):
        keep(session, workspace_id)


def _any_of(conditions: list[Any]) -> Any:
    from sqlalchemy import or_

    return or_(*conditions)


def _row(workspace_id: uuid.UUID, place: Place, labels: LabelSet) -> dict[str, Any]:
    spot = place.spot
    return {
        "id": row_id(place.id),
        "workspace_id": workspace_id,
        "founder_id": uuid.UUID(place.id.removesuffix("+")),
        "part": int(place.id.endswith("+")),
        "series_id": uuid.UUID(place.series),
        "kind": place.kind,
        "direction": place.direction,
        "anchor_bar": spot.bar,
        "anchor_time": datetime.fromtimestamp(spot.time, UTC),
        "price_low": spot.low,
        "price_high": spot.high,
        "level": spot.level,
        "slack": spot.slack,
        "confirmed_bar": spot.confirmed,
        "status": place.status,
        "present_votes": place.present_votes,
        "absent_votes": place.absent_votes,
        "one_person": place.one_person,
        "decided": place.decided,
        "split": labels.split(place.id),
        "seen": place.id in labels.seen,
    }


def mark_seen(
    session: Session, workspace_id: uuid.UUID, places: Iterable[Place], *, execution_id: uuid.UUID | None
) -> None:
    """Notes that a prompt or a search has had these places: they are seen for ever."""
    rows = [
        {
            "workspace_id": workspace_id,
            "series_id": uuid.UUID(series),
            "kind": kind,
            "direction": direction,
            "anchor_bar": bar,
            "execution_id": execution_id,
        }
        for series, kind, direction, bar in sorted({(p.series, p.kind, p.direction, p.spot.bar) for p in places})
    ]
    if rows:
        session.execute(insert(SeenPlace).on_conflict_do_nothing(), rows)
