"""A disk that is really full, a clock that jumps, and a data folder that is moved, each while executions run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.desk import started
from tests.support.drills.load import RUN_ENV, loaded
from tests.support.drills.report import Row
from tests.support.waiting import until

DISK_MB: Final = 900
FULL_S: Final = 20.0
HOUR_S: Final = 3600
CLOCK_C: Final = Path(__file__).with_name("clock.c")
RUNS: Final = 3


def disk(folder: Path) -> Row:
    """Fills the disk of the data folder to its last byte, keeps it full for a while, and empties it again."""
    row = Row("disk full", f"a disk of {DISK_MB} MB of its own filled to the last byte for {FULL_S:g} s, then emptied")
    env = RUN_ENV | {"DISK_LOW_MB": "120", "DISK_FULL_MB": "60"}
    with _own_disk(folder / "disk") as room, started(room / "data", folder / "up.log", env) as desk:
        with loaded(desk, patterns=RUNS + 1) as load:
            with load.writing():
                for _ in range(RUNS):
                    load.launch()
                time.sleep(3)
                filler = room / "filler"
                _fill(filler)
                before, ends = len(load.acknowledged), time.monotonic() + FULL_S
                sentences: set[str] = set()
                while time.monotonic() < ends:
                    _fill(filler)
                    sentences |= {str(_said(desk.ready))[:160]}
                    time.sleep(1)
                during, refused = len(load.acknowledged) - before, load.refused
                if desk.process.poll() is not None:
                    row.wrong.append("`up` ended when the disk was full")
                filler.unlink()
                began = time.monotonic()
                until(load.writes_again, "a write after the disk was emptied")
                back = time.monotonic() - began
                load.launch()
                until(desk.all_up, "everything after the disk was emptied")
            row.wrong += load.wrong()
        told = "; ".join(sorted(sentences))[:300]
        row.seen = (
            f"{during} writes acknowledged and {refused} refused while it was full; /readyz: {told}; written again "
            f"{back:.1f} s after it was emptied; {len(load.launched)} executions completed, "
            f"{len(load.acknowledged):,} acknowledged comments are there"
        )
    return row


def _said(ready: object) -> object:
    try:
        return ready()  # type: ignore[operator]
    except OSError as error:
        return type(error).__name__


def _fill(file: Path) -> None:
    """Writes until there is no room left."""
    block = b"\0" * 65_536
    with file.open("ab", buffering=0) as stream:
        try:
            while stream.write(block):
                pass
        except OSError:
            return


@contextmanager
def _own_disk(mount: Path) -> Iterator[Path]:
    """A disk in memory with a real end; needs root. Other ways to a full disk would only look like one."""
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=True)


def clock(folder: Path) -> Row:
    """Moves the clock of database, worker and server an hour on and then an hour back behind the true one."""
    row = Row("clock", "jumped an hour on, then two hours back, under all processes at once (`clock.c`)")
    now = folder / "clock"
    now.write_text("+0")
    now.chmod(0o644)
    library = folder / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(CLOCK_C)], check=True)
    library.chmod(0o755)
    env = RUN_ENV | {"LD_PRELOAD": str(library), "CLOCK_FILE": str(now)}
    with started(folder / "data", folder / "up.log", env) as desk, loaded(desk, patterns=RUNS) as load:
        with load.writing():
            seen = []
            for jump in (HOUR_S, -HOUR_S, 0):
                load.launch()
                time.sleep(5)
                now.write_text(f"{jump:+d}")
                shift = until(lambda: load.installation.sql("SELECT extract(epoch FROM clock_timestamp())"), "a time")
                seen.append(f"{(float(shift[0][0]) - time.time()) / 60:+.0f} min")
                time.sleep(15)
        row.wrong += load.wrong()
        until(desk.all_up, "everything after the jumps")
        row.seen = (
            f"the database's clock went {', '.join(seen)} from the true one; {len(load.launched)} executions completed, "
            f"{len(load.acknowledged):,} acknowledged comments are there, {load.refused} writes refused"
        )
    return row


def moved(folder: Path) -> Row:
    """Stops everything while executions run, moves the data folder and starts it at its new place."""
    row = Row("folder moved", "`up` stopped with executions under way, DATA_DIR moved to a longer path, started there")
    first, second = folder / "data", folder / "moved to another place" / "data"
    with started(first, folder / "up.log", RUN_ENV) as desk, loaded(desk, patterns=RUNS) as load:
        with load.writing():
            for _ in range(RUNS):
                load.launch()
            time.sleep(10)
        live = load.live()
        launched, acknowledged = load.launched, load.acknowledged
    second.parent.mkdir(mode=0o755)
    os.rename(first, second)
    with started(second, folder / "up.log", RUN_ENV) as desk, loaded(desk, patterns=0) as load:
        load.launched, load.acknowledged = launched, acknowledged
        row.wrong += load.wrong()
        links = [link for link in (second / "current").iterdir() if not link.exists()]
        if links:
            row.wrong.append(f"{len(links)} patterns point at releases that are not there")
    row.seen = f"{live} executions were under way; {len(launched)} completed at the new place"
    return row
