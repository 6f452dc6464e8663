"""What a retest takes over from the session before: verdicts that still apply, and whether fixes held."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import labels, workspaces
from services.database.rows import fetch
from services.labels.filling import fill
from services.lifecycle import FeedbackState, MadeBy, Verdict
from services.models import Detection, FeedbackItem, PatternSession
from services.places import Fit, Mark, Place
from services.rules import asks
from services.states import move_correction


def carry_over(session: Session, row: PatternSession) -> int:
    """Copies the verdicts on marks that the new version still has, and the missed places that it still misses. A mark at
    the very candle where somebody missed one, or wanted it moved to, is right: that is what they asked for.

    Which mark is which place is the one matcher's to say, as in the score.
    """
    at_places = _by_judgement(labels.score_session(session, row.id).fit)
    of_key = {d.key: d for d in session.scalars(select(Detection).where(Detection.session_id == row.id))}
    carried = asking = 0
    taken: set[tuple[uuid.UUID, uuid.UUID]] = set()  # a person judges a mark once
    for item in _standing(session, row.retest_of_id):
        places = at_places.get(str(item.id), [])
        kept = _kept(item, places)
        if kept is None:
            continue
        detection = of_key[kept.mark.key] if kept.mark is not None else None
        if detection is not None:
            if (item.author_id, detection.id) in taken:
                continue
            taken.add((item.author_id, detection.id))
        copy = _carried(item, row, detection, kept)
        session.add(copy)
        carried += 1
        asking += asks(copy.verdict)
    if asking:
        workspace = workspaces.lock(session, row.workspace_id)
        workspace.feedback_count += asking
    session.flush()
    return carried


def _standing(session: Session, session_id: uuid.UUID | None) -> Sequence[FeedbackItem]:
    return session.scalars(
        select(FeedbackItem)
        .where(
            FeedbackItem.session_id == session_id,
            FeedbackItem.state.not_in([FeedbackState.WITHDRAWN, FeedbackState.DISPUTED]),
            FeedbackItem.verdict != Verdict.COMMENT,
        )
        .order_by(FeedbackItem.created_at, FeedbackItem.id)
    ).all()


def _by_judgement(fitted: Fit) -> dict[str, list[tuple[Place, Mark | None]]]:
    """The places of each judgement with the mark that is there now, by bar."""
    found: dict[str, list[tuple[Place, Mark | None]]] = defaultdict(list)
    for place, mark in [*((f.place, f.mark) for f in fitted.fates), *fitted.unsettled]:
        for judgement in place.judgements:
            found[judgement].append((place, mark))
    return {judgement: sorted(its, key=lambda p: (p[0].spot.bar, p[0].id)) for judgement, its in found.items()}


class _Kept(NamedTuple):
    """What of a verdict still applies: to which mark, and whether that mark is now as the person asked for."""

    mark: Mark | None
    as_asked: bool = False


def _kept(item: FeedbackItem, places: list[tuple[Place, Mark | None]]) -> _Kept | None:
    if not places:
        return None
    judged, missed = _mark_judged(item, places), item.verdict == Verdict.FALSE_NEGATIVE
    if missed or (item.verdict == Verdict.ADJUSTMENT and judged is None):
        wanted = [(place, mark) for place, mark in places if place.status == "present" and mark is not None]
        asked = next((mark for place, mark in wanted if mark.spot.bar == place.spot.bar), None)
        if asked is not None:
            return _Kept(asked, as_asked=True)
    if missed:  # a mark beside the candle is for people to judge
        return _Kept(None) if judged is None else None
    return _Kept(judged) if judged is not None else None


def _mark_judged(item: FeedbackItem, places: list[tuple[Place, Mark | None]]) -> Mark | None:
    """The mark that stands where the judged one stood: of a move, at the place it moves away from."""
    if not places:
        return None
    to, of = item.expected_index, item.candle_index
    backwards = item.verdict == Verdict.ADJUSTMENT and to is not None and of is not None and to < of
    return places[-1 if backwards else 0][1]


_CARRIED_COLUMNS = (
    "author_id",
    "verdict",
    "original",
    "candle_index",
    "candle_time",
    "price",
    "expected_kind",
    "expected_direction",
    "expected_index",
    "expected_time",
    "expected_price",
    "expected_low",
    "expected_high",
    "tolerance_bars",
    "dataset_id",
    "window_start",
    "window_end",
    "reason",
    "severity",
)


def _carried(item: FeedbackItem, row: PatternSession, detection: Detection | None, kept: _Kept) -> FeedbackItem:
    """The copy of a verdict: "right", with nothing left to say, where the mark is now as it was asked for. The batch that
    took the original did not take the copy, so it names no execution."""
    copied = {column: getattr(item, column) for column in _CARRIED_COLUMNS}
    state = FeedbackState.OPEN if kept.as_asked or item.state == FeedbackState.SENT else item.state
    copy = FeedbackItem(
        **copied,
        state=state,
        workspace_id=row.workspace_id,
        session_id=row.id,
        detection_id=detection.id if detection is not None else None,
        made_by=MadeBy.CARRIED,
        carried_from_id=item.id,
    )
    if kept.as_asked and detection is not None:
        fill(copy, row, detection, Verdict.CONFIRMED, None)
        copy.reason = copy.severity = None
    return copy


# What a retest goes back to.
_RETESTED: LiteralString = """
WITH RECURSIVE chain AS (
    SELECT retest_of_id AS id FROM pattern_sessions WHERE id = %(id)s AND retest_of_id IS NOT NULL
    UNION SELECT s.retest_of_id FROM pattern_sessions s JOIN chain c ON c.id = s.id WHERE s.retest_of_id IS NOT NULL
) SELECT id FROM chain
"""


def settle_addressed(session: Session, row: PatternSession, fitted: Fit) -> None:
    """A completed retest says of each correction that counts as fixed whether it holds: verified, or open again.

    It holds when all its places are right now. A retest of a retest speaks of the first session's corrections too.
    """
    session.flush()
    retested = [r[0] for r in fetch(session, _RETESTED, {"id": row.id})]
    right: dict[str, bool] = {}
    for fate in fitted.fates:
        for judgement in fate.place.judgements:
            right[judgement] = right.get(judgement, True) and fate.right
    fixed = session.scalars(
        select(FeedbackItem).where(
            FeedbackItem.session_id.in_(retested),
            FeedbackItem.state.in_([FeedbackState.ADDRESSED, FeedbackState.VERIFIED]),
            FeedbackItem.made_by != MadeBy.CARRIED,
        )
    )
    for item in fixed:
        if str(item.id) in right:
            move_correction(item, FeedbackState.VERIFIED if right[str(item.id)] else FeedbackState.OPEN)
