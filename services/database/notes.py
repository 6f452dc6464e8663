"""Calls to live readers, sent once the transaction they speak of is committed.

NOTIFY inside a transaction makes its commit hold a lock of the whole server until the disk has answered, so commits of
different workspaces wait for one another; docs/decisions/0007 has the figures. Sent on its own afterwards, with nothing
to wait for on the disk, it holds that lock for a moment. A process that dies in between loses the call, not the change:
readers look for what they missed every minute and whenever they connect.
"""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from services.logs import get_logger

_KEPT: Final = "patterndesk_notes"


def keep(session: Session, channel: str, payload: str) -> None:
    """A call on the channel for when the session's transaction is committed; none when it is rolled back.

    One for a savepoint that was rolled back goes out too, and readers find nothing new.
    """
    session.info.setdefault(_KEPT, []).append((channel, payload))


def send(engine: Engine, session: Session) -> None:
    """Sends what the session kept, in one round trip. Raises nothing: what it tells of is committed already."""
    kept: list[tuple[str, str]] = session.info.pop(_KEPT, [])
    if not kept:
        return
    try:
        with engine.connect() as checked_out:
            connection = checked_out.connection.driver_connection
            assert isinstance(connection, psycopg.Connection)
            result = connection.pgconn.exec_(_statement(connection, kept))
            if result.status == ExecStatus.FATAL_ERROR:
                raise psycopg.OperationalError(result.get_error_message())
    except (SQLAlchemyError, psycopg.Error) as error:
        get_logger(__name__).warning("live readers were not called", error=str(error), notes=len(kept))


def _statement(connection: psycopg.Connection[Any], kept: list[tuple[str, str]]) -> bytes:
    """One transaction as one message to the server; a call that is there twice is sent once."""
    calls = [
        sql.SQL("NOTIFY {}, {};").format(sql.Identifier(channel), sql.Literal(payload))
        for channel, payload in dict.fromkeys(kept)
    ]
    return (
        sql.SQL("BEGIN; SET LOCAL synchronous_commit TO off; {} COMMIT")
        .format(sql.SQL("").join(calls))
        .as_bytes(connection)
    )
