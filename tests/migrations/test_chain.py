"""The chain as a whole: it makes what the models say, both ways, once, and says where a database stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import alembic.util
import pytest
from sqlalchemy import Connection, text

from services.database import migrate
from services.errors import Conflict, Unavailable
from services.models import Base
from tests.support.databases import NewDatabase, engine_of
from tests.support.old_data import uid

pytestmark = pytest.mark.migration

COLUMNS = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL'
       ELSE '' END || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
"""
CONSTRAINTS = """
SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n'
AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
COMMENTS = """
SELECT c.relname, obj_description(c.oid, 'pg_class') FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
"""


def schema(url: str) -> dict[str, Any]:
    """Everything that the catalog knows about the tables, but for the order of columns."""
    with engine_of(url).connect() as connection:
        return {
            key: value for sql in (COLUMNS, CONSTRAINTS, INDEXES, COMMENTS) for key, value in _pairs(connection, sql)
        }


def _pairs(connection: Connection, sql: str) -> list[tuple[str, Any]]:
    kind = sql.split()[1]
    return [(f"{kind} {name}", value) for name, value in connection.execute(text(sql)).all()]


def test_the_migrations_make_the_tables_of_the_models(new_database: NewDatabase) -> None:
    migrated, modelled = new_database(), new_database()
    migrate.upgrade(migrated)
    with engine_of(modelled).begin() as connection:
        Base.metadata.create_all(connection)
    assert schema(migrated) == schema(modelled)
    migrate.check(migrated)
    with engine_of(migrated).begin() as connection:
        connection.execute(text("DROP INDEX ix_feedback_items_open"))
    with pytest.raises(alembic.util.CommandError):
        migrate.check(migrated)


@pytest.mark.long
def test_every_migration_goes_down_and_up_again(database: str) -> None:
    steps = migrate.chain()
    assert (steps[0], steps[-1]) == ("0001", migrate.head())
    seen = {}
    for step in steps:
        migrate.upgrade(database, step, with_engine=False)
        seen[step] = schema(database)
    for step in reversed(steps[:-1]):
        migrate.downgrade(database, step)
        found = {key: str(value).removesuffix(" NOT VALID") for key, value in schema(database).items()}
        assert found == {key: str(value).removesuffix(" NOT VALID") for key, value in seen[step].items()}, step
    migrate.downgrade(database, "base")
    assert schema(database) == {}
    assert migrate.current(database) is None
    migrate.upgrade(database, with_engine=False)
    assert schema(database) == seen[steps[-1]]


MIGRATE = """
import json, sys, time
from services.database import migrate
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(sys.argv[1])
print(json.dumps(migrate.readiness(sys.argv[1])))
"""


def test_two_processes_that_migrate_at_once_wait_for_each_other(database: str) -> None:
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, database],
            cwd=root,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=900)
        assert process.returncode == 0, err
        assert json.loads(out) is None
    with engine_of(database).connect() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [migrate.head()]


def test_a_second_upgrade_runs_nothing(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="alembic"):
        migrate.upgrade(database)
        assert "Running upgrade" in caplog.text
        caplog.clear()
        migrate.upgrade(database)
    assert "Running upgrade" not in caplog.text


def test_readiness_says_in_one_sentence_where_a_database_stands(database: str) -> None:
    assert migrate.readiness(database) == "The database is empty; run 'patterndesk migrate'."
    migrate.upgrade(database, "0003")
    assert migrate.readiness(database) == (
        f"The database is at revision 0003, this app needs {migrate.head()}; run 'patterndesk migrate'."
    )
    migrate.upgrade(database, with_engine=False)
    assert migrate.readiness(database) == (
        "The database lacks the tables of the execution engine; run 'patterndesk migrate'."
    )
    migrate.upgrade(database)
    assert migrate.readiness(database) is None
    with engine_of(database).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    newer = f"The database is at revision 9999, which is newer than this app ({migrate.head()}); update the app."
    assert migrate.readiness(database) == newer
    with pytest.raises(Unavailable, match="newer than this app"):
        migrate.upgrade(database)
    with pytest.raises(Unavailable, match="newer than this app"):
        migrate.downgrade(database, "0001")


def test_a_database_that_is_away_gets_a_sentence(tmp_path: Path) -> None:
    away = f"postgresql://postgres@/nowhere?host={tmp_path}&port=5999"
    assert (
        migrate.readiness(away) == "The database cannot be reached; check that it runs and that its address is right."
    )
    for attempt in (migrate.upgrade, migrate.current, migrate.migrate_engine, migrate.check):
        with pytest.raises(Unavailable, match="cannot be reached"):
            attempt(away)


def test_the_engine_has_its_own_schema_in_the_same_database(database: str) -> None:
    migrate.upgrade(database)
    with engine_of(database).connect() as connection:
        schemas = connection.scalars(
            text("SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_name = 'workflow_status'")
        ).all()
    assert schemas == ["engine"]


def test_two_people_with_one_address_stop_the_migration_before_it_touches_them(database: str) -> None:
    migrate.upgrade(database, "0001")
    with engine_of(database).begin() as connection:
        for number, email in ((1, "ana@example.com"), (2, "Ana@Example.com")):
            connection.execute(
                text("INSERT INTO users (id, email, name) VALUES (:id, :email, 'Ana')"),
                {"id": uid(1, number), "email": email},
            )
    with pytest.raises(Conflict, match=r"Ana@Example\.com and ana@example\.com"):
        migrate.upgrade(database)
    assert migrate.current(database) == "0004"
    with engine_of(database).begin() as connection:
        assert [*connection.execute(text("SELECT * FROM users")).keys()] == ["id", "email", "name", "image", "role"]
        connection.execute(text("UPDATE users SET email = 'ana2@example.com' WHERE email = 'Ana@Example.com'"))
    migrate.upgrade(database, with_engine=False)
    assert migrate.current(database) == migrate.head()
