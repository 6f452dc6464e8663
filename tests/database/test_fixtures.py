"""The databases that the other tests stand on: at head, apart from each other, and clean again after each test."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from services.database.engine import plain_url
from services.database.migrate import current, head


@pytest.mark.parametrize("_time", [1, 2])
def test_what_a_session_commits_is_gone_in_the_next_test(session: Session, _time: int) -> None:
    session.execute(text("CREATE TABLE left_behind AS SELECT 1 AS number"))
    session.commit()
    session.execute(text("INSERT INTO left_behind VALUES (2)"))
    session.rollback()
    assert session.scalars(text("SELECT number FROM left_behind")).all() == [1]
    session.commit()


def test_a_session_and_a_clone_are_at_head_in_different_databases(
    session: Session, clone_url: str, database_url: str
) -> None:
    assert current(clone_url) == current(database_url) == head()
    session.execute(text("CREATE TABLE only_here ()"))
    engine = create_engine(clone_url, poolclass=NullPool)
    with engine.connect() as one, engine.connect() as two:
        assert one.scalar(text("SELECT to_regclass('only_here')")) is None
        one.execute(text("CREATE TABLE shared_by_connections ()"))
        one.commit()
        assert two.scalar(text("SELECT to_regclass('shared_by_connections')")) is not None


def test_an_empty_database_was_never_migrated(empty_url: str) -> None:
    assert current(empty_url) is None
    assert plain_url(empty_url).startswith("postgresql://")
