"""The move from the existing system at full size: looked at first, killed in the middle, run again, and compared.

    python -m tests.support.existing_trial [--sessions 200] [--detections 25] [--corrections 10]

The existing database is made (odd rows too), the installation is empty. Prints a table; ends with 1 when something is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from services import workspaces
from services.database.engine import plain_url, transaction
from services.settings import ROOT
from tests.support.databases import Databases
from tests.support.existing_system import ExistingSystem, cuid, place_of
from tests.support.installation import lived_in
from tests.support.waiting import until


class Lines(list[str]):
    """Each line is printed when it is known."""

    def append(self, line: str) -> None:
        print(line, flush=True)
        super().append(line)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "services.cli", "import-existing", *arguments]


def trial(sessions: int, detections: int, corrections: int) -> tuple[list[str], list[str]]:
    """The lines of the table, and what was wrong."""
    databases, folder = Databases.prepare(), Path(tempfile.mkdtemp(prefix="pd-existing-"))
    lines, wrong = Lines(["| step | seen | s |", "| --- | --- | ---: |"]), list[str]()
    try:
        databases.make_template()
        old, ours = databases.clone("template0"), databases.address(databases.clone())
        address = plain_url(databases.address(old))
        system = ExistingSystem(address)
        with closing(system.connection):
            system.fill(sessions=sessions, detections=detections, corrections=corrections)
            system.add_odd_rows()
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        env = kept | {"DATABASE_URL": plain_url(ours), "DATA_DIR": str(folder)}

        def ran(*arguments: str) -> tuple[dict[str, Any], float]:
            began = time.monotonic()
            done = subprocess.run(
                command(address, *arguments, "--json"), cwd=ROOT, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr[-2000:]
            return json.loads(done.stdout)["tables"], time.monotonic() - began

        dry, seconds = ran("--dry-run")
        lines.append(f"| `--dry-run` | {_moved(dry)} | {seconds:.1f} |")
        if _count(ours, "pattern_sessions") or _count(ours, "feedback_items"):
            wrong.append("the dry run made rows")
        began = time.monotonic()
        process = subprocess.Popen(
            command(address), cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        middle = sessions * detections // 4
        until(lambda: process.poll() is not None or _count(ours, "detections") > middle, "a quarter of the detections")
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = {t: _count(ours, t) for t in ("pattern_sessions", "detections", "feedback_items")}
        lines.append(
            f"| killed in the middle | {', '.join(f'{n:,} {t}' for t, n in there.items())} | {time.monotonic() - began:.1f} |"
        )
        if not 0 < there["detections"] < sessions * detections:
            wrong.append("it was not killed in the middle")
        again, seconds = ran()
        lines.append(f"| run again | {_moved(again)} | {seconds:.1f} |")
        third, seconds = ran()
        lines.append(f"| a third time | {_moved(third)} | {seconds:.1f} |")
        wrong += [f"{name}: {table['moved']} moved again" for name, table in third.items() if table["moved"]]
        wrong += [
            f"{name}: {dry[name]['moved']} planned, {table['moved'] + table['moved_before']} moved"
            for name, table in again.items()
            if table["moved"] + table["moved_before"] != dry[name]["moved"]
        ]
        with lived_in(ours, folder):
            wrong += _spots(sessions, detections, corrections, ours)
        problems = [p for table in again.values() for p in table["problems"]]
        lines.append(
            f"| odd rows | {len(problems)} named with their reason: {'; '.join(sorted({p['reason'] for p in problems}))} | |"
        )
    finally:
        databases.finish()
        shutil.rmtree(folder, ignore_errors=True)
    return lines, wrong


def _spots(sessions: int, detections: int, corrections: int, url: str) -> list[str]:
    """Every session's link leads to a session with its marks, prices, times and corrections."""
    wrong = []
    with transaction() as session, psycopg.connect(plain_url(url)) as connection:
        for number in range(sessions):
            found = workspaces.moved_id(session, "PatternSession", cuid("s", number))
            row = connection.execute(
                "SELECT (SELECT count(*) FROM detections d WHERE d.session_id = s.id), (SELECT count(*) FROM feedback_items f "
                "WHERE f.session_id = s.id), (SELECT min(anchor_index) FROM detections d WHERE d.session_id = s.id), "
                "(SELECT max(anchor_index) FROM detections d WHERE d.session_id = s.id), s.name FROM pattern_sessions s WHERE s.id = %s",
                [found],
            ).fetchone()
            last = max(place_of(d) for d in range(detections))
            more = number == 1  # where an odd row is a second judgement and a remark
            if row != (detections, corrections + (2 if more else 0), 0, last, f"Session {number}"):
                wrong.append(f"session {number} became {row}")
    return wrong[:5]


def _count(url: str, table: str) -> int:
    with psycopg.connect(plain_url(url)) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


def _moved(tables: dict[str, Any]) -> str:
    parts = [
        f"{name} {t['moved']:,}" + (f" (+{t['moved_before']:,} before)" if t["moved_before"] else "")
        for name, t in tables.items()
        if not t["note"] and (t["moved"] or t["moved_before"])
    ]
    return ", ".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--detections", type=int, default=25, help="of each session")
    parser.add_argument("--corrections", type=int, default=10, help="of each session")
    given = parser.parse_args()
    lines, wrong = trial(given.sessions, given.detections, given.corrections)
    print("\n".join(["", *lines, *[f"WRONG: {sentence}" for sentence in wrong]]))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
