"""The live schema holds every field, value, default, key and index that the design documents ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from services.database import migrate
from tests.support import seed_schema as seed
from tests.support.databases import NewDatabase, engine_of

pytestmark = pytest.mark.migration


@pytest.fixture(scope="module")
def live(new_database: NewDatabase) -> Iterator[Connection]:
    """A connection to a database at head."""
    url = new_database()
    migrate.upgrade(url, with_engine=False)
    with engine_of(url).connect() as connection:
        yield connection


def test_the_lists_are_of_the_seeds_length() -> None:
    counts = {table: len(listed.strip().splitlines()) for table, listed in seed.SEED_COLUMNS.items()}
    assert counts == {
        "pattern_workspaces": 22,
        "workspace_messages": 15,
        "claude_executions": 26,
        "pattern_sessions": 1,
        "feedback_items": 3,
    }
    assert len(set(seed.SEED_MESSAGE_TYPES)) == 20


@pytest.mark.parametrize("column", seed.columns(), ids=lambda c: f"{c.table}.{c.name}")
def test_a_column_has_its_type_nullability_and_default(live: Connection, column: seed.Column) -> None:
    row = live.execute(
        text(
            "SELECT udt_name, is_nullable = 'YES' AS nullable, column_default FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = :table AND column_name = :name"
        ),
        {"table": column.table, "name": column.name},
    ).one_or_none()
    assert row is not None, "the column is missing"
    kind = f"{row.udt_name[1:]}[]" if row.udt_name.startswith("_") else row.udt_name
    found = seed.Column(column.table, column.name, kind, row.nullable, _plain(row.column_default))
    assert found == column


def _plain(default: str | None) -> str | None:
    """A default without quotes and casts."""
    return (
        None
        if default is None
        else re.sub(r"::[a-z]+(?: precision)?(?:\[\])?", "", default).strip("'()")
        + ("()" if default == "now()" else "")
    )


@pytest.mark.parametrize("table", sorted({**seed.SEED_COLUMNS, **seed.OUR_COLUMNS}))
def test_a_table_has_a_primary_key(live: Connection, table: str) -> None:
    keys = live.scalar(
        text("SELECT count(*) FROM pg_constraint WHERE conrelid = to_regclass(:t) AND contype = 'p'"), {"t": table}
    )
    assert keys == 1


INDEX = """
SELECT i.indisunique, pg_get_expr(i.indpred, i.indrelid) AS condition,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) k ORDER BY k) AS columns
FROM pg_index i WHERE i.indrelid = to_regclass(:table) AND i.indisvalid
"""


def _indexes(live: Connection, table: str, columns: tuple[str, ...]) -> list[tuple[bool, str | None]]:
    rows = live.execute(text(INDEX), {"table": table}).all()
    return [(row.indisunique, row.condition) for row in rows if tuple(row.columns) == columns]


@pytest.mark.parametrize(("table", "columns"), seed.INDEXES)
def test_an_index_is_there(live: Connection, table: str, columns: tuple[str, ...]) -> None:
    assert (False, None) in _indexes(live, table, columns)


@pytest.mark.parametrize(("table", "columns"), seed.UNIQUE)
def test_a_key_is_unique(live: Connection, table: str, columns: tuple[str, ...]) -> None:
    assert (True, None) in _indexes(live, table, columns)


@pytest.mark.parametrize(("table", "columns", "words"), seed.PARTIAL_UNIQUE)
def test_a_key_is_unique_where_a_condition_holds(
    live: Connection, table: str, columns: tuple[str, ...], words: tuple[str, ...]
) -> None:
    conditions = [condition for unique, condition in _indexes(live, table, columns) if unique and condition]
    assert len(conditions) == 1
    assert set(re.findall(r"'(\w+)'", conditions[0])) == set(words)


def test_an_address_belongs_to_one_person_in_any_case(live: Connection) -> None:
    assert (True, None) in _indexes(live, "users", ("lower(email)",))


@pytest.mark.parametrize(("column", "referred", "on_delete"), seed.FOREIGN_KEYS)
def test_a_foreign_key_refers_and_deletes_as_asked(
    live: Connection, column: str, referred: str, on_delete: str
) -> None:
    rows = live.execute(
        text(
            "SELECT c.confrelid::regclass::text, c.confdeltype::text, c.convalidated FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ALL (c.conkey) "
            "WHERE c.contype = 'f' AND c.conrelid = to_regclass(:table) AND a.attname = :name"
        ),
        dict(zip(("table", "name"), column.split("."), strict=True)),
    ).all()
    assert [tuple(row) for row in rows] == [(referred, on_delete, True)]


def _checks(live: Connection, column: str) -> list[str]:
    rows = live.scalars(
        text(
            "SELECT pg_get_constraintdef(c.oid) FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ALL (c.conkey) "
            "WHERE c.contype = 'c' AND c.convalidated AND c.conrelid = to_regclass(:table) AND a.attname = :name"
        ),
        dict(zip(("table", "name"), column.split("."), strict=True)),
    ).all()
    return [*rows]


@pytest.mark.parametrize("column", sorted(seed.VALUES))
def test_a_check_holds_the_values_and_no_other(live: Connection, column: str) -> None:
    lists = [set(re.findall(r"'(\w+)'::text", check)) for check in _checks(live, column) if "ANY" in check]
    assert lists == [set(seed.VALUES[column])]


@pytest.mark.parametrize("column", seed.PROGRESS)
def test_progress_is_0_to_100(live: Connection, column: str) -> None:
    assert any(">= 0" in check and "<= 100" in check for check in _checks(live, column))


def test_the_old_implementation_sessions_are_marked_deprecated(live: Connection) -> None:
    comment = live.scalar(text("SELECT obj_description('implementation_sessions'::regclass, 'pg_class')"))
    assert str(comment).startswith("deprecated")
