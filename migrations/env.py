"""How Alembic reaches the database. `services.database.migrate` hands over a connection; the command line asks the
settings for one. Each migration commits alone, and an advisory lock keeps two processes from migrating at once."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from services.database.engine import database_url
from services.models import Base

MIGRATION_LOCK = 5_207_441_163  # any number that nothing else in this database locks on
LOCK_TIMEOUT = "10s"  # a migration that waits for a table gives up rather than hold everybody behind it
OTHERS_SCHEMAS = frozenset({"engine"})  # kept by the engine of executions, which migrates it itself


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    return not (kind == "schema" and name in OTHERS_SCHEMAS)


def run(connection: Connection) -> None:
    """Migrate under the lock. The wait for the lock has no timeout: whoever holds it is at work on the same thing."""
    connection.execute(text("SET lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=include_name,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        connection.commit()


if context.is_offline_mode():
    raise SystemExit("The migrations look at the data they move, so they need a database; --sql has none.")
given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with create_engine(database_url(), poolclass=NullPool).connect() as own:
        run(own)
