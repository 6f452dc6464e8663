"""Whether a person's judgement contradicts the person's own others of the session, so that one event would count twice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import labels
from services.errors import Conflict
from services.labels.filling import MarkPosition
from services.lifecycle import FeedbackState, Verdict
from services.models import CandleDataset, Detection, FeedbackItem, PatternSession
from services.places import Judgement, Spot, refusal

REACH: Final = 50  # bars; no tolerance is wider
_PRESENT: Final = (Verdict.CONFIRMED, Verdict.FALSE_NEGATIVE, Verdict.ADJUSTMENT)


@dataclass(frozen=True, slots=True)
class Saying:
    """What a person is about to say: of a mark, of a place without one, or (`said` None) of a mark that was missed.

    `item_id` is the item that it replaces, where there is one.
    """

    verdict: str
    kind: str
    direction: int
    said: Detection | MarkPosition | None
    expected: MarkPosition | None
    item_id: uuid.UUID | None = None

    @property
    def index(self) -> int | None:
        """Where it says that there is an event; None when it says so nowhere."""
        if self.verdict not in _PRESENT:
            return None
        at = self.said if self.verdict == Verdict.CONFIRMED else self.expected
        return at.anchor_index if isinstance(at, Detection) else at.index if at is not None else None


def pointed_at(item: FeedbackItem) -> bool:
    """Whether the item says of a bar that a person pointed at, and not of a mark where it stands, that it is there."""
    return item.verdict in _PRESENT and not (item.verdict == Verdict.CONFIRMED and item.detection_id is not None)


def is_near(item: FeedbackItem, new: Saying) -> bool:
    """Whether the standing item may mean the same event as what is about to be said."""
    at, to = new.index, item.expected_index
    return (
        at is not None
        and to is not None
        and abs(to - at) <= REACH
        and (item.expected_kind, item.expected_direction) == (new.kind, new.direction)
        and item.id != new.item_id
    )


def refuse(session: Session, row: PatternSession, actor_id: uuid.UUID, new: Saying) -> None:
    """Raises Conflict with the sentence of `places.refusal`."""
    dataset = session.get(CandleDataset, row.dataset_id) if row.dataset_id else None
    if dataset is None or (new.verdict == Verdict.CONFIRMED and not _near(session, row, actor_id, new)):
        return
    own = labels.judgements(session, row.workspace_id, session_id=row.id, person_id=actor_id)
    offset = dataset.series_offset
    judgement = Judgement(
        str(new.item_id or ""),
        0.0,
        str(actor_id),
        str(row.id),
        str(dataset.series_id),
        new.kind,
        new.direction,
        new.verdict,
        said=_spot(new.said, offset),
        expected=_spot(new.expected, offset),
        detection=new.said.key if isinstance(new.said, Detection) else None,
    )
    sentence = refusal(judgement, own, offset=offset) if new.index is not None else None
    if sentence is not None:
        raise Conflict(sentence)


def _near(session: Session, row: PatternSession, actor_id: uuid.UUID, new: Saying) -> bool:
    """A quick look, so that judging many marks right does not read all judgements each time."""
    standing = select(FeedbackItem).where(
        FeedbackItem.session_id == row.id,
        FeedbackItem.author_id == actor_id,
        FeedbackItem.state != FeedbackState.WITHDRAWN,
        FeedbackItem.expected_index.between((new.index or 0) - REACH, (new.index or 0) + REACH),
    )
    of_mark = isinstance(new.said, Detection)
    return any(is_near(i, new) and (pointed_at(i) or not of_mark) for i in session.scalars(standing))


def _spot(at: Detection | MarkPosition | None, offset: int) -> Spot | None:
    if at is None:
        return None
    if isinstance(at, MarkPosition):
        return Spot(at.index + offset, int(at.time.timestamp()), at.low, at.high)
    zone = at.price_low is not None and at.price_high is not None
    level = at.price if at.refs and not zone else None
    low, high = (at.price_low, at.price_high) if zone else (None, None)
    return Spot(at.anchor_index + offset, int(at.anchor_time.timestamp()), low, high, level, at.slack)
