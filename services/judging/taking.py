"""Takes a batch of judgements: each is done once and in order, whatever comes twice, late or from two boards at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Literal, LiteralString, TypedDict, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from services import attachments
from services.database.rows import fetch_together
from services.errors import Conflict, InvalidInput, NotFound, PatternDeskError
from services.feedback import Given, MarkPosition, Sheet, state_of_item, tell
from services.judging.ops import Op
from services.judging.state import StateJson, letter, state_of
from services.lifecycle import JudgementAction, JudgementResult
from services.models import JudgementOp
from services.people import Actor

TAKEN = "Another judgement has this id already."
CONFLICT = "You judged this mark elsewhere in the meantime."
_KNOWN: LiteralString = """
SELECT id, result, sentence, feedback_id, session_id = %(id)s AND author_id = %(who)s
FROM judgement_ops WHERE id = ANY(%(ids)s)
"""
_LAST_SEQ: LiteralString = """
SELECT client, max(seq) FROM judgement_ops
WHERE session_id = %(id)s AND author_id = %(who)s AND client = ANY(%(clients)s) GROUP BY client
"""
_LAST_OWN: LiteralString = """
SELECT DISTINCT ON (mark_id) mark_id, id, position FROM judgement_ops
WHERE session_id = %(id)s AND author_id = %(who)s AND mark_id = ANY(%(marks)s) AND result = 'done'
ORDER BY mark_id, position DESC
"""
_OTHERS: LiteralString = "SELECT coalesce(max(position), 0) FROM judgement_ops WHERE session_id = %(id)s"


class ResultJson(TypedDict):
    """How one judgement went. `gap` is none of the stored results: the board sends again from `expected` on."""

    id: str
    result: Literal["done", "refused", "conflict", "gap"]
    sentence: str | None
    expected: int | None
    letter: str | None  # of the mark as it is now, where it was not done
    item: str | None  # what was added, changed or taken away


class AnswerJson(TypedDict):
    """`state` is sent where the board missed something: others' judgements, or a session that is closed."""

    results: list[ResultJson]
    position: int
    state: StateJson | None


def judge_many(
    session: Session,
    session_id: uuid.UUID,
    ops: Sequence[Op],
    places: Mapping[uuid.UUID, MarkPosition],
    *,
    actor: Actor,
) -> AnswerJson:
    """Does what the ops ask for. `places` are the candles that moved and missed marks belong to, by op.

    The workspace is locked before known ids are looked up, so that the same batch sent again waits for the first.
    Raises NotAllowed for a person who may not judge, NotFound for an unknown session.
    """
    sheet = Sheet(session, session_id, actor=actor)
    book = _Book(session, sheet, ops, places)
    results = [book.take(op) for op in ops]
    sheet.finish()
    session.flush()
    if book.changed:
        tell(session, sheet)
    missed = not sheet.is_open or book.before > min((op.seen for op in ops), default=0)
    state = state_of(session, session_id, actor=actor) if missed or book.refused else None
    return {"results": results, "position": book.position, "state": state}


class _Book:
    """The ops of a batch against those taken before."""

    def __init__(
        self, session: Session, sheet: Sheet, ops: Sequence[Op], places: Mapping[uuid.UUID, MarkPosition]
    ) -> None:
        self.session, self.sheet, self.places = session, sheet, places
        self.changed = self.refused = False
        self.taken: dict[uuid.UUID, JudgementOp] = {}
        params = {
            "id": sheet.row.id,
            "who": sheet.actor.id,
            "ids": [op.id for op in ops],
            "clients": list({op.client for op in ops}),
            "marks": list({op.mark for op in ops if op.mark}),
        }
        known, last_seq, last_own, others = fetch_together(
            session, [(_KNOWN, params), (_LAST_SEQ, params), (_LAST_OWN, params), (_OTHERS, params)]
        )
        self.known: dict[uuid.UUID, tuple[str, str | None, uuid.UUID | None]] = {
            r[0]: (r[1], r[2], r[3]) if r[4] else (JudgementResult.REFUSED, TAKEN, None) for r in known
        }
        self.last_seq: dict[uuid.UUID, int] = {r[0]: r[1] for r in last_seq}
        self.last_own: dict[uuid.UUID, tuple[uuid.UUID, int]] = {r[0]: (r[1], r[2]) for r in last_own}
        self.before: int = others[0][0]
        self.position: int = self.before
        undone = [op.of for op in ops if op.of]
        for row in session.scalars(select(JudgementOp).where(JudgementOp.id.in_(undone))) if undone else ():
            self.taken[row.id] = row
        items = [row.feedback_id for row in self.taken.values() if row.feedback_id]
        items += [op.mark for op in ops if op.mark and op.action == JudgementAction.REMOVE]
        marks = {op.mark for op in ops if op.mark} | {row.mark_id for row in self.taken.values() if row.mark_id}
        sheet.load(marks, items)

    def take(self, op: Op) -> ResultJson:
        if op.id in self.known:
            return self._answer(op, *self.known[op.id])
        expected = self.last_seq.get(op.client, 0) + 1
        if op.seq != expected:
            if op.seq < expected:
                return self._answer(op, "refused", "Another judgement of this board has this number already.", None)
            return {
                "id": str(op.id),
                "result": "gap",
                "sentence": None,
                "expected": expected,
                "letter": None,
                "item": None,
            }
        row = JudgementOp(
            id=op.id,
            session_id=self.sheet.row.id,
            author_id=self.sheet.actor.id,
            client=op.client,
            seq=op.seq,
            position=self._next_position(),
            action=op.action,
            mark_id=op.mark,
            verdict=op.verdict,
            result=JudgementResult.DONE,
        )
        try:
            if op.problem:
                raise InvalidInput(op.problem)
            with self.session.no_autoflush:
                row.result = self._do(op, row)
            row.sentence = CONFLICT if row.result == JudgementResult.CONFLICT else None
        except PatternDeskError as error:
            row.result, row.sentence = JudgementResult.REFUSED, error.sentence
        self.session.add(row)
        self.taken[row.id] = row
        self.last_seq[op.client] = op.seq
        self.known[op.id] = (row.result, row.sentence, row.feedback_id)
        if row.result == JudgementResult.DONE:
            self.changed = True
            if row.mark_id:
                self.last_own[row.mark_id] = (op.id, row.position)
        return self._answer(op, row.result, row.sentence, row.feedback_id)

    def _answer(self, op: Op, result: str, sentence: str | None, item_id: uuid.UUID | None) -> ResultJson:
        now = None
        if result != JudgementResult.DONE:
            self.refused = True
            item = self.sheet.own(op.mark) if op.mark else None
            now = letter(item.verdict if item else None)
        kind: Literal["done", "refused", "conflict"] = JudgementResult(result).value
        return {
            "id": str(op.id),
            "result": kind,
            "sentence": sentence,
            "expected": None,
            "letter": now,
            "item": str(item_id) if item_id else None,
        }

    def _next_position(self) -> int:
        self.position += 1  # nobody else counts on while the workspace is locked
        return self.position

    def _do(self, op: Op, row: JudgementOp) -> JudgementResult:
        match op.action:
            case JudgementAction.JUDGE:
                return self._judge(op, row)
            case JudgementAction.MISS:
                item = self.sheet.miss(
                    op.kind,
                    op.direction,
                    self._place(op),
                    reason=op.reason,
                    attachments=self._files(op),
                    severity=op.severity,
                )
                row.feedback_id, row.verdict = item.id, item.verdict
            case JudgementAction.REMOVE:
                found = self.sheet.item(op.mark) if op.mark else None
                if found is None:
                    raise NotFound("This missed mark is not there any more.")
                row.previous, row.feedback_id = dict(state_of_item(found)), found.id
                self.sheet.withdraw(found)
            case JudgementAction.UNDO:
                self._undo(op, row)
            case JudgementAction.LOST:
                raise Conflict("This browser lost the judgement before it was sent.")
        return JudgementResult.DONE

    def _judge(self, op: Op, row: JudgementOp) -> JudgementResult:
        if op.mark is None or op.verdict is None:
            raise InvalidInput("A judgement names its mark and its verdict.")
        last = self.last_own.get(op.mark)
        if last is not None and last[0] != op.base and last[1] > op.seen:
            return JudgementResult.CONFLICT
        before = self.sheet.own(op.mark)
        row.previous = dict(state_of_item(before)) if before else None
        place = self._place(op) if op.index is not None else None
        row.feedback_id = self.sheet.judge(
            op.mark, op.verdict, reason=op.reason, expected=place, attachments=self._files(op), severity=op.severity
        ).id
        return JudgementResult.DONE

    def _undo(self, op: Op, row: JudgementOp) -> None:
        done = self.taken.get(op.of) if op.of else None
        if done is None or done.author_id != self.sheet.actor.id or done.session_id != self.sheet.row.id:
            raise NotFound("There is nothing of yours to undo.")
        if done.undone_by is not None:
            raise Conflict("This judgement was taken back already.")
        if done.result != JudgementResult.DONE or done.action not in (JudgementAction.JUDGE, JudgementAction.MISS):
            raise Conflict("This judgement was not kept, so there is nothing to undo.")
        item = self.sheet.item(done.feedback_id) if done.feedback_id else None
        if item is None:
            raise Conflict("This judgement is not there any more.")
        self.sheet.restore(item, cast("Given | None", done.previous))
        done.undone_by = op.id
        row.mark_id, row.feedback_id = done.mark_id, done.feedback_id

    def _files(self, op: Op) -> tuple[str, ...]:
        for key in op.attachments:
            attachments.find(self.session, key)  # raises NotFound: only what was uploaded can be attached
        return op.attachments

    def _place(self, op: Op) -> MarkPosition:
        if op.id not in self.places:
            raise InvalidInput("Say where the mark should be: click the candle it belongs to.")
        return self.places[op.id]
