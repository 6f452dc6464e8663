"""The engine and the one way to a transaction. The edge commits; services never do."""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import psycopg
from pydantic_core import from_json
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from services import running
from services.database import notes
from services.errors import InvalidInput, Unavailable
from services.logs import get_logger
from services.settings import get_settings

# The app's tables lie in `public`, whatever schema the role or the database looks in first.
OPTIONS: Final = "-c timezone=UTC -c search_path=public"
CONNECT_ARGS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "application_name": "patterndesk",
    "options": f"{OPTIONS} -c lock_timeout=15s -c idle_in_transaction_session_timeout=60s",
}

PING_AFTER = 30.0  # seconds a connection may have been idle before it is asked whether it still works
_PREFIX: Final = re.compile(r"postgres(?:ql)?(?:\+[a-z0-9_]+)?://")  # of whatever driver
log = get_logger(__name__)
_USED_AT = "patterndesk_used_at"


def sqlalchemy_url(url: str) -> str:
    """The same address for SQLAlchemy with psycopg 3, whatever prefix it came with."""
    prefix = _PREFIX.match(url)
    if prefix is not None:
        return "postgresql+psycopg://" + url[prefix.end() :]
    raise Unavailable("DATABASE_URL must begin with postgresql://.")


def plain_url(url: str) -> str:
    """The same address for libpq and for the engine of executions."""
    return sqlalchemy_url(url).replace("postgresql+psycopg://", "postgresql://", 1)


@lru_cache(maxsize=4)
def engine_for(url: str) -> Engine:
    """One engine a process and address. Locks and statements have timeouts, so that nothing waits for ever."""
    engine = create_engine(
        sqlalchemy_url(url),
        pool_size=10,
        max_overflow=20,
        pool_recycle=1800,
        connect_args=CONNECT_ARGS,
        json_deserializer=from_json,
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _check_alive)
    return engine


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _check_alive(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _proxy: object) -> None:
    """Lets no connection out of the pool whose server went away; then the pool opens new ones.

    A server that ends a connection says so on its socket, which is looked at without a round trip; a ping at every
    checkout, which the pool offers, was a seventh of a page's time. One that vanished silently takes a ping to notice.
    """
    used_at = record.info.get(_USED_AT)
    if used_at is None:  # it was opened just now
        return
    if time.monotonic() - used_at < PING_AFTER and not _has_news(connection):
        return
    try:
        connection.execute("SELECT 1", prepare=False)
        connection.rollback()
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def _has_news(connection: psycopg.Connection[Any]) -> bool:
    """Whether something came in on an idle connection, which is its end more often than not."""
    if connection.closed:
        return True
    socket = connection.pgconn.socket
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([socket], [], [], 0)[0])  # Windows has no poll


def database_url() -> str:
    """The address in use: DATABASE_URL, or the embedded server that runs for this data folder.

    Raises Unavailable when neither is there.
    """
    settings = get_settings()
    if settings.database_url:
        return sqlalchemy_url(settings.database_url)
    from services.database.embedded import running_url

    url = running_url(settings.data_dir)
    if url is None:
        state = running.read(settings.data_dir)
        if state is not None:
            raise Unavailable(state.down.get("database") or "The database is being started; try again in a moment.")
        raise Unavailable("No database is running for this data folder; start it with 'patterndesk up'.")
    return sqlalchemy_url(url)


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    return engine_for(database_url())


@contextmanager
def transaction(engine: Engine | None = None) -> Iterator[Session]:
    """One unit of work: commits when the block ends, rolls back when it raises. For the edges only."""
    used = engine or get_engine()
    try:
        with Session(used, expire_on_commit=False) as session:
            with session.begin():
                yield session
            notes.send(used, session)
    except (DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
        if (sentence := _unfit(error)) is not None:
            log.warning("unfit_value", error=str(error)[:500])
            raise InvalidInput(sentence) from error
        if isinstance(error, psycopg.Error):
            raise as_of_the_pool(error) from error
        raise


def as_of_the_pool(error: psycopg.Error) -> Exception:
    """An error of hand-written SQL, which goes straight through the driver, as SQLAlchemy raises the same one.

    Whoever waits for the database, or for a lock in it, looks for that class alone.
    """
    translated: Exception = DBAPIError.instance(
        None, None, error, psycopg.Error, connection_invalidated=is_unreachable(error)
    )
    return translated


def _unfit(error: Exception) -> str | None:
    """A sentence for a text or a number that the database can't hold; None for any other error."""
    if isinstance(error, UnicodeEncodeError):
        return "A text holds half of a character, which can't be stored; type it anew."
    driver = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver, UnicodeEncodeError):
        return "A text holds half of a character, which can't be stored; type it anew."
    if not isinstance(driver, psycopg.Error):
        return None
    if isinstance(driver, psycopg.DataError):
        if "NUL" in str(driver) or "\\u0000" in str(driver) or driver.sqlstate == "22P05":
            return "A text holds a character that can't be stored (NUL); type it anew."
        if driver.sqlstate in (None, "22001", "22003", "22008", "22021"):  # too long, out of range, no character
            return "A number or a text is out of the range that can be stored."
        return None
    if (driver.sqlstate or "").startswith("54"):
        return "A text is too long to be stored."
    return None


def is_unreachable(error: BaseException) -> bool:
    """Whether the database itself is away, as opposed to a fault in what was asked of it."""
    if isinstance(error, psycopg.OperationalError):  # hand-written SQL goes straight through the driver
        return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))
    if not isinstance(error, OperationalError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, psycopg.OperationalError):
        return is_unreachable(error.orig)
    return "connection" in str(error).lower()
