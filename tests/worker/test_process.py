"""The worker as a process: what it needs to start, and what its log tells."""

from __future__ import annotations

import json

import psycopg
import pytest

from services.database.engine import plain_url
from services.database.queue import SCHEMA
from tests.support.installation import Installation
from tests.support.processes import eventually


def test_a_worker_without_its_schema_ends_with_a_sentence(new_installation: Installation, empty_url: str) -> None:
    worker = new_installation.worker(DATABASE_URL=empty_url)
    assert worker.ended()
    assert worker.said() == "The database is empty; run 'patterndesk migrate'.\n"


@pytest.mark.long
def test_a_worker_on_a_newer_schema_ends_with_a_sentence(new_installation: Installation) -> None:
    new_installation.sql("UPDATE alembic_version SET version_num = '9999'")
    worker = new_installation.worker()
    assert worker.ended()
    assert "is newer than this app" in worker.said()
    assert worker.said().count("\n") == 1


@pytest.mark.long
def test_a_worker_without_the_engines_tables_ends_with_a_sentence(new_installation: Installation) -> None:
    with psycopg.connect(plain_url(new_installation.url), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    worker = new_installation.worker()
    assert worker.ended()
    assert "lacks the tables of the execution engine" in worker.said()


def test_a_worker_ends_when_its_database_connection_is_gone(new_installation: Installation) -> None:
    """It can't know any more whether its runs are still its own."""
    worker = new_installation.worker()
    named = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'worker %%' AND datname = current_database()"
    assert eventually(lambda: new_installation.sql(named))
    new_installation.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s", new_installation.sql(named)[0][0]
    )
    assert worker.ended()


def test_only_our_own_lines_are_in_the_log_of_a_run(new_installation: Installation) -> None:
    """No line of the engine's own, no address of the database, no traceback."""
    installation = new_installation
    worker = installation.worker()
    found = installation.run(installation.workspace_id())
    lines = [json.loads(line) for line in (installation.root / "logs" / "worker.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["worker_started"]
    assert len(worker.said().splitlines()) == 1
    for text in (worker.said(), (installation.root / "logs" / "worker.jsonl").read_text()):
        assert "postgresql" not in text
        assert "socket" not in text
    ((key,),) = installation.sql("SELECT log_key FROM claude_executions WHERE id = %s", found.row.id)
    stored = (installation.root / "storage" / key).read_text()
    for phase in ("planning", "implementing", "testing", "refining", "deploying"):
        assert f"== {phase} (attempt 1)" in stored
    assert "passed" in stored
    assert str(installation.root) not in stored
