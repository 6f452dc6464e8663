"""Whether the two columns that repeat the batches agree with `execution_feedback`, by SQL of its own."""

from __future__ import annotations

import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.database.engine import plain_url

# An execution whose `feedback_ids` are not its links in the order in which the corrections were given, and an item whose
# `execution_id` is not the latest execution that took it.
_DISAGREEMENTS = """
SELECT 'feedback_ids of execution ' || e.number, array_to_string(e.feedback_ids, ' '), l.ids
FROM claude_executions e CROSS JOIN LATERAL (
    SELECT coalesce(string_agg(x.feedback_id::text, ' ' ORDER BY f.created_at, f.id), '') AS ids
    FROM execution_feedback x JOIN feedback_items f ON f.id = x.feedback_id WHERE x.execution_id = e.id) l
WHERE array_to_string(e.feedback_ids, ' ') <> l.ids
UNION ALL
SELECT 'execution_id of correction ' || f.id, f.execution_id::text, l.id::text
FROM feedback_items f LEFT JOIN (
    SELECT DISTINCT ON (x.feedback_id) x.feedback_id, e.id
    FROM execution_feedback x JOIN claude_executions e ON e.id = x.execution_id
    ORDER BY x.feedback_id, e.number DESC) l ON l.feedback_id = f.id
WHERE f.execution_id IS DISTINCT FROM l.id
"""


def disagreements(session: Session) -> list[tuple[str, str, str]]:
    """What disagrees, as (what, its value, what the links say); empty when all is well."""
    session.flush()
    return [(row[0], row[1], row[2]) for row in session.execute(text(_DISAGREEMENTS))]


def assert_batches_agree(url: str) -> int:
    """Fails when a repeated batch disagrees in the database of this address; the number of links that were compared."""
    with psycopg.connect(plain_url(url)) as connection:
        assert connection.execute(_DISAGREEMENTS).fetchall() == []
        links = connection.execute("SELECT count(*) FROM execution_feedback").fetchone()
    assert links is not None
    return int(links[0])
