"""The server and the template that all processes of a test run share, and cheap clones of the template."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from services.database import embedded
from services.database.engine import plain_url, sqlalchemy_url
from services.database.migrate import upgrade

# The data lives for one run, so nothing needs to reach the disk.
FLEETING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}

NewDatabase = Callable[[], str]


@dataclass
class Databases:
    """Where the tests' databases are, and a folder that all processes of the run share.

    `folder` and `server` only in the process that started the embedded one.
    """

    url: str
    template: str
    shared: Path
    server: embedded.EmbeddedServer | None = None
    folder: Path | None = None

    @classmethod
    def prepare(cls) -> Databases:
        template = f"pd_template_{secrets.token_hex(4)}"
        shared = Path(tempfile.mkdtemp(prefix="pd-shared-"))
        given = os.environ.get("DATABASE_URL")
        if given:
            return cls(sqlalchemy_url(given), template, shared)
        folder = Path(tempfile.mkdtemp(prefix="pd-test-"))
        folder.chmod(0o755)  # the server may run as another account
        server = embedded.start(folder, settings=FLEETING)
        return cls(server.url, template, shared, server, folder)

    def address(self, name: str) -> str:
        """The address of another database on the same server."""
        address, found = re.subn(r"^([^:]+://[^/?]*)(/[^?]*)?", rf"\1/{name}", self.url, count=1)
        assert found
        return address

    @contextmanager
    def administration(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(plain_url(self.url), autocommit=True) as connection:
            yield connection

    def clone(self, source: str | None = None) -> str:
        """A new database with the tables and rows of `source` (else of the template); its name."""
        name = f"pd_test_{secrets.token_hex(6)}"
        with self.administration() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(source or self.template)))
        return name

    def drop(self, name: str) -> None:
        with self.administration() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def alone(self, what: str) -> Iterator[psycopg.Connection[Any]]:
        """One process of the run at a time; the others wait for it."""
        with self.administration() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"{self.template} {what}"])
            yield connection

    def close_for_all(self, name: str) -> None:
        """Nobody may connect from now on: a database can only be cloned while nobody is in it."""
        with self.administration() as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    def make_template(self) -> None:
        """Migrate the template to head, once for all processes of this run."""
        with self.alone("template") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.template]).fetchone():
                return
            name = sql.Identifier(self.template)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            try:
                upgrade(self.address(self.template))
                self.close_for_all(self.template)
            except BaseException:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
                raise

    def finish(self) -> None:
        if self.server is None:
            self.drop(self.template)
        else:
            self.server.stop()
        shutil.rmtree(self.shared, ignore_errors=True)
        if self.folder is not None:
            shutil.rmtree(self.folder)


def engine_of(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)
