"""`patterndesk upgrade` with a real earlier PostgreSQL: its data comes along, the way back is there, a failure changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from services.backup.database import sums
from services.cli.main import run
from services.database import embedded
from services.database.embedded.paths import programs_in
from services.database.engine import plain_url
from services.database.migrate import head, upgrade
from services.errors import Unavailable
from services.settings import get_settings
from tests.support.earlier_postgres import installed, make_cluster

EARLIER = installed()


@pytest.fixture
def earlier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder whose cluster an earlier PostgreSQL made, with the app's tables and a row of text."""
    if not EARLIER:
        pytest.skip("NOT TESTED, needs an earlier PostgreSQL in /usr/lib/postgresql")
    tmp_path.chmod(0o755)
    data_dir = tmp_path / "data"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    get_settings.cache_clear()
    make_cluster(data_dir, EARLIER[-1])
    with programs_in(EARLIER[-1]), embedded.start(data_dir) as server:
        upgrade(plain_url(server.url))
        with psycopg.connect(plain_url(server.url)) as connection:
            connection.execute("INSERT INTO settings (name, value) VALUES ('note', '\"Grüße 蜡烛 😀\"')")
    yield data_dir
    get_settings.cache_clear()


@contextmanager
def connected(data_dir: Path) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with embedded.start(data_dir) as server, psycopg.connect(plain_url(server.url)) as connection:
        yield connection


def test_an_earlier_database_comes_along_and_goes_back(earlier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable, match="patterndesk upgrade --programs"):
        embedded.start(earlier)
    assert run(["upgrade", "--programs", str(EARLIER[-1])]) == 0
    assert "all " in capsys.readouterr().out
    with connected(earlier) as connection:
        assert connection.info.server_version // 10_000 == 18
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (head(),)
        assert connection.execute("SELECT value FROM settings WHERE name = 'note'").fetchone() == ("Grüße 蜡烛 😀",)
        after = sums(connection)
    assert run(["upgrade", "--back", "--yes"]) == 0
    with programs_in(EARLIER[-1]), connected(earlier) as connection:
        assert connection.info.server_version // 10_000 < 18
        assert sums(connection) == after
    assert run(["upgrade", "--back", "--yes"]) == 2
    assert "no way back" in capsys.readouterr().err


@pytest.mark.long
def test_a_failed_upgrade_leaves_the_earlier_database_in_its_place(
    earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program that always fails stands where this release's pg_restore is looked for."""
    from services.backup import database

    real = database.binary
    failing = Path(shutil.which("false") or "/bin/false")
    monkeypatch.setattr(database, "binary", lambda name: failing if name == "pg_restore" else real(name))
    assert run(["upgrade", "--programs", str(EARLIER[-1])]) == 1
    assert "can't be restored" in capsys.readouterr().err
    assert os.listdir(earlier / "postgres" / "cluster")
    assert not list((earlier / "postgres").glob("cluster-*"))
    with programs_in(EARLIER[-1]), connected(earlier) as connection:
        assert connection.execute("SELECT count(*) FROM settings WHERE name = 'note'").fetchone() == (1,)
    assert run(["upgrade", "--programs", str(tmp_path)]) == 2
    assert subprocess.run([EARLIER[-1] / "postgres", "--version"], check=True, capture_output=True).stdout
