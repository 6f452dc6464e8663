"""Clusters of other major versions of PostgreSQL than the one that comes along, by the programs that are at hand."""

from __future__ import annotations

from pathlib import Path

from services.database.embedded.account import choose
from services.database.embedded.paths import Home, programs_in


def installed() -> list[Path]:
    """The folders of programs of PostgreSQL 15 to 17 that the system's packages brought, the oldest first."""
    return sorted(Path("/usr/lib/postgresql").glob("1[5-7]/bin"))


def make_cluster(data_dir: Path, programs: Path) -> None:
    """An empty cluster where the embedded server looks for its own."""
    home = Home.of(data_dir)
    home.create()
    with programs_in(programs):
        account, _ = choose(home)
        made = account.run(home, "initdb", "-D", str(home.cluster), "-U", "postgres", "-E", "UTF8", "--locale=C",
                           "--auth-local=trust")  # fmt: skip
    assert made.returncode == 0, made.stdout
