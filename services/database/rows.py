"""Hand-written SQL inside a session's transaction, straight through psycopg, for the reads that are measured."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row, tuple_row
from sqlalchemy.orm import Session

Value = uuid.UUID | datetime | date | str | float | bool | list[str] | None  # what a statement's parameter may be


def driver(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection that this session's transaction runs on."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def _flush(session: Session) -> None:
    if session.new or session.dirty or session.deleted:
        session.flush()


def _cursors(session: Session, count: int) -> list[psycopg.Cursor[tuple[Any, ...]]]:
    """Cursors kept with the connection: a new one looks up how to read each column's type again, every time.

    Their rows are fetched before anybody else can use them, for a connection belongs to one session at a time.
    """
    kept: list[psycopg.Cursor[tuple[Any, ...]]] = session.connection().info.setdefault("patterndesk_cursors", [])
    while len(kept) < count:
        kept.append(driver(session).cursor(row_factory=tuple_row))
    return kept[:count]


def fetch(session: Session, sql: LiteralString, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows as tuples. Pending ORM changes are flushed first, so that the read sees them."""
    _flush(session)
    return _cursors(session, 1)[0].execute(sql, params).fetchall()


def fetch_together(
    session: Session, queries: Sequence[tuple[LiteralString, Mapping[str, Any]]]
) -> list[list[tuple[Any, ...]]]:
    """All rows of several queries that don't need one another's, in one round trip."""
    _flush(session)
    cursors = _cursors(session, len(queries))
    with driver(session).pipeline():
        for cursor, (sql, params) in zip(cursors, queries, strict=True):
            cursor.execute(sql, params)
        return [cursor.fetchall() for cursor in cursors]


def fetch_dicts(session: Session, sql: LiteralString, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """All rows as dictionaries keyed by column name."""
    _flush(session)
    with driver(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql, params).fetchall()
