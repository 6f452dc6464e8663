"""What a worker keeps of a run beside its phases: what the agent spent, and the log of each attempt.

Written often, so each is one statement that states its epoch and takes no lock on the workspace.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import LiteralString

from sqlalchemy.orm import Session

from services import timeline
from services.database.rows import fetch
from services.errors import StaleEpoch
from services.texts import storable

TAIL_CHARACTERS = 64_000  # of a log that is still being written


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one message of the agent's API cost. `message_id` is the API's; `turn` the phase and round it belongs to."""

    message_id: str
    attempt: int
    turn: str
    model: str
    cost_usd: float
    input_tokens: int
    output_tokens: int


_ADD: LiteralString = """
INSERT INTO agent_usage (execution_id, message_id, attempt, turn, model, cost_usd, input_tokens, output_tokens)
SELECT %(id)s, u.* FROM unnest(
    %(messages)s::text[], %(attempts)s::int[], %(turns)s::text[], %(models)s::text[], %(costs)s::numeric[],
    %(inputs)s::bigint[], %(outputs)s::bigint[]
) AS u
WHERE EXISTS (SELECT FROM claude_executions WHERE id = %(id)s AND epoch = %(epoch)s FOR UPDATE)
ON CONFLICT (execution_id, message_id) DO UPDATE SET
    cost_usd = greatest(agent_usage.cost_usd, excluded.cost_usd),
    input_tokens = greatest(agent_usage.input_tokens, excluded.input_tokens),
    output_tokens = greatest(agent_usage.output_tokens, excluded.output_tokens)
RETURNING 1
"""
_TOTALS: LiteralString = """
WITH spent AS (
    SELECT attempt, sum(cost_usd) AS cost, sum(input_tokens) AS i, sum(output_tokens) AS o
    FROM agent_usage WHERE execution_id = %(id)s GROUP BY attempt
), by_attempt AS (
    UPDATE execution_attempts a SET cost_usd = s.cost, input_tokens = s.i, output_tokens = s.o
    FROM spent s WHERE a.execution_id = %(id)s AND a.number = s.attempt
)
UPDATE claude_executions SET cost_usd = t.cost, input_tokens = t.i, output_tokens = t.o
FROM (SELECT sum(cost) AS cost, sum(i) AS i, sum(o) AS o FROM spent) t WHERE id = %(id)s
RETURNING cost_usd
"""


def add_usage(session: Session, execution_id: uuid.UUID, *, epoch: int, rows: Sequence[UsageRow]) -> None:
    """Keeps what messages cost and brings the totals up to date. The same message again counts once, at its most.

    Raises StaleEpoch.
    """
    if not rows:
        return
    added = fetch(
        session,
        _ADD,
        {
            "id": execution_id,
            "epoch": epoch,
            "messages": [r.message_id for r in rows],
            "attempts": [r.attempt for r in rows],
            "turns": [r.turn for r in rows],
            "models": [r.model for r in rows],
            "costs": [Decimal(f"{r.cost_usd:.6f}") for r in rows],
            "inputs": [r.input_tokens for r in rows],
            "outputs": [r.output_tokens for r in rows],
        },
    )
    if not added:
        raise StaleEpoch("The run was taken over by another worker.")
    fetch(session, _TOTALS, {"id": execution_id})


_SPENT: LiteralString = "SELECT coalesce(sum(cost_usd), 0)::float8 FROM agent_usage WHERE execution_id = %(id)s"


def spent(session: Session, execution_id: uuid.UUID) -> float:
    """Dollars that the agent spent on an execution so far."""
    return float(fetch(session, _SPENT, {"id": execution_id})[0][0])


_LOG: LiteralString = """
UPDATE execution_attempts a SET log_tail = %(tail)s, log_key = coalesce(%(key)s, a.log_key)
FROM claude_executions e
WHERE a.execution_id = %(id)s AND a.number = %(attempt)s AND e.id = a.execution_id AND e.epoch = %(epoch)s
RETURNING e.workspace_id
"""


def keep_log(
    session: Session, execution_id: uuid.UUID, *, epoch: int, attempt: int, tail: str, key: str | None = None
) -> None:
    """The end of an attempt's log for readers anywhere, and the key of the whole once it is stored.

    Does nothing for an old epoch or an attempt that has not begun.
    """
    kept = fetch(
        session,
        _LOG,
        {"id": execution_id, "epoch": epoch, "attempt": attempt, "key": key, "tail": storable(tail[-TAIL_CHARACTERS:])},
    )
    if kept:
        timeline.announce_log(session, kept[0][0], execution_id)


_KEPT: LiteralString = (
    "SELECT log_key, log_tail FROM execution_attempts WHERE execution_id = %(id)s AND number = %(attempt)s"
)


def kept_log(session: Session, execution_id: uuid.UUID, attempt: int) -> tuple[str | None, str | None]:
    """The key of an attempt's stored log, and the end of what was written."""
    rows = fetch(session, _KEPT, {"id": execution_id, "attempt": attempt})
    return (rows[0][0], rows[0][1]) if rows else (None, None)
