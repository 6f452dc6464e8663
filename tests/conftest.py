"""Databases for the tests: one server, one migrated template, cheap clones of it.

The server is DATABASE_URL's when that is set (its account must be allowed to create databases; only databases named
`pd_template_*` and `pd_test_*` are made and dropped), else an embedded one in a temporary folder. Under pytest-xdist
the controller runs it and the workers get its address.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.database import embedded
from services.database.engine import engine_for, plain_url, sqlalchemy_url
from services.database.migrate import upgrade

# Tests meet nobody's real key or gateway, whatever the machine's environment holds.
for _name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE_"))]:
    del os.environ[_name]

# No deadline: the machine may be busy with the other half of the tests. CI tries the same examples each time.
hypothesis.settings.register_profile(
    "patterndesk", deadline=None, derandomize=bool(os.environ.get("CI")), suppress_health_check=[HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patterndesk")

# The data lives for one run, so nothing needs to reach the disk.
FLEETING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}

# Folders whose tests share what is costly to make: a desk for all of them, or what each process builds once.
TOGETHER, BY_FILE = ("tests/browser/",), ("tests/worker/",)


@dataclass
class Databases:
    """Where the tests' databases are. `folder` and `server` only in the process that started the embedded one."""

    url: str
    template: str
    server: embedded.EmbeddedServer | None = None
    folder: Path | None = None

    @classmethod
    def prepare(cls) -> Databases:
        template = f"pd_template_{secrets.token_hex(4)}"
        given = os.environ.get("DATABASE_URL")
        if given:
            return cls(sqlalchemy_url(given), template)
        folder = Path(tempfile.mkdtemp(prefix="pd-test-"))
        folder.chmod(0o755)  # the server may run as another account
        server = embedded.start(folder, settings=FLEETING)
        return cls(server.url, template, server, folder)

    def address(self, name: str) -> str:
        """The address of another database on the same server."""
        address, found = re.subn(r"^([^:]+://[^/?]*)(/[^?]*)?", rf"\1/{name}", self.url, count=1)
        assert found
        return address

    @contextmanager
    def administration(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(plain_url(self.url), autocommit=True) as connection:
            yield connection

    def clone(self) -> str:
        """A new database with the template's tables; its name."""
        name = f"pd_test_{secrets.token_hex(6)}"
        with self.administration() as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(self.template)))
        return name

    def drop(self, name: str) -> None:
        with self.administration() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def make_template(self) -> None:
        """Migrate the template to head, once for all processes of this run."""
        with self.administration() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [self.template])
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.template]).fetchone():
                return
            name = sql.Identifier(self.template)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            try:
                upgrade(self.address(self.template))
                # A template can only be cloned while nobody is connected to it.
                connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name))
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.template]
                )
            except BaseException:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
                raise

    def finish(self) -> None:
        if self.server is None:
            self.drop(self.template)
        else:
            self.server.stop()
        if self.folder is not None:
            shutil.rmtree(self.folder)


DATABASES = pytest.StashKey[Databases]()


def _prepared(config: pytest.Config) -> Databases:
    """This run's databases: the controller's in an xdist worker, else made at the first use."""
    if DATABASES not in config.stash:
        given: dict[str, str] | None = getattr(config, "workerinput", None)
        config.stash[DATABASES] = Databases(given["url"], given["template"]) if given else Databases.prepare()
    return config.stash[DATABASES]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller, before a worker starts."""
    databases = _prepared(node.config)
    node.workerinput |= {"url": databases.url, "template": databases.template}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps each folder of TOGETHER, and each file of BY_FILE, in one process.

    The marks that say so (`xdist_group`) have no effect by themselves: pytest 9.2 keeps the ids of tests elsewhere than
    pytest-xdist 3.8 writes the group to.
    """
    from xdist.scheduler import LoadGroupScheduling

    class ByPlace(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(BY_FILE):
                return nodeid.split("::", 1)[0]
            own = super()._split_scope(nodeid)
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), own)

    return ByPlace(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_unconfigure(config: pytest.Config) -> None:
    databases = config.stash.get(DATABASES, None)
    if databases is not None and not hasattr(config, "workerinput"):
        databases.finish()


@pytest.fixture(scope="session")
def databases(pytestconfig: pytest.Config) -> Databases:
    return _prepared(pytestconfig)


@pytest.fixture(scope="session")
def server_url(databases: Databases) -> str:
    """The address of the server's own database, for what needs no tables of ours."""
    return databases.url


@pytest.fixture(scope="session")
def template_database(databases: Databases) -> str:
    """The name of a database at head that nobody may connect to, to be cloned."""
    databases.make_template()
    return databases.template


@pytest.fixture(scope="session")
def database_url(databases: Databases, template_database: str) -> Iterator[str]:
    """The address of this process's database at head. What a test writes there outside `session` stays for the others."""
    name = databases.clone()
    yield databases.address(name)
    databases.drop(name)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    """The product's engine on `database_url`."""
    engine = engine_for(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session whose commits are savepoints of one transaction that is rolled back after the test."""
    with engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        transaction.rollback()


@pytest.fixture
def clone_url(databases: Databases, template_database: str) -> Iterator[str]:
    """The address of a database at head for this test alone, for tests that need several connections."""
    name = databases.clone()
    yield databases.address(name)
    databases.drop(name)


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    """The address of an empty database for this test alone, for tests of the migrations."""
    name = f"pd_test_{secrets.token_hex(6)}"
    with databases.administration() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield databases.address(name)
    databases.drop(name)
