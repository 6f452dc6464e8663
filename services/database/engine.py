"""The engine and the one way to a transaction. The edge commits; services never do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from services.errors import Unavailable
from services.settings import get_settings


def sqlalchemy_url(url: str) -> str:
    """The same address for SQLAlchemy with psycopg 3, whatever prefix it came with."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if url.startswith(prefix):
            return "postgresql+psycopg://" + url[len(prefix) :]
    raise Unavailable("DATABASE_URL must begin with postgresql://.")


def plain_url(url: str) -> str:
    """The same address for libpq and for the engine of executions."""
    return sqlalchemy_url(url).replace("postgresql+psycopg://", "postgresql://", 1)


@lru_cache(maxsize=4)
def engine_for(url: str) -> Engine:
    """One engine a process and address. Locks and statements have timeouts, so that nothing waits for ever."""
    return create_engine(
        sqlalchemy_url(url),
        pool_size=10,
        max_overflow=20,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={
            "connect_timeout": 10,
            "application_name": "patterndesk",
            "options": "-c timezone=UTC -c lock_timeout=15s -c idle_in_transaction_session_timeout=60s",
        },
    )


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
        raise Unavailable("No database is running for this data folder; start it with 'patterndesk up'.")
    return sqlalchemy_url(url)


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    return engine_for(database_url())


@contextmanager
def transaction(engine: Engine | None = None) -> Iterator[Session]:
    """One unit of work: commits when the block ends, rolls back when it raises. For the edges only."""
    with Session(engine or get_engine(), expire_on_commit=False) as session, session.begin():
        yield session


def is_unreachable(error: BaseException) -> bool:
    """Whether the database itself is away, as opposed to a fault in what was asked of it."""
    if not isinstance(error, OperationalError):
        return False
    return error.connection_invalidated or "connection" in str(error).lower()
