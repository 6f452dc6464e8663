"""Giving feedback: verdicts on detections, missed places, comments, and taking them back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import approvals, timeline, workspaces
from services.errors import Conflict, InvalidInput, NotFound
from services.feedback import contradicting
from services.feedback.contradicting import Saying
from services.feedback.items import (
    announce,
    check_changeable,
    check_inside,
    check_verdict,
    clean_reason,
    refuse_odd_prices,
    refuse_standing_still,
    settle_consensus,
)
from services.labels.filling import MarkPosition, fill
from services.lifecycle import FeedbackState, MadeBy, SessionStatus, Verdict
from services.models import Detection, FeedbackItem, PatternSession, new_id, now
from services.people import Actor, require
from services.rules import asks, is_original
from services.states import move_correction

KIND = re.compile(r"[a-z][a-z0-9_]{0,62}")


def judge(
    session: Session,
    detection_id: uuid.UUID,
    verdict: Verdict,
    *,
    reason: str | None = None,
    expected: MarkPosition | None = None,
    attachments: Sequence[str] = (),
    made_by: MadeBy = MadeBy.PERSON,
    actor: Actor,
) -> uuid.UUID:
    """One reviewer's verdict on a detection of an active session; a second one replaces the first.

    An adjustment needs `expected`. Returns the feedback item's id.
    """
    require(actor, "judge")
    check_verdict(verdict, expected)
    detection = session.get(Detection, detection_id)
    if detection is None:
        raise NotFound("There is no such detection.")
    row = _active(session, detection.session_id)
    if expected is not None:
        check_inside(row, expected.index)
        refuse_odd_prices(expected)
    item = session.scalar(
        select(FeedbackItem).where(
            FeedbackItem.detection_id == detection_id,
            FeedbackItem.author_id == actor.id,
            FeedbackItem.state != FeedbackState.WITHDRAWN,
        )
    )
    was_asking = item is not None and asks(item.verdict)
    made = item is None
    if item is None:
        item = FeedbackItem(
            id=new_id(),
            workspace_id=row.workspace_id,
            session_id=row.id,
            author_id=actor.id,
            detection_id=detection_id,
            state=FeedbackState.OPEN,
        )
    check_changeable(item)
    refuse_standing_still(detection, verdict, expected)
    said = Saying(verdict, detection.kind, detection.direction, detection, expected, item.id)
    contradicting.refuse(session, row, actor.id, said)
    if made:
        session.add(item)
    fill(item, row, detection, verdict, expected)
    item.reason, item.made_by = clean_reason(reason), made_by
    move_correction(item, FeedbackState.OPEN)
    item.attachments = list(attachments) or item.attachments or []
    session.flush()
    _count(session, row.workspace_id, (1 if asks(verdict) else 0) - (1 if was_asking else 0))
    if asks(verdict):
        announce(session, item, actor)
    settle_consensus(session, row, detection)
    _changed(session, row.workspace_id, actor, "judged a mark")
    return item.id


def add_missed(
    session: Session,
    session_id: uuid.UUID,
    *,
    kind: str,
    direction: int,
    place: MarkPosition,
    reason: str | None = None,
    attachments: Sequence[str] = (),
    severity: str | None = None,
    made_by: MadeBy = MadeBy.PERSON,
    actor: Actor,
) -> uuid.UUID:
    """A mark the detector should have made at `place`. The same one twice is refused. Returns the item's id."""
    require(actor, "judge")
    row = _active(session, session_id)
    check_inside(row, place.index)
    if direction not in (-1, 0, 1):
        raise InvalidInput("The direction is up (1), down (-1) or none (0).")
    if not KIND.fullmatch(kind):
        raise InvalidInput(f"'{kind[:60]}' is no kind of mark; a kind is written in small letters, as swing_high.")
    refuse_odd_prices(place)
    contradicting.refuse(session, row, actor.id, Saying(Verdict.FALSE_NEGATIVE, kind, direction, None, place))
    item = FeedbackItem(
        id=new_id(),
        workspace_id=row.workspace_id,
        session_id=session_id,
        author_id=actor.id,
        verdict=Verdict.FALSE_NEGATIVE,
        candle_index=place.index,
        candle_time=place.time,
        price=place.price,
        expected_kind=kind,
        expected_direction=direction,
        expected_index=place.index,
        expected_time=place.time,
        expected_price=place.price,
        expected_low=place.low,
        expected_high=place.high,
        dataset_id=row.dataset_id,
        window_start=row.start_index,
        window_end=row.end_index,
        reason=clean_reason(reason),
        attachments=list(attachments),
        severity=severity,
        made_by=made_by,
    )
    session.add(item)
    session.flush()
    _count(session, row.workspace_id, 1)
    announce(session, item, actor)
    _changed(session, row.workspace_id, actor, "added a missed mark")
    return item.id


def judge_place(
    session: Session,
    session_id: uuid.UUID,
    verdict: Verdict,
    *,
    kind: str,
    direction: int,
    place: MarkPosition,
    expected: MarkPosition | None = None,
    reason: str | None = None,
    actor: Actor,
) -> uuid.UUID:
    """A verdict on a place where the session has no mark: right, wrong, moved or unsure. Returns the item's id.

    So a mark that a new version lost is settled, and labels are given before there is any detector. A person's second
    verdict on the same place replaces the first.
    """
    require(actor, "judge")
    if verdict in (Verdict.FALSE_NEGATIVE, Verdict.COMMENT):
        raise InvalidInput("A place is judged right, wrong, moved or unsure.")
    if verdict == Verdict.ADJUSTMENT and expected is None:
        raise InvalidInput("Say where the mark should be: click the candle it belongs to.")
    if (
        expected is not None
        and expected.index == place.index
        and (expected.low, expected.high) == (place.low, place.high)
    ):
        raise InvalidInput("The mark is there already; a move needs another bar or another zone.")
    row = _active(session, session_id)
    for one in (place, expected):
        if one is not None:
            check_inside(row, one.index)
            refuse_odd_prices(one)
    if direction not in (-1, 0, 1):
        raise InvalidInput("The direction is up (1), down (-1) or none (0).")
    item = session.scalar(
        select(FeedbackItem).where(
            FeedbackItem.session_id == session_id,
            FeedbackItem.author_id == actor.id,
            FeedbackItem.detection_id.is_(None),
            FeedbackItem.verdict != Verdict.FALSE_NEGATIVE,
            FeedbackItem.expected_kind == kind,
            FeedbackItem.expected_direction == direction,
            FeedbackItem.candle_index == place.index,
            FeedbackItem.state != FeedbackState.WITHDRAWN,
        )
    )
    said = Saying(verdict, kind, direction, place, expected, item.id if item is not None else None)
    contradicting.refuse(session, row, actor.id, said)
    was_asking = item is not None and asks(item.verdict)
    if item is None:
        item = FeedbackItem(
            id=new_id(),
            workspace_id=row.workspace_id,
            session_id=row.id,
            author_id=actor.id,
            made_by=MadeBy.PERSON,
            state=FeedbackState.OPEN,
        )
        session.add(item)
    elif item.state != FeedbackState.OPEN:
        raise Conflict(f"This correction is {item.state} already; it can't be changed any more.")
    wanted = place if verdict == Verdict.CONFIRMED else expected
    item.verdict, item.judged_at, item.reason = verdict, now(), clean_reason(reason)
    item.candle_index, item.candle_time, item.price = place.index, place.time, place.price
    item.dataset_id, item.window_start, item.window_end = row.dataset_id, row.start_index, row.end_index
    item.original = {"price_low": place.low, "price_high": place.high}
    item.expected_kind, item.expected_direction = kind, direction
    item.expected_index, item.expected_time = (wanted.index, wanted.time) if wanted else (None, None)
    item.expected_price = wanted.price if wanted else None
    item.expected_low, item.expected_high = (wanted.low, wanted.high) if wanted else (None, None)
    session.flush()
    _count(session, row.workspace_id, (1 if asks(verdict) else 0) - (1 if was_asking else 0))
    if asks(verdict):
        announce(session, item, actor)
    _changed(session, row.workspace_id, actor, "judged a place")
    return item.id


def add_comment_item(
    session: Session,
    workspace_id: uuid.UUID,
    text: str,
    *,
    session_id: uuid.UUID | None = None,
    attachments: Sequence[str] = (),
    severity: str | None = None,
    actor: Actor,
) -> uuid.UUID:
    """A correction in words, without a place: it goes to the agent with the batch, but is no regression case."""
    require(actor, "judge")
    words = clean_reason(text)
    if not words and not attachments:
        raise InvalidInput("Write what should change first.")
    workspaces.lock(session, workspace_id)
    item = FeedbackItem(
        id=new_id(),
        workspace_id=workspace_id,
        session_id=session_id,
        author_id=actor.id,
        verdict=Verdict.COMMENT,
        reason=words,
        attachments=list(attachments),
        severity=severity,
        made_by=MadeBy.PERSON,
    )
    session.add(item)
    session.flush()
    _count(session, workspace_id, 1)
    announce(session, item, actor)
    return item.id


def withdraw(session: Session, feedback_id: uuid.UUID, *, actor: Actor) -> None:
    """Takes back one's own feedback while it is open (the undo of the session's screen)."""
    require(actor, "judge")
    item = _locked(session, feedback_id)
    if item is None or item.state == FeedbackState.WITHDRAWN:
        raise NotFound("There is no such feedback.")
    if item.author_id != actor.id and item.made_by == MadeBy.PERSON:
        raise Conflict("Only the person who gave this feedback can take it back.")
    if item.state not in (FeedbackState.OPEN, FeedbackState.DISPUTED) and is_original(item.made_by):
        raise Conflict(f"This correction is {item.state} already; it can't be taken back any more.")
    row = _active(session, item.session_id) if item.session_id is not None else None
    move_correction(item, FeedbackState.WITHDRAWN)
    session.flush()
    detection = session.get(Detection, item.detection_id) if item.detection_id else None
    if row is not None and detection is not None:
        settle_consensus(session, row, detection)
    _changed(session, item.workspace_id, actor, "took a verdict back")
    timeline.announce(session, item.workspace_id)


def _changed(session: Session, workspace_id: uuid.UUID, actor: Actor, what: str) -> None:
    """The rate that rests on these judgements follows them, and an approval may not stand any more."""
    approvals.evidence_changed(session, workspace_id, reason=f"{actor.name} {what}")


def _locked(session: Session, feedback_id: uuid.UUID) -> FeedbackItem | None:
    """The item with its workspace locked first: that is the order of everybody who writes."""
    workspace_id = session.scalar(select(FeedbackItem.workspace_id).where(FeedbackItem.id == feedback_id))
    if workspace_id is None:
        return None
    workspaces.lock(session, workspace_id)
    return session.get(FeedbackItem, feedback_id, populate_existing=True)


def _active(session: Session, session_id: uuid.UUID) -> PatternSession:
    workspace_id = session.scalar(select(PatternSession.workspace_id).where(PatternSession.id == session_id))
    if workspace_id is None:
        raise NotFound("There is no such session.")
    workspaces.lock(session, workspace_id)
    row = session.get(PatternSession, session_id, populate_existing=True)
    if row is None or row.status != SessionStatus.ACTIVE:
        raise Conflict("This session is not active any more, so its marks stay as they are.")
    return row


def _count(session: Session, workspace_id: uuid.UUID, change: int) -> None:
    if change:
        workspaces.lock(session, workspace_id).feedback_count += change
        session.flush()
