"""What a judgement holds: what it may not be, how the timeline is told of it, when it is disputed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString, NotRequired, TypedDict

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import timeline
from services.database.rows import fetch
from services.errors import Conflict, InvalidInput
from services.labels.filling import MarkPosition
from services.lifecycle import FeedbackState, MessageType, Verdict
from services.models import Detection, FeedbackItem, PatternSession, now
from services.people import Actor
from services.rules import is_original
from services.states import move_correction
from services.texts import cleaned

MOST_PRICE = 1e100  # what is reckoned with it stays a number in Python and in SQL
MAX_REASON = 1_000_000  # characters; it is data to the agent, whatever is in it


def refuse_standing_still(detection: Detection, verdict: Verdict, expected: MarkPosition | None) -> None:
    """A move to where the mark is already moves nothing."""
    if verdict != Verdict.ADJUSTMENT or expected is None or expected.index != detection.anchor_index:
        return
    zone = (expected.low, expected.high)
    if zone in ((None, None), (detection.price_low, detection.price_high)):
        raise InvalidInput("The mark is there already; a move needs another bar or another zone.")


def refuse_odd_prices(place: MarkPosition | None) -> None:
    """Prices are finite numbers, and a zone has both bounds, the lower one first."""
    if place is None:
        return
    if any(v is not None and not abs(v) <= MOST_PRICE for v in (place.price, place.low, place.high)):
        raise InvalidInput("A price must be a finite number that can be reckoned with.")
    if (place.low is None) is not (place.high is None):
        raise InvalidInput("A zone has a lower and an upper bound.")
    if place.low is not None and place.high is not None and place.low > place.high:
        raise InvalidInput("A zone's lower bound lies below its upper one.")


def check_verdict(verdict: Verdict, expected: MarkPosition | None) -> None:
    """Raises InvalidInput for a verdict that no detection can have."""
    if verdict in (Verdict.FALSE_NEGATIVE, Verdict.COMMENT):
        raise InvalidInput("A detection is judged right, wrong, moved or unsure.")
    if verdict == Verdict.ADJUSTMENT and expected is None:
        raise InvalidInput("Say where the mark should be: click the candle it belongs to.")


def check_changeable(item: FeedbackItem) -> None:
    """Raises Conflict for a correction that an agent has already: its words were sent as they stood."""
    if item.state not in (FeedbackState.OPEN, FeedbackState.DISPUTED) and is_original(item.made_by):
        raise Conflict(f"This correction is {item.state} already; it can't be changed any more.")


class Given(TypedDict):
    """What a judgement says, so that it can be put back."""

    verdict: str
    reason: str | None
    made_by: str
    attachments: list[str]
    severity: NotRequired[str | None]  # not in what was kept before corrections were weighed
    expected_index: int | None
    expected_time: str | None
    expected_price: float | None
    expected_low: float | None
    expected_high: float | None


def state_of(item: FeedbackItem) -> Given:
    """What a judgement says now."""
    return {
        "verdict": item.verdict,
        "reason": item.reason,
        "made_by": item.made_by,
        "attachments": list(item.attachments or ()),
        "severity": item.severity,
        "expected_index": item.expected_index,
        "expected_time": item.expected_time.isoformat() if item.expected_time else None,
        "expected_price": item.expected_price,
        "expected_low": item.expected_low,
        "expected_high": item.expected_high,
    }


def position_in(before: Given) -> MarkPosition | None:
    """Where the mark should be, as `state_of` kept it."""
    index, time = before["expected_index"], before["expected_time"]
    if index is None or time is None:
        return None
    prices = before["expected_price"], before["expected_low"], before["expected_high"]
    return MarkPosition(index, datetime.fromisoformat(time), *prices)


def put_back(item: FeedbackItem, before: Given) -> None:
    """Gives a judgement what `state_of` said of it; it is said anew, so it counts from now."""
    item.judged_at = now()
    item.verdict, item.reason, item.made_by = before["verdict"], before["reason"], before["made_by"]
    item.attachments, item.severity = list(before["attachments"]), before.get("severity")
    item.expected_index, item.expected_price = before["expected_index"], before["expected_price"]
    item.expected_time = datetime.fromisoformat(before["expected_time"]) if before["expected_time"] else None
    item.expected_low, item.expected_high = before["expected_low"], before["expected_high"]


def clean_reason(reason: str | None) -> str | None:
    text = cleaned(reason)
    if len(text) > MAX_REASON:
        raise InvalidInput(f"A reason holds up to {MAX_REASON:,} characters; this one has {len(text):,}.")
    return text or None


def check_inside(row: PatternSession, index: int) -> None:
    if not row.start_index <= index <= row.end_index:
        raise InvalidInput(f"#{index} is outside the session's window #{row.start_index} to #{row.end_index}.")


def announce(session: Session, item: FeedbackItem, actor: Actor) -> None:
    timeline.append(
        session,
        item.workspace_id,
        MessageType.FEEDBACK_ADDED,
        data={
            "feedback_id": item.id,
            "verdict": item.verdict,
            "candle_index": item.candle_index,
            "candle_time": item.candle_time,
            "made_by": item.made_by,
        },
        actor=actor,
        content=item.reason[:2000] if item.reason else None,
        attachments=item.attachments,
        session_id=item.session_id,
        feedback_id=item.id,
        dedupe_key=f"feedback:{item.id}",
    )


_DECIDED: LiteralString = """
SELECT p.decided, p.status = 'present' FROM place_judgements j JOIN places p ON p.id = j.place_id
JOIN candle_datasets c ON c.id = %(dataset)s
WHERE j.feedback_id = ANY(%(items)s) AND p.series_id = c.series_id AND p.kind = %(kind)s AND p.direction = %(direction)s
ORDER BY abs(p.anchor_bar - c.series_offset - %(bar)s), p.id LIMIT 1
"""


def _decision(
    session: Session, row: PatternSession, detection: Detection, items: Sequence[FeedbackItem]
) -> bool | None:
    """How a dispute about the mark's place was settled: it is there, or it is not; None while nobody decided."""
    wanted: dict[str, Any] = {
        "dataset": row.dataset_id,
        "items": [i.id for i in items],
        "kind": detection.kind,
        "direction": detection.direction,
        "bar": detection.anchor_index,
    }
    rows = fetch(session, _DECIDED, wanted) if items else []
    return bool(rows[0][1]) if rows and rows[0][0] else None


def settle_consensus(session: Session, row: PatternSession, detection: Detection) -> None:
    """Reviewers who are evenly split on a mark make it disputed; it leaves the score until a rule settles it."""
    items = session.scalars(
        select(FeedbackItem).where(
            FeedbackItem.detection_id == detection.id,
            FeedbackItem.state.in_([FeedbackState.OPEN, FeedbackState.DISPUTED]),
        )
    ).all()
    decided = _decision(session, row, detection, items)
    if decided is not None:  # who agrees may be sent, who does not is not, and nobody disputes it anew
        for item in items:
            agrees = item.verdict == Verdict.UNSURE or (item.verdict == Verdict.CONFIRMED) == decided
            move_correction(item, FeedbackState.OPEN if agrees else FeedbackState.DISPUTED)
        session.flush()
        return
    right = sum(i.verdict == Verdict.CONFIRMED for i in items)
    tied = right > 0 and 2 * right == sum(i.verdict != Verdict.UNSURE for i in items)
    fresh = tied and any(i.state == FeedbackState.OPEN for i in items)
    for item in items:
        move_correction(item, FeedbackState.DISPUTED if tied else FeedbackState.OPEN)
    session.flush()
    if fresh:
        timeline.append(
            session,
            row.workspace_id,
            MessageType.MARK_DISPUTED,
            data={
                "feedback_ids": [i.id for i in items],
                "candle_index": detection.anchor_index,
                "candle_time": detection.anchor_time,
            },
            title="Reviewers disagree on a mark",
            session_id=row.id,
            dedupe_key=f"disputed:{detection.id}:{len(items)}",
        )
