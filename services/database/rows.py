"""Hand-written SQL inside a session's transaction, straight through psycopg, for the reads that are measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row, tuple_row
from sqlalchemy.orm import Session


def driver(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection that this session's transaction runs on."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    return connection


def fetch(session: Session, sql: LiteralString, params: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows as tuples. Pending ORM changes are flushed first, so that the read sees them."""
    if session.new or session.dirty or session.deleted:
        session.flush()
    with driver(session).cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(sql, params).fetchall()


def fetch_dicts(session: Session, sql: LiteralString, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """All rows as dictionaries keyed by column name."""
    if session.new or session.dirty or session.deleted:
        session.flush()
    with driver(session).cursor(row_factory=dict_row) as cursor:
        return cursor.execute(sql, params).fetchall()
