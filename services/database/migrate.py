"""Bringing a database to the schema of this app, and saying in one sentence when it is not there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Final

import alembic.command
import alembic.util
import psycopg
import psycopg.errors
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from services.database.engine import OPTIONS, plain_url, sqlalchemy_url
from services.errors import Unavailable
from services.settings import ROOT

ENGINE_SCHEMA: Final = "engine"  # the engine of executions keeps its tables here, in the same database
HEAD: Final = "head"
DRAINED: Final = "patterndesk_drained"  # in a connection's info: whether live executions may wait
_POOLED: Final = (
    "DATABASE_URL leads to a connection pooler that lends by the transaction (PgBouncer), where locks and notices are "
    "lost; give the server's own address, or that of a pool in session mode."
)
_UNREACHABLE: Final = "The database cannot be reached; check that it runs and that its address is right."


def upgrade(url: str, revision: str = HEAD, *, with_engine: bool = True, drained: bool = False) -> None:
    """Migrate up to `revision`; at head the engine's own schema too. Nothing happens when both are there already.

    `drained` says that no worker is at an execution, so that live ones may wait through a migration that would refuse
    them. Safe to run from several processes at once. Raises Unavailable when the database is away, is newer than this app,
    or holds rows that a migration cannot decide about (the sentence names them).
    """
    with connection_to(url) as connection:
        _refuse_newer(connection)
        _refuse_existing_system(connection)
        if revision != HEAD or _current(connection) != head():
            connection.info[DRAINED] = drained
            alembic.command.upgrade(_config(connection), revision)
    if with_engine and revision in (HEAD, head()):
        migrate_engine(url)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision` ("base" for nothing at all). The engine's schema stays; old apps don't look at it.

    What the older schema cannot hold is gone afterwards; `migrations/README.md` says what survives.
    """
    with connection_to(url) as connection:
        _refuse_newer(connection)
        alembic.command.downgrade(_config(connection), revision)


def current(url: str) -> str | None:
    """The revision that the database is at, or None when nothing was migrated yet."""
    with connection_to(url) as connection:
        return _current(connection)


@lru_cache(maxsize=1)
def head() -> str:
    """The revision that this app needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None, "there are no migrations"
    return found


def chain() -> list[str]:
    """Every revision, the first one first. Raises alembic.util.CommandError when the chain has two ends."""
    script = ScriptDirectory.from_config(_config())
    return [revision.revision for revision in script.walk_revisions("base", HEAD)][::-1]


def check(url: str) -> None:
    """Raise alembic.util.CommandError when the models and the database's schema differ."""
    with connection_to(url) as connection:
        alembic.command.check(_config(connection))


def readiness(url: str) -> str | None:
    """None when the app can work with the database, else one sentence that says what is in the way."""
    try:
        with connection_to(url) as connection:
            found = _current(connection)
            if found != head():
                return _mismatch(found)
            if not connection.scalar(text("SELECT to_regclass(:t)"), {"t": f"{ENGINE_SCHEMA}.workflow_status"}):
                return "The database lacks the tables of the execution engine; run 'patterndesk migrate'."
    except Unavailable as error:
        return error.sentence
    return None


def migrate_engine(url: str) -> None:
    """Create or migrate the tables of the execution engine (DBOS) in schema `engine` of the same database."""
    from dbos import DBOS  # heavy, and wanted only here

    try:
        DBOS.migrate(plain_url(url), schema=ENGINE_SCHEMA)
    except OperationalError as error:
        raise Unavailable(_UNREACHABLE) from error


def _mismatch(found: str | None) -> str:
    if found is None:
        return "The database is empty; run 'patterndesk migrate'."
    if not _known(found):
        return f"The database is at revision {found}, which is newer than this app ({head()}); update the app."
    return f"The database is at revision {found}, this app needs {head()}; run 'patterndesk migrate'."


def _known(revision: str) -> bool:
    try:
        return ScriptDirectory.from_config(_config()).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False


def _refuse_newer(connection: Connection) -> None:
    found = _current(connection)
    if found is not None and not _known(found):
        raise Unavailable(_mismatch(found))


def _refuse_existing_system(connection: Connection) -> None:
    """The system that this one follows has tables of its own making; ours beside them would be two half databases."""
    theirs = connection.scalar(text("SELECT count(*) FROM pg_tables WHERE tablename IN ('User', 'PatternSession')"))
    if theirs == 2 and _current(connection) is None:
        raise Unavailable(
            "This database holds the existing system's data; give this app a database of its own, and run "
            "'patterndesk import-existing ADDRESS' with the address of this one."
        )


def _current(connection: Connection) -> str | None:
    """Read without Alembic's own context, which costs more than the query. Leaves no transaction open."""
    try:
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.UndefinedTable):
            raise
        found = None
    connection.rollback()
    return found


def _config(connection: Connection | None = None) -> Config:
    config = Config(stdout=io.StringIO())  # what its commands print is for a terminal
    config.set_main_option("script_location", str(ROOT / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@contextmanager
def connection_to(url: str) -> Iterator[Connection]:
    """A connection for this work alone. Raises Unavailable when there is none to be had."""
    engine = create_engine(
        sqlalchemy_url(url),
        poolclass=NullPool,
        connect_args={"connect_timeout": 10, "application_name": "patterndesk migrate", "options": OPTIONS},
    )
    try:
        connection = engine.connect()
    except DBAPIError as error:
        refused = "unsupported startup parameter" in str(error)
        raise Unavailable(_POOLED if refused else _UNREACHABLE) from error
    with connection:
        if _is_pooled(connection):
            raise Unavailable(_POOLED)
        yield connection


def _is_pooled(connection: Connection) -> bool:
    """Whether a pooler lends server connections by the transaction (PgBouncer): locks and notices would be lost there.

    A pooler gives a number of its own for the server's process. That it lends by the transaction shows when this
    connection, idle, and another one in a transaction are served by the same process.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    ours = connection.scalar(text("SELECT pg_backend_pid()"))
    connection.rollback()
    if driver.info.backend_pid == ours:
        return False
    with psycopg.connect(driver.info.dsn, password=driver.info.password or None, connect_timeout=10) as other:
        row = other.execute("SELECT pg_backend_pid()").fetchone()
        return row is not None and row[0] == ours
