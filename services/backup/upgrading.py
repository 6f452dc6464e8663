"""The embedded database from one major version of PostgreSQL to the next: dumped, loaded, compared, and only then changed.

The files of a major version mean nothing to another one. So the earlier server is started once more by its own programs,
and what it holds goes through the same dump, load and comparison as a backup. The earlier cluster stays beside the new
one, which is the way back.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.backup import database
from services.database import embedded
from services.database.embedded.paths import Home, programs_in
from services.errors import Conflict, InvalidInput, Unavailable

KEPT: Final = "cluster-"  # and the major version


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The major versions before and after, what was compared, and where the other cluster lies."""

    before: int
    after: int
    tables: int
    rows: int
    aside: Path


def upgrade(data_dir: Path, programs: Path) -> Upgraded:
    """Moves the database of an earlier major version, whose programs are given, to this release's.

    Raises InvalidInput when the programs are not there or not of that version, Conflict when there is nothing to
    upgrade, Unavailable when a part fails or the result differs; the earlier database is in its place then, as it was.
    """
    home = Home.of(data_dir)
    before = _major(home.cluster)
    if not (programs / "postgres").is_file():
        raise InvalidInput(f"The folder {programs} does not hold the program 'postgres'.")
    scratch = Path(tempfile.mkdtemp(prefix=".upgrading-", dir=home.data_dir))
    try:
        with programs_in(programs), embedded.start(data_dir) as server, database.snapshot(server.url) as state:
            tables = state.tables()
            with programs_in(None):  # this release's dump reads older servers
                database.dump(server.url, scratch / "dump", snapshot_id=state.id)
        aside = home.path / f"{KEPT}{before}"
        if aside.exists():
            raise Conflict(f"The folder {aside} is left from an earlier upgrade; move it away.")
        home.cluster.rename(aside)
        try:
            with embedded.start(data_dir) as server:
                after = _major(home.cluster)
                if after <= before:
                    raise Conflict(
                        f"The database is of PostgreSQL {before} and this release brings {after}; there is nothing to upgrade."
                    )
                database.load(server.url, scratch / "dump")
                differences = database.compare(server.url, tables)
                if differences:
                    raise Unavailable(f"The upgraded database differs in {'; '.join(differences[:5])}.")
        except BaseException:
            shutil.rmtree(home.cluster, ignore_errors=True)
            aside.rename(home.cluster)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Upgraded(before, after, len(tables), sum(table.rows for table in tables.values()), aside)


def go_back(data_dir: Path) -> Upgraded:
    """Puts the newest earlier cluster back into its place and the present one aside.

    Raises Conflict when there is none. The release that brought that version of PostgreSQL is needed to start it.
    """
    home = Home.of(data_dir)
    now = _major(home.cluster)
    kept = {_major(path): path for path in home.path.glob(f"{KEPT}[0-9]*") if path.is_dir()}
    earlier = [major for major in kept if major < now]
    if not earlier:
        raise Conflict(f"No earlier database lies beside the one in {home.cluster}, so there is no way back.")
    aside = home.path / f"{KEPT}{now}"
    if aside.exists():
        raise Conflict(f"The folder {aside} is left from earlier; move it away.")
    home.cluster.rename(aside)
    kept[max(earlier)].rename(home.cluster)
    return Upgraded(now, max(earlier), 0, 0, aside)


def _major(cluster: Path) -> int:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except (OSError, ValueError) as error:
        raise Conflict(f"There is no database in {cluster}.") from error
