"""The pool lets no dead connection out, asks live ones nothing, and calls readers after the commit alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, OperationalError

from services.database import engine as engines
from services.database import notes
from services.database.engine import engine_for, is_unreachable, plain_url, transaction
from services.database.rows import fetch, fetch_together


@pytest.fixture
def pooled(clone_url: str) -> Iterator[Engine]:
    engine = engine_for(clone_url)
    yield engine
    engine.dispose()


@pytest.fixture
def other(clone_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(plain_url(clone_url), autocommit=True) as connection:
        yield connection


def pid(engine: Engine) -> int:
    with transaction(engine) as session:
        return int(fetch(session, "SELECT pg_backend_pid()")[0][0])


def cut_all(other: psycopg.Connection[Any]) -> None:
    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def test_a_connection_that_the_server_ended_is_never_handed_out(pooled: Engine, other: psycopg.Connection[Any]) -> None:
    with pooled.connect(), pooled.connect(), pooled.connect():
        pass  # three in the pool
    before = pid(pooled)
    cut_all(other)
    for _ in range(5):
        assert pid(pooled) != before


def test_a_live_connection_is_asked_only_after_a_pause(pooled: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pid(pooled)
    asked: list[object] = []
    plain = psycopg.Connection.execute

    def noting(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> psycopg.Cursor[Any]:
        asked.append(arguments[0])
        return plain(connection, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "execute", noting)
    assert pid(pooled) == first and asked == []
    monkeypatch.setattr(engines, "PING_AFTER", 0.0)
    assert pid(pooled) == first and asked == ["SELECT 1"]


def test_a_cut_inside_a_transaction_is_told_from_a_fault_of_ours(
    pooled: Engine, other: psycopg.Connection[Any]
) -> None:
    with pytest.raises(OperationalError) as cut, transaction(pooled) as session:
        fetch(session, "SELECT 1")
        cut_all(other)
        fetch(session, "SELECT 1")
    assert is_unreachable(cut.value)
    with pytest.raises(DataError) as fault, transaction(pooled) as session:
        fetch(session, "SELECT 1/0")
    assert not is_unreachable(fault.value)
    assert pid(pooled)


def test_a_lock_that_is_waited_for_too_long_is_told_alike_by_both_ways_to_the_database(
    pooled: Engine, other: psycopg.Connection[Any]
) -> None:
    other.execute("CREATE TABLE locked (n int)")
    other.execute("INSERT INTO locked VALUES (1)")
    with other.transaction():
        other.execute("SELECT n FROM locked FOR UPDATE")
        for by_hand in (True, False):
            with pytest.raises(OperationalError) as late, transaction(pooled) as session:
                session.execute(text("SET LOCAL lock_timeout = '20ms'"))
                if by_hand:
                    fetch(session, "SELECT n FROM locked FOR UPDATE")
                session.execute(text("SELECT n FROM locked FOR UPDATE"))
            assert isinstance(late.value.orig, psycopg.errors.LockNotAvailable)
            assert not is_unreachable(late.value)


def test_several_queries_in_one_round_trip_and_a_fault_in_one(pooled: Engine) -> None:
    with transaction(pooled) as session:
        found = fetch_together(
            session, [("SELECT %(a)s::int", {"a": 1}), ("SELECT n FROM generate_series(1, 3) n", {})]
        )
        assert found == [[(1,)], [(1,), (2,), (3,)]]
    with pytest.raises(DataError), transaction(pooled) as session:
        fetch_together(session, [("SELECT 1/0", {}), ("SELECT 1", {})])
    with transaction(pooled) as session:  # the same connection and cursors go on
        assert fetch(session, "SELECT 2") == [(2,)]


def test_readers_are_called_once_after_the_commit(pooled: Engine, other: psycopg.Connection[Any]) -> None:
    other.execute("LISTEN tested")
    with transaction(pooled) as session:
        session.execute(text("SELECT 1"))
        for payload in ("it's", "it's", "two"):
            notes.keep(session, "tested", payload)
        assert list(other.notifies(timeout=0.2)) == []
    assert [note.payload for note in other.notifies(timeout=5, stop_after=2)] == ["it's", "two"]
    with pytest.raises(ZeroDivisionError), transaction(pooled) as session:
        notes.keep(session, "tested", "never")
        raise ZeroDivisionError
    assert list(other.notifies(timeout=0.2)) == []


def test_a_call_that_fails_leaves_the_commit_alone(pooled: Engine, other: psycopg.Connection[Any]) -> None:
    other.execute("CREATE TABLE kept (n int)")
    with transaction(pooled) as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
        notes.keep(session, "tested", "x" * 10_000)  # longer than a payload may be
    assert other.execute("SELECT n FROM kept").fetchall() == [(1,)]
    assert pid(pooled)
