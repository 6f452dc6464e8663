"""The parts that the database refers to: stored files of ended executions, of withdrawn items, of nothing at all.

A rule lets go of references first. A stored file is removed once nothing in the whole database names its key any more
and it was last put more than a day ago, so that an upload under way is never met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

from psycopg import sql
from sqlalchemy.orm import Session

from services import storage
from services.database.rows import driver, fetch
from services.pruning.parts import KEY, Facts
from services.settings import Settings
from services.storage import Blob

UPLOADS_TAKE: Final = timedelta(days=1)
_ENDED: LiteralString = (
    "e.status IN ('completed', 'failed') AND coalesce(e.completed_at, e.errored_at, e.canceled_at, e.triggered_at)"
)
# (what, its keys with whether the rule lets go of each; how it lets go of those)
_RUN_LOGS: LiteralString = f"""
SELECT k.key, {_ENDED} < %(before)s FROM claude_executions e
JOIN LATERAL (SELECT e.log_key AS key UNION ALL SELECT a.log_key FROM execution_attempts a WHERE a.execution_id = e.id
              UNION ALL SELECT a.deploy_log_key FROM execution_attempts a WHERE a.execution_id = e.id) k
  ON k.key IS NOT NULL
"""
_FORGET_RUN_LOGS: tuple[LiteralString, ...] = (
    f"UPDATE claude_executions e SET log_key = NULL WHERE log_key IS NOT NULL AND {_ENDED} < %(before)s",
    "UPDATE execution_attempts a SET log_key = NULL, deploy_log_key = NULL FROM claude_executions e "
    "WHERE a.execution_id = e.id AND (a.log_key IS NOT NULL OR a.deploy_log_key IS NOT NULL) "
    f"AND {_ENDED} < %(before)s",
)
_PROMPTS: LiteralString = f"""
SELECT e.prompt_file, {_ENDED} < %(before)s FROM claude_executions e WHERE e.prompt_file IS NOT NULL
"""
_FORGET_PROMPTS: tuple[LiteralString, ...] = (
    f"UPDATE claude_executions e SET prompt_file = NULL WHERE prompt_file IS NOT NULL AND {_ENDED} < %(before)s",
)
# An attachment is let go of when every item that carries it was withdrawn before, and no message or description does.
_LET_GO: LiteralString = """
a.created_at < %(before)s
AND NOT EXISTS (SELECT 1 FROM feedback_items f WHERE a.storage_key = ANY(f.attachments)
                AND NOT (f.state = 'withdrawn' AND f.updated_at < %(before)s))
AND NOT EXISTS (SELECT 1 FROM workspace_messages m WHERE a.storage_key = ANY(m.attachments)
                AND NOT EXISTS (SELECT 1 FROM feedback_items f WHERE f.id = m.feedback_id AND f.state = 'withdrawn'))
AND NOT EXISTS (SELECT 1 FROM pattern_workspaces w WHERE a.storage_key = ANY(w.attachments)
                OR w.identification_steps::text LIKE '%%' || a.storage_key || '%%')
"""
_ATTACHMENTS: LiteralString = f"SELECT a.storage_key, {_LET_GO} FROM attachments a"
_FORGET_ATTACHMENTS: tuple[LiteralString, ...] = (
    f"UPDATE feedback_items f SET attachments = (SELECT coalesce(array_agg(k), '{{}}') FROM unnest(f.attachments) k "
    f"WHERE k NOT IN (SELECT a.storage_key FROM attachments a WHERE {_LET_GO})) "
    "WHERE f.state = 'withdrawn' AND f.attachments && "
    f"ARRAY(SELECT a.storage_key FROM attachments a WHERE {_LET_GO})",
    f"UPDATE workspace_messages m SET attachments = (SELECT coalesce(array_agg(k), '{{}}') "
    f"FROM unnest(m.attachments) k WHERE k NOT IN (SELECT a.storage_key FROM attachments a WHERE {_LET_GO})) "
    f"WHERE m.attachments && ARRAY(SELECT a.storage_key FROM attachments a WHERE {_LET_GO})",
    f"DELETE FROM attachments a WHERE {_LET_GO}",
)
_COLUMNS: LiteralString = """
SELECT c.relname, a.attname FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped
  AND format_type(a.atttypid, NULL) IN ('text', 'text[]', 'jsonb', 'json', 'character varying')
ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Reference:
    """A key that a part refers to, and whether its rule lets go of it."""

    key: str
    over: bool


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part whose files lie in the storage; `days` is the setting of its rule."""

    list_sql: LiteralString
    forget_sql: tuple[LiteralString, ...]
    setting: str

    def before(self, facts: Facts) -> datetime:
        """What ended before this time is let go of; the beginning of time when the setting keeps for ever."""
        days = int(getattr(facts.settings, self.setting))
        return facts.now - timedelta(days=days or 365 * 1000)

    def references(self, session: Session, facts: Facts) -> Iterator[Reference]:
        for key, over in fetch(session, self.list_sql, {"before": self.before(facts)}):
            yield Reference(str(key), bool(over))

    def forget(self, session: Session, facts: Facts) -> None:
        for statement in self.forget_sql:
            driver(session).execute(statement, {"before": self.before(facts)})


RUN_LOGS: Final = StoredPart(_RUN_LOGS, _FORGET_RUN_LOGS, "keep_run_log_days")
PROMPTS: Final = StoredPart(_PROMPTS, _FORGET_PROMPTS, "keep_prompt_days")
ATTACHMENTS: Final = StoredPart(_ATTACHMENTS, _FORGET_ATTACHMENTS, "keep_withdrawn_days")


def referenced(session: Session) -> set[str]:
    """Every key of a stored file that any text of any table names."""
    keys: set[str] = set()
    connection: Any = driver(session)
    for table, column in fetch(session, _COLUMNS):
        statement = sql.SQL(
            "SELECT DISTINCT m[1] FROM {table} t, regexp_matches(t.{column}::text, {key}, 'g') m "
            "WHERE t.{column}::text ~ '[0-9a-f]{{64}}'"
        ).format(table=sql.Identifier(table), column=sql.Identifier(column), key=sql.Literal(f"({KEY})"))
        keys.update(row[0] for row in connection.execute(statement).fetchall())
    return keys


def orphans(blobs: dict[str, Blob], named: set[str], now: datetime) -> dict[str, Blob]:
    """Stored files that nothing names, and that no upload under way can be about to name."""
    return {key: blob for key, blob in blobs.items() if key not in named and now - blob.put_at > UPLOADS_TAKE}


def remove_all(settings: Settings, keys: Iterator[str]) -> None:
    for key in keys:
        storage.remove(settings.storage_root, key)
