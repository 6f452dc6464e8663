"""Reading the existing system's tables: quoted names as its own database has them, rows as dictionaries.

A column that is missing reads as None, one that is not known is ignored and reported; both happen between its releases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader

from services.database.engine import plain_url
from services.errors import InvalidInput, Unavailable

Row = dict[str, Any]  # one row of a foreign table: this module is where its JSON enters
# The tables in the order in which they are moved: each after those that it refers to.
TABLES: Final = (
    "User",
    "PatternWorkspace",
    "PatternSession",
    "PatternDetection",
    "ClaudeExecution",
    "PatternCorrection",
    "PatternComment",
    "WorkspaceMessage",
    "ImplementationSession",
)
LEFT: Final = {
    "PatternVote": "votes have no place here; their sums stay in the existing system",
    "Feedback": "feedback on the application itself, not on a pattern",
}
_BATCH: Final = 200
# What Prisma takes in an address and PostgreSQL's own library does not.
_PRISMA: Final = {
    "schema",
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "pgbouncer",
    "statement_cache_size",
    "sslaccept",
    "sslidentity",
}


@dataclass(frozen=True)
class Source:
    """The existing database, inside one read-only transaction: what is moved is one state of it."""

    connection: psycopg.Connection[Any]
    columns: Mapping[str, frozenset[str]]

    def has(self, table: str) -> bool:
        return table in self.columns

    def count(self, table: str) -> int:
        row = self.connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        assert row is not None
        return int(row[0])

    def superseded(self) -> frozenset[str]:
        """The corrections after which the same person judged the same mark again."""
        rows = self.connection.execute(
            'SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY "userId", "detectionId" '
            'ORDER BY "createdAt" DESC, id DESC) AS place FROM "PatternCorrection" WHERE "detectionId" IS NOT NULL) r '
            "WHERE place > 1"
        ).fetchall()
        return frozenset(str(row[0]) for row in rows)

    def batches(self, table: str) -> Iterator[list[Row]]:
        """The rows, oldest first, a batch at a time; times are in UTC."""
        order = [sql.Identifier(name) for name in ("createdAt", "triggeredAt", "id") if name in self.columns[table]]
        statement = sql.SQL("SELECT * FROM {} ORDER BY {}").format(sql.Identifier(table), sql.SQL(", ").join(order))
        with self.connection.cursor(name=f"read_{table}", row_factory=dict_row) as cursor:
            cursor.itersize = _BATCH
            cursor.execute(statement)
            while rows := cursor.fetchmany(_BATCH):
                yield [_Row({name: _utc(value) for name, value in row.items()}) for row in rows]


class _Moments(TimestampLoader):
    """A time that Python can't hold (infinity, before Christ, after the year 9999) reads as none."""

    def load(self, data: Buffer) -> datetime | None:  # type: ignore[override]  # none is what a column without one has
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


class _ZonedMoments(TimestamptzLoader):
    """The same for a column that keeps a zone."""

    def load(self, data: Buffer) -> datetime | None:  # type: ignore[override]  # as above
        try:
            return super().load(data)
        except psycopg.DataError:
            return None


class _Row(Row):
    """A column that this release of the existing system does not have is empty."""

    def __missing__(self, _name: str) -> None:
        return None


@contextmanager
def opened(url: str) -> Iterator[Source]:
    """Raises InvalidInput for an address or a database that is not the existing system's, Unavailable when it is away."""
    address, schema = _address(plain_url(url))
    try:
        connection = psycopg.connect(address, connect_timeout=10, application_name="patterndesk import")
    except psycopg.OperationalError as error:
        raise Unavailable(
            "The existing database cannot be reached; check that it runs and that its address is right."
        ) from error
    except psycopg.ProgrammingError as error:
        raise InvalidInput(
            "The address of the existing database can't be read; it begins with postgresql://."
        ) from error
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.adapters.register_loader("timestamp", _Moments)
        connection.adapters.register_loader("timestamptz", _ZonedMoments)
        if schema:
            path = sql.Identifier(schema).as_string(connection)
            connection.execute("SELECT set_config('search_path', %s, false)", [path])
        columns = _columns(connection)
        if not is_existing(columns):
            raise InvalidInput(
                'This is not the existing system\'s database: it has no tables "User" and "PatternSession".'
            )
        yield Source(connection, columns)
        connection.rollback()


def _address(url: str) -> tuple[str, str | None]:
    """The address as the driver takes it, and the schema that the existing system's own form of it names."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    given = parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
    if not any(name in _PRISMA for name, _ in given):
        return url, None
    kept = urlencode([pair for pair in given if pair[0] not in _PRISMA], quote_via=quote)
    return urlunsplit(parts._replace(query=kept)), dict(given).get("schema") or None


def is_existing(columns: Mapping[str, frozenset[str]]) -> bool:
    return {"User", "PatternSession"} <= columns.keys()


def is_existing_system(connection: psycopg.Connection[Any]) -> bool:
    """Whether a database holds the existing system's tables."""
    return is_existing(_columns(connection))


def _columns(connection: psycopg.Connection[Any]) -> dict[str, frozenset[str]]:
    rows = connection.execute(
        "SELECT table_name, array_agg(column_name::text) FROM information_schema.columns "
        "WHERE table_schema = current_schema() GROUP BY table_name"
    ).fetchall()
    return {str(table): frozenset(names) for table, names in rows}


def _utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
