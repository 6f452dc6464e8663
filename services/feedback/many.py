"""Many judgements of one person on one session at once: what they need is read by a few statements, each is decided in
memory by the same rules as a single one, and all of it is written together."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import approvals, timeline, workspaces
from services.errors import Conflict, NotFound
from services.feedback import contradicting, giving, items
from services.feedback.contradicting import Saying
from services.labels.filling import MarkPosition, fill
from services.lifecycle import FeedbackState, MadeBy, SessionStatus, Verdict
from services.models import Detection, FeedbackItem, PatternSession, WorkspaceMessage, new_id
from services.people import Actor, require
from services.rules import asks
from services.states import move_correction

CLOSED = "This session is not active any more, so its marks stay as they are."


class Sheet:
    """The marks of a session that a batch speaks of, with everybody's judgements of them. The session's workspace is
    locked for as long as the transaction lasts. `finish` writes; without it nothing has happened."""

    def __init__(self, session: Session, session_id: uuid.UUID, *, actor: Actor) -> None:
        """Raises NotAllowed for a person who may not judge, NotFound for an unknown session."""
        require(actor, "judge")
        self.session, self.actor = session, actor
        workspace_id = session.scalar(select(PatternSession.workspace_id).where(PatternSession.id == session_id))
        if workspace_id is None:
            raise NotFound("There is no such session.")
        self.workspace = workspaces.lock(session, workspace_id)
        row = session.get(PatternSession, session_id, populate_existing=True)
        assert row is not None, "sessions are not deleted while their workspace is locked"
        self.row: PatternSession = row
        self._marks: dict[uuid.UUID, Detection] = {}
        self._items: dict[uuid.UUID, FeedbackItem] = {}
        self._of_mark: dict[uuid.UUID, list[FeedbackItem]] = defaultdict(list)
        self._touched: set[uuid.UUID] = set()
        self._told: list[FeedbackItem] = []
        self._change = 0  # of the workspace's number of corrections
        self._fresh: set[uuid.UUID] = set()  # made by this batch, and not judged yet
        self._pointed: list[FeedbackItem] | None = None  # what the person pointed at, once it was read

    @property
    def is_open(self) -> bool:
        return self.row.status == SessionStatus.ACTIVE

    def load(self, marks: Collection[uuid.UUID], feedback_ids: Collection[uuid.UUID]) -> None:
        """Reads these detections of this session, the judgements of them, and these items."""
        wanted = select(Detection).where(Detection.id.in_(marks), Detection.session_id == self.row.id)
        self._marks = {mark.id: mark for mark in self.session.scalars(wanted)} if marks else {}
        their_items = (
            select(FeedbackItem)
            .where(FeedbackItem.session_id == self.row.id, FeedbackItem.state != FeedbackState.WITHDRAWN)
            .where(FeedbackItem.detection_id.in_(marks) | FeedbackItem.id.in_(feedback_ids))
        )
        for item in self.session.scalars(their_items) if marks or feedback_ids else ():
            self._keep(item)

    def _keep(self, item: FeedbackItem) -> None:
        self._items[item.id] = item
        if item.detection_id is not None:
            self._of_mark[item.detection_id].append(item)

    def own(self, mark_id: uuid.UUID) -> FeedbackItem | None:
        """This person's standing judgement of a mark."""
        standing = (i for i in self._of_mark[mark_id] if i.author_id == self.actor.id and _stands(i))
        return next(standing, None)

    def item(self, feedback_id: uuid.UUID) -> FeedbackItem | None:
        item = self._items.get(feedback_id)
        return item if item is not None and _stands(item) else None

    def judge(
        self,
        mark_id: uuid.UUID,
        verdict: Verdict,
        *,
        reason: str | None = None,
        expected: MarkPosition | None = None,
        attachments: Sequence[str] = (),
        severity: str | None = None,
    ) -> FeedbackItem:
        """As `giving.judge`."""
        self._require_open()
        items.check_verdict(verdict, expected)
        detection = self._marks.get(mark_id)
        if detection is None:
            raise NotFound("This mark is not one of this session's.")
        if expected is not None:
            items.check_inside(self.row, expected.index)
            items.refuse_odd_prices(expected)
        items.refuse_standing_still(detection, verdict, expected)
        item = self.own(mark_id)
        self._refuse_contradiction(verdict, detection, expected, item)
        if item is None:
            item = self._made(verdict, detection_id=mark_id)
        items.check_changeable(item)
        was_asking = item.id not in self._fresh and asks(item.verdict)
        self._fresh.discard(item.id)
        fill(item, self.row, detection, verdict, expected)
        item.reason, item.made_by = items.clean_reason(reason), MadeBy.PERSON
        item.attachments, item.severity = list(attachments) or item.attachments or [], severity
        move_correction(item, FeedbackState.OPEN)
        self._count(asks(verdict) - was_asking)
        if asks(verdict):
            self._told.append(item)
        self._touched.add(mark_id)
        self._point(item)
        return item

    def _refuse_contradiction(
        self, verdict: str, mark: Detection, expected: MarkPosition | None, item: FeedbackItem | None
    ) -> None:
        """As `contradicting.refuse`, which is asked only where the person pointed at something near the mark."""
        if self._pointed is None:
            own = select(FeedbackItem).where(
                FeedbackItem.session_id == self.row.id,
                FeedbackItem.author_id == self.actor.id,
                FeedbackItem.detection_id.is_(None) | (FeedbackItem.verdict == Verdict.ADJUSTMENT),
            )
            self._pointed = list(self.session.scalars(own))
        said = Saying(verdict, mark.kind, mark.direction, mark, expected, item.id if item is not None else None)
        near = (i for i in self._pointed if _stands(i) and contradicting.pointed_at(i))
        if verdict == Verdict.ADJUSTMENT or any(contradicting.is_near(i, said) for i in near):
            contradicting.refuse(self.session, self.row, self.actor.id, said)

    def _point(self, item: FeedbackItem) -> None:
        if self._pointed is not None and contradicting.pointed_at(item):
            self._pointed.append(item)

    def miss(
        self,
        kind: str,
        direction: int,
        place: MarkPosition,
        *,
        reason: str | None = None,
        attachments: Sequence[str] = (),
        severity: str | None = None,
    ) -> FeedbackItem:
        """As `giving.add_missed`."""
        self._require_open()
        return self._added(
            giving.add_missed(
                self.session,
                self.row.id,
                kind=kind,
                direction=direction,
                place=place,
                reason=reason,
                attachments=attachments,
                severity=severity,
                actor=self.actor,
            )
        )

    def _added(self, feedback_id: uuid.UUID) -> FeedbackItem:
        item = self.session.get(FeedbackItem, feedback_id)
        assert item is not None
        self._items[feedback_id] = item
        self._point(item)
        return item

    def withdraw(self, item: FeedbackItem) -> None:
        """As `giving.withdraw`."""
        self._require_open()
        if item.author_id != self.actor.id:
            raise Conflict("Only the person who gave this feedback can take it back.")
        items.check_changeable(item)
        move_correction(item, FeedbackState.WITHDRAWN)
        self.session.flush()  # before a new judgement of the same mark is written, which may come in this very batch
        if item.detection_id is not None:
            self._touched.add(item.detection_id)

    def restore(self, item: FeedbackItem, before: items.Given | None) -> None:
        """Puts the item back to what `items.state_of` said of it; one that was not there is withdrawn."""
        if before is None:
            self.withdraw(item)
            return
        self._require_open()
        items.check_changeable(item)
        if item.detection_id is not None:
            mark = self._marks_of(item.detection_id)
            self._refuse_contradiction(before["verdict"], mark, items.position_in(before), item)
        change = asks(before["verdict"]) - asks(item.verdict)
        items.put_back(item, before)
        self._point(item)
        move_correction(item, FeedbackState.OPEN)
        self._count(change)
        if item.detection_id is not None:
            self._touched.add(item.detection_id)

    def finish(self) -> None:
        """Writes everything, tells the timeline of new corrections, and settles which marks are disputed."""
        self.workspace.feedback_count += self._change
        self.session.flush()
        keys = {f"feedback:{item.id}": item for item in self._told}
        if keys:
            known = select(WorkspaceMessage.dedupe_key).where(WorkspaceMessage.dedupe_key.in_(keys))
            told_before = set(self.session.scalars(known))
            for key, item in keys.items():
                if key not in told_before and _stands(item) and asks(item.verdict):
                    items.announce(self.session, item, self.actor)
        for mark_id in self._touched:
            standing = [i for i in self._of_mark[mark_id] if _stands(i)]
            if len(standing) > 1 or any(i.state == FeedbackState.DISPUTED for i in standing):
                items.settle_consensus(self.session, self.row, self._marks_of(mark_id))
        self.session.flush()
        approvals.evidence_changed(
            self.session, self.row.workspace_id, reason=f"{self.actor.name} judged {self.row.name}"
        )

    def _marks_of(self, mark_id: uuid.UUID) -> Detection:
        found = self._marks.get(mark_id) or self.session.get(Detection, mark_id)
        assert found is not None
        return found

    def _made(self, verdict: Verdict, *, detection_id: uuid.UUID) -> FeedbackItem:
        item = FeedbackItem(
            id=new_id(),
            workspace_id=self.row.workspace_id,
            session_id=self.row.id,
            author_id=self.actor.id,
            detection_id=detection_id,
            state=FeedbackState.OPEN,
            verdict=verdict,
            made_by=MadeBy.PERSON,
            attachments=[],
        )
        self._fresh.add(item.id)
        self.session.add(item)
        self._keep(item)
        return item

    def _count(self, change: int) -> None:
        self._change += change

    def _require_open(self) -> None:
        if not self.is_open:
            raise Conflict(CLOSED)


def _stands(item: FeedbackItem) -> bool:
    return item.state != FeedbackState.WITHDRAWN


def tell(session: Session, sheet: Sheet) -> None:
    """Calls the boards that are open on this session, once the transaction is committed."""
    timeline.announce(session, sheet.row.workspace_id, session_id=sheet.row.id)
