"""Runs the drills that were named, else all of them, and prints their table."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support import drills
from tests.support.drills.copying import backup
from tests.support.drills.killing import kills
from tests.support.drills.report import Row, table
from tests.support.drills.surviving import clock, disk, moved


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.drills", description=drills.__doc__)
    parser.add_argument("names", nargs="*", help="kills, disk, clock, moved, backup; all without any")
    parser.add_argument("--kills", type=int, default=20, help="how often each part is killed")
    parser.add_argument("--write", type=Path, help="a file for the table")
    given = parser.parse_args()
    known: dict[str, Callable[[Path], list[Row]]] = {
        "kills": lambda folder: kills(folder, given.kills),
        "disk": lambda folder: [disk(folder)],
        "clock": lambda folder: [clock(folder)],
        "moved": lambda folder: [moved(folder)],
        "backup": backup,
    }
    rows: list[Row] = []
    for name in given.names or known:
        folder = Path(tempfile.mkdtemp(prefix=f"pd-drill-{name}-"))
        folder.chmod(0o755)  # the database may run as another account
        try:
            rows += known[name](folder)
        except AssertionError as error:
            log = folder / "up.log"
            said = log.read_text("utf-8", "replace")[-3000:] if log.exists() else ""
            print(f"{said}\n{error}", flush=True)
            rows.append(Row(name, "started", wrong=[str(error)[:300]]))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"{table(rows[-1:])}\n", flush=True)
    print(table(rows))
    if given.write:
        given.write.write_text(f"# Drills\n\n{(drills.__doc__ or '').strip()}\n\n{table(rows)}\n")
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
