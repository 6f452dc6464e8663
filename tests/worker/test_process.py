"""The worker as a process: what it needs to start, and what its log tells."""

from __future__ import annotations

import json

import psycopg

from services.database.engine import plain_url
from services.database.queue import SCHEMA
from tests.worker.house import House
from tests.worker.processes import eventually


def test_a_worker_without_its_schema_ends_with_a_sentence(new_house: House, empty_url: str) -> None:
    worker = new_house.worker(DATABASE_URL=empty_url)
    assert worker.ended()
    assert worker.said() == "The database is empty; run 'patterndesk migrate'.\n"


def test_a_worker_on_a_newer_schema_ends_with_a_sentence(new_house: House) -> None:
    new_house.sql("UPDATE alembic_version SET version_num = '9999'")
    worker = new_house.worker()
    assert worker.ended()
    assert "is newer than this app" in worker.said()
    assert worker.said().count("\n") == 1


def test_a_worker_without_the_engines_tables_ends_with_a_sentence(new_house: House) -> None:
    with psycopg.connect(plain_url(new_house.url), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    worker = new_house.worker()
    assert worker.ended()
    assert "lacks the tables of the execution engine" in worker.said()


def test_a_worker_ends_when_its_database_connection_is_gone(new_house: House) -> None:
    """It can't know any more whether its runs are still its own."""
    worker = new_house.worker()
    named = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'worker %%' AND datname = current_database()"
    assert eventually(lambda: new_house.sql(named))
    new_house.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s", new_house.sql(named)[0][0])
    assert worker.ended()


def test_the_log_of_a_run_is_ours_alone(new_house: House) -> None:
    """No line of the engine's own, no address of the database, no traceback."""
    house = new_house
    worker = house.worker()
    found = house.run(house.workspace_id())
    lines = [json.loads(line) for line in (house.root / "logs" / "worker.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["worker_started"]
    assert len(worker.said().splitlines()) == 1
    for text in (worker.said(), (house.root / "logs" / "worker.jsonl").read_text()):
        assert "postgresql" not in text
        assert "socket" not in text
    ((key,),) = house.sql("SELECT log_key FROM claude_executions WHERE id = %s", found.row.id)
    stored = (house.root / "storage" / key).read_text()
    for phase in ("planning", "implementing", "testing", "refining", "deploying"):
        assert f"== {phase} (attempt 1)" in stored
    assert "passed" in stored
    assert str(house.root) not in stored
