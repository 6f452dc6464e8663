"""A question's way through a worker: begun, told of while it is answered, paid for, and ended once.

Each write of a worker states the attempt that it makes; once another one has taken the question over, the older one's
are refused. What was spent counts whoever spent it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, LiteralString

from sqlalchemy.orm import Session

from services import holding, timeline
from services.database.rows import fetch
from services.errors import StaleEpoch
from services.lifecycle import JobStatus, MessageStatus
from services.models import PatternWorkspace, Question, User, WorkspaceMessage, now
from services.texts import storable

MOST_ATTEMPTS: Final = 3  # a question that ends its worker each time is not tried for ever
LONGEST_ANSWER: Final = 20_000  # characters
DELETED: Final = "The question was deleted before it was answered."
ENDED: Final = frozenset({JobStatus.DONE, JobStatus.FAILED})


@dataclass(frozen=True, slots=True)
class Begun:
    """A question that a worker has begun to answer. `left_today_usd` is what the cap of the day leaves, None for none."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    attempt: int
    text: str
    asked_by: str
    left_today_usd: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How answering ended: with a text, or with a sentence that says why not. `attempt` is the one that made it."""

    text: str | None = None
    error: str | None = None
    model: str | None = None
    version: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class SpentRow:
    """What one message of the agent's API cost, by its id there."""

    message_id: str
    model: str
    cost_usd: float
    input_tokens: int
    output_tokens: int


def begin(session: Session, question_id: uuid.UUID, *, worker_id: str) -> Begun | None:
    """Takes a question for the next attempt; None when there is nothing left to answer."""
    row = session.get(Question, question_id, with_for_update=True, populate_existing=True)
    if row is None or row.status in ENDED:
        return None
    asked = session.get_one(WorkspaceMessage, row.asked_message_id, populate_existing=True)
    if asked.deleted_at is not None:
        end(session, question_id, attempt=row.attempt, outcome=Outcome(error=DELETED))
        return None
    if row.attempt >= MOST_ATTEMPTS:
        sentence = f"Answering was cut off {MOST_ATTEMPTS} times, so it was given up; it may be asked again."
        end(session, question_id, attempt=row.attempt, outcome=Outcome(error=sentence))
        return None
    row.status, row.attempt, row.worker_id, row.heartbeat_at = JobStatus.RUNNING, row.attempt + 1, worker_id, now()
    session.flush()
    _update(session, row, MessageStatus.IN_PROGRESS, None, "Reading about the pattern")
    workspace = session.get_one(PatternWorkspace, row.workspace_id)
    return Begun(
        row.id,
        row.workspace_id,
        row.attempt,
        asked.content or "",
        session.get_one(User, row.asked_by_id).name,
        holding.left_today(session, workspace.id),
    )


def wait(session: Session, question_id: uuid.UUID, sentence: str) -> bool:
    """Says in the thread why the question waits; whether there is still something to wait for."""
    row = session.get(Question, question_id, with_for_update=True, populate_existing=True)
    if row is None or row.status in ENDED:
        return False
    if session.get_one(WorkspaceMessage, row.asked_message_id, populate_existing=True).deleted_at is not None:
        return False
    _update(session, row, MessageStatus.PENDING, None, f"Waiting: {sentence}")
    return True


_BEAT: LiteralString = """
UPDATE questions q SET heartbeat_at = CASE WHEN %(last)s THEN NULL ELSE now() END FROM workspace_messages m
WHERE q.id = %(id)s AND q.attempt = %(attempt)s AND q.status = 'running' AND m.id = q.asked_message_id
RETURNING m.deleted_at IS NOT NULL
"""


def beat(session: Session, question_id: uuid.UUID, *, attempt: int, last: bool = False) -> bool:
    """Records that the attempt is alive; whether it is to stop since the question was deleted. Raises StaleEpoch.

    The `last` one takes the sign of life back, so that silence no longer counts as a frozen worker.
    """
    rows = fetch(session, _BEAT, {"id": question_id, "attempt": attempt, "last": last})
    if not rows:
        raise StaleEpoch("The question was taken over by another worker.")
    return bool(rows[0][0])


def tell(session: Session, question_id: uuid.UUID, *, attempt: int, text: str, doing: str | None) -> None:
    """Shows the answer as far as it has come, and what the agent does. Raises StaleEpoch."""
    row = session.get(Question, question_id, with_for_update=True, populate_existing=True)
    if row is None or row.attempt != attempt or row.status != JobStatus.RUNNING:
        raise StaleEpoch("The question was taken over by another worker.")
    _update(session, row, MessageStatus.IN_PROGRESS, text[:LONGEST_ANSWER] or None, doing)


_ADD: LiteralString = """
INSERT INTO question_usage (question_id, message_id, model, cost_usd, input_tokens, output_tokens)
SELECT %(id)s, u.* FROM unnest(
    %(messages)s::text[], %(models)s::text[], %(costs)s::numeric[], %(inputs)s::bigint[], %(outputs)s::bigint[]
) AS u
WHERE EXISTS (SELECT FROM questions WHERE id = %(id)s FOR UPDATE)
ON CONFLICT (question_id, message_id) DO UPDATE SET
    cost_usd = greatest(question_usage.cost_usd, excluded.cost_usd),
    input_tokens = greatest(question_usage.input_tokens, excluded.input_tokens),
    output_tokens = greatest(question_usage.output_tokens, excluded.output_tokens)
RETURNING 1
"""
_TOTALS: LiteralString = """
UPDATE questions SET cost_usd = t.cost, input_tokens = t.i, output_tokens = t.o
FROM (SELECT sum(cost_usd) AS cost, sum(input_tokens) AS i, sum(output_tokens) AS o
      FROM question_usage WHERE question_id = %(id)s) t
WHERE id = %(id)s RETURNING cost_usd
"""


def add_usage(session: Session, question_id: uuid.UUID, rows: Sequence[SpentRow]) -> None:
    """Keeps what messages cost and brings the totals up to date. The same message again counts once, at its most."""
    if not rows:
        return
    values = {
        "id": question_id,
        "messages": [r.message_id for r in rows],
        "models": [r.model for r in rows],
        "costs": [Decimal(f"{r.cost_usd:.6f}") for r in rows],
        "inputs": [r.input_tokens for r in rows],
        "outputs": [r.output_tokens for r in rows],
    }
    if fetch(session, _ADD, values):
        fetch(session, _TOTALS, {"id": question_id})


def end(session: Session, question_id: uuid.UUID, *, attempt: int, outcome: Outcome) -> bool:
    """Ends a question with its answer or the reason why it has none; False when it has ended, or another took it over."""
    row = session.get(Question, question_id, with_for_update=True, populate_existing=True)
    if row is None or row.status in ENDED or row.attempt != attempt:
        return False
    failed = outcome.text is None
    row.status, row.ended_at = JobStatus.FAILED if failed else JobStatus.DONE, now()
    session.flush()
    spent = float(row.cost_usd) or None
    timeline.update_answer(
        session,
        row.answer_message_id,
        status=MessageStatus.FAILED if failed else MessageStatus.COMPLETED,
        content=None if outcome.text is None else storable(outcome.text)[:LONGEST_ANSWER],
        data={
            "doing": None,
            "error": storable(outcome.error or "Claude gave no answer.") if failed else None,
            "version": outcome.version,
            "model": outcome.model if spent else None,
            "cost_usd": spent,
            "input_tokens": row.input_tokens if spent else None,
            "output_tokens": row.output_tokens if spent else None,
        },
    )
    return True


def _update(session: Session, row: Question, status: MessageStatus, text: str | None, doing: str | None) -> None:
    timeline.update_answer(
        session,
        row.answer_message_id,
        status=status,
        content=None if text is None else storable(text),
        data={"doing": None if doing is None else storable(doing)[:200]},
    )
