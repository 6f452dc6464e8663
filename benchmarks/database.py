"""The database that is measured: a fresh embedded server with the product's own settings, or DATABASE_URL."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads
from pydantic_core import from_json

from services.database import embedded
from services.database.engine import CONNECT_ARGS, engine_for, plain_url, sqlalchemy_url
from services.database.migrate import upgrade


@contextmanager
def fresh_database() -> Iterator[str]:
    """The address of an empty database at the newest schema; gone when the block ends.

    With DATABASE_URL it is a new database on that server, else one on an embedded server that starts for it with the
    defaults: fsync, full_page_writes and synchronous_commit are on.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        yield from _on_server(sqlalchemy_url(given))
        return
    folder = Path(tempfile.mkdtemp(prefix="patterndesk-bench-"))
    folder.chmod(0o755)  # the server may run as another account
    try:
        with embedded.start(folder) as server:
            upgrade(server.url)
            yield server.url
            engine_for(server.url).dispose()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on_server(url: str) -> Iterator[str]:
    name = f"pd_bench_{secrets.token_hex(4)}"
    address = re.sub(r"^([^:]+://[^/?]*)(/[^?]*)?", rf"\1/{name}", url, count=1)
    with psycopg.connect(plain_url(url), autocommit=True) as administration:
        administration.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            upgrade(address)
            yield address
            engine_for(address).dispose()
        finally:
            administration.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def connect(url: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A plain psycopg connection with the same settings as the product's own; statements are prepared at once."""
    connection = psycopg.connect(plain_url(url), autocommit=autocommit, prepare_threshold=0, **CONNECT_ARGS)
    set_json_loads(from_json, connection)
    return connection


SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_sync_method", "jit")


def facts(url: str) -> dict[str, str]:
    """The server's version and the settings that matter for the figures."""
    with connect(url, autocommit=True) as connection:
        found = {name: str(_one(connection, f"SHOW {name}")) for name in SETTINGS}
        return {"version": str(_one(connection, "SHOW server_version")), **found}


def _one(connection: psycopg.Connection[Any], statement: str) -> Any:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]
