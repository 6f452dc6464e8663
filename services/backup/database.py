"""The database's part: a dump of one snapshot with the counts of the same snapshot, and putting it back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from services.backup.manifest import TableSum
from services.database.embedded.account import environment
from services.database.embedded.paths import binary
from services.database.engine import plain_url
from services.errors import Conflict, Unavailable
from services.logs import get_logger

SCHEMAS: Final = ("public", "engine")
_TABLES: Final = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY(%s) ORDER BY 1, 2
"""
log = get_logger(__name__)


@dataclass(frozen=True)
class Snapshot:
    """One state of the database, open for as long as it is used. `id` is what pg_dump takes."""

    id: str
    connection: psycopg.Connection[tuple[object, ...]]

    def tables(self) -> dict[str, TableSum]:
        return sums(self.connection)


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """A snapshot that other connections can read too."""
    with _connected(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None
        yield Snapshot(str(row[0]), connection)
        connection.rollback()


def sums(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, TableSum]:
    """Rows and checksum of every table of ours and of the engine's, as the connection's transaction sees them."""
    found: dict[str, TableSum] = {}
    for schema, table in connection.execute(_TABLES, [list(SCHEMAS)]).fetchall():
        statement = sql.SQL(
            "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text FROM {} t"
        ).format(sql.Identifier(str(schema), str(table)))
        row = connection.execute(statement).fetchone()
        assert row is not None
        found[f"{schema}.{table}"] = TableSum(rows=int(str(row[0])), checksum=str(row[1]))
    return found


def dump(url: str, target: Path, *, snapshot_id: str) -> None:
    """The snapshot as a file for pg_restore. The wheel's own program: it reads servers up to its own version."""
    _run(
        "pg_dump",
        url,
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot_id}",
        *[f"--schema={name}" for name in SCHEMAS],
        f"--file={target}",
        what="The database can't be dumped",
    )


def load(url: str, source: Path) -> None:
    """Puts a dump into an empty database. Raises Conflict when there are tables already, Unavailable when it fails."""
    with _connected(url) as connection:
        if connection.execute(_TABLES, [list(SCHEMAS)]).fetchone() is not None:
            raise Conflict("The database to restore into holds tables already; give an empty one.")
        connection.execute("CREATE SCHEMA IF NOT EXISTS engine")
        connection.execute("DROP SCHEMA engine")
        connection.commit()
    # The schema public is in every new database, and the dump would make it again.
    _run(
        "pg_restore",
        url,
        "--no-owner",
        "--no-privileges",
        "--exit-on-error",
        "--single-transaction",
        "--clean",
        "--if-exists",
        str(source),
        what="The database can't be restored",
    )


def compare(url: str, expected: dict[str, TableSum]) -> list[str]:
    """The tables whose rows are not what the manifest says, as sentences; empty when all are."""
    with _connected(url) as connection:
        found = sums(connection)
        connection.rollback()
    return [
        f"{name}: {found[name].rows if name in found else 'no'} rows, {expected[name].rows if name in expected else 'no'} expected"
        for name in sorted(expected | found)
        if found.get(name) != expected.get(name)
    ]


def revision(connection: psycopg.Connection[tuple[object, ...]]) -> str:
    """The schema's revision. Raises Unavailable when nothing was migrated yet."""
    if connection.execute("SELECT to_regclass('public.alembic_version')").fetchone() == (None,):
        raise Unavailable("The database is empty; there is nothing to back up.")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return str(row[0])


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    # The text of a row must not depend on the server's or the person's settings.
    options = "-c timezone=UTC -c search_path=public -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex"
    try:
        connection = psycopg.connect(plain_url(url), options=options, application_name="patterndesk backup")
    except psycopg.OperationalError as error:
        raise Unavailable(
            "The database cannot be reached; check that it runs and that its address is right."
        ) from error
    with connection:
        yield connection


def _run(program: str, url: str, *arguments: str, what: str) -> None:
    """One of the wheel's programs. The password goes by the environment, never by the process table."""
    address, password = _without_password(plain_url(url))
    env = environment() | ({"PGPASSWORD": password} if password else {})
    ended = subprocess.run(
        [str(binary(program)), f"--dbname={address}", *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        lines = [line for line in ended.stderr.splitlines() if "error:" in line] or ended.stderr.splitlines()
        log.error("backup_program_failed", program=program, output=ended.stderr[-2000:])
        raise Unavailable(f"{what}: {(lines or ['it gave no reason'])[0].rstrip('.')[:300]}.")


def _without_password(url: str) -> tuple[str, str | None]:
    parts = urlsplit(url)
    if parts.password is None:
        return url, None
    user, host = parts.netloc.rsplit("@", 1)
    return parts._replace(netloc=f"{user.split(':', 1)[0]}@{host}").geturl(), unquote(parts.password)
