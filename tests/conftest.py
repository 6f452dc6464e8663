"""What all tests share: databases cloned from one migrated template, and which tests run in one process.

The server is DATABASE_URL's when that is set (its account must be allowed to create databases; only databases named
`pd_template_*` and `pd_test_*` are made and dropped), else an embedded one in a temporary folder. Under pytest-xdist
the controller runs it and the workers get its address.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.database.engine import engine_for
from tests.support.databases import Databases
from tests.support.durations import DurationsTable, Meter
from tests.support.logging_state import kept_logging

# Tests meet nobody's real key or gateway, whatever the machine's environment holds.
for _name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "CLAUDE_"))]:
    del os.environ[_name]
# The gate is real but small here; `python -m tests.detectors.corpus` runs the full one.
os.environ["GATE_PROFILE"] = "small"
# What an approval needs, so that tests judge ten places and not thirty; tests of policies set their own.
os.environ |= {"MIN_JUDGED_MARKS": "10", "MIN_UNSEEN_MARKS": "0"}

# No deadline: the machine may be busy with the other half of the tests. CI tries more examples, the same each time.
hypothesis.settings.register_profile(
    "patterndesk",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    max_examples=100 if os.environ.get("CI") else 40,
    suppress_health_check=[HealthCheck.too_slow],
)
hypothesis.settings.load_profile("patterndesk")

# What shares something that is costly to make (a server, a journey through the screens): one process runs all of it.
TOGETHER = {
    "journey": (
        "tests/browser/test_whole_loop.py",
        "tests/browser/test_looks.py",
        "tests/browser/test_fresh_server.py",
    ),
    "web": ("tests/web/",),
}
# Below these each file makes what its tests share: one process runs the file.
BY_FILE = (
    "tests/browser/", "tests/pages/", "tests/agents/", "tests/database/", "tests/detectors/", "tests/migrations/",
    "tests/services/test_exports.py", "tests/services/test_explain.py",
)  # fmt: skip
# What is long or waits comes first, so that the short tests of the database fill the end of every process.
FIRST = ("tests/browser/", "tests/web/", "tests/worker/", "tests/agents/", "tests/pages/", "tests/detectors/")

NEEDED = "the extra `claude`, bubblewrap, socat and user namespaces"

DATABASES = pytest.StashKey[Databases]()


def _prepared(config: pytest.Config) -> Databases:
    """This run's databases: the controller's in an xdist worker, else made at the first use."""
    if DATABASES not in config.stash:
        given: dict[str, str] | None = getattr(config, "workerinput", None)
        config.stash[DATABASES] = (
            Databases(given["url"], given["template"], Path(given["shared"])) if given else Databases.prepare()
        )
    return config.stash[DATABASES]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--durations-table", type=Path, help="write what each test took to this file, in Markdown")


def pytest_configure(config: pytest.Config) -> None:
    path: Path | None = config.getoption("--durations-table")
    if path is not None:
        config.pluginmanager.register(Meter())
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(DurationsTable(path))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist, in the controller, before a worker starts."""
    databases = _prepared(node.config)
    node.workerinput |= {"url": databases.url, "template": databases.template, "shared": str(databases.shared)}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keeps each folder of TOGETHER, and each file of BY_FILE, in one process.

    The marks that say so (`xdist_group`) have no effect by themselves: pytest 9.2 keeps the ids of tests elsewhere than
    pytest-xdist 3.8 writes the group to.
    """
    from xdist.scheduler import LoadGroupScheduling

    config.option.loadscopereorder = False  # the order of FIRST is meant

    class ByPlace(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            together = next((name for name, places in TOGETHER.items() if nodeid.startswith(places)), None)
            if together or not nodeid.startswith(BY_FILE):
                return together or super()._split_scope(nodeid)
            return nodeid.split("::", 1)[0]

    return ByPlace(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))

    items.sort(key=place)


def pytest_unconfigure(config: pytest.Config) -> None:
    databases = config.stash.get(DATABASES, None)
    if databases is not None and not hasattr(config, "workerinput"):
        databases.finish()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command called in one test must not silence the logs that a later test of the same process reads."""
    with kept_logging():
        yield


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


@pytest.fixture(scope="session")
def confined() -> None:
    """Skips loudly where the agent can't be shut in; in CI it has to be."""
    from services.agents.claude import confinement

    reason = confinement.missing()
    if reason is None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"CI needs {NEEDED}: {reason}")
    pytest.skip(f"NOT TESTED, needs {NEEDED}: {reason}")
