"""Empty databases for this folder's tests, and a storage of their own beside them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from psycopg import sql

from services.settings import get_settings
from tests.support.databases import Databases, NewDatabase


@pytest.fixture(scope="module")
def new_database(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """Makes empty databases; they and what they store go when the module's tests end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"pd_test_{secrets.token_hex(6)}")
        with databases.administration() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(made[-1])))
        return databases.address(made[-1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_URL", str(tmp_path_factory.mktemp("storage")))
        get_settings.cache_clear()
        yield make
    get_settings.cache_clear()
    for name in made:
        databases.drop(name)


@pytest.fixture
def database(new_database: NewDatabase) -> str:
    """The address of an empty database for this test alone."""
    return new_database()
