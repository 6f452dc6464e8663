"""Database, worker and server killed in turn, again and again, while executions run and somebody writes."""

from __future__ import annotations

import signal
import statistics
import time
from pathlib import Path
from typing import Final

from services.cli.supervising import STEADY_S
from tests.support.desk import PARTS, Desk, started
from tests.support.drills.load import RUN_ENV, Load, loaded
from tests.support.drills.report import Row
from tests.support.processes import slower
from tests.support.waiting import until

BACK_S: Final = 10.0  # on a quiet machine
LIVE: Final = 2  # executions at a time


def kills(folder: Path, number: int) -> list[Row]:
    """Kills each part so many times; its row says after which time it was back."""
    took: dict[str, list[float]] = {name: [] for name in PARTS}
    late: dict[str, list[str]] = {name: [] for name in PARTS}
    with started(folder / "data", folder / "up.log", RUN_ENV) as desk, loaded(desk, patterns=number * 2) as load:
        with load.writing():
            for count in range(number):
                began = time.monotonic()
                for name in PARTS:
                    load.keep_running(LIVE)
                    seconds, limit = _kill(desk, name, load), BACK_S * slower()
                    took[name].append(seconds)
                    if seconds > limit:
                        late[name].append(f"kill {count + 1}: back after {seconds:.1f} s")
                print(f"round {count + 1}: {', '.join(f'{name} {took[name][-1]:.1f} s' for name in PARTS)}", flush=True)
                time.sleep(max(0.0, STEADY_S + 1 - (time.monotonic() - began)))
        wrong = load.wrong()
        runs = f"{len(load.launched)} executions completed, {len(load.acknowledged):,} acknowledged comments are there"
    return [
        Row(
            f"{name} killed",
            f"{number} times `kill -9`, {LIVE} executions and a writer at work",
            f"back after {statistics.median(took[name]):.1f} s in the middle, {max(took[name]):.1f} s at most; {runs}",
            late[name] + (wrong if name == "database" else []),
        )
        for name in PARTS
    ]


def _kill(desk: Desk, name: str, load: Load) -> float:
    """Kills the part; the seconds until another process of it runs and everything answers."""
    killed = desk.child(*PARTS[name])
    began = time.monotonic()
    killed.send_signal(signal.SIGKILL)
    until(lambda: desk.child(*PARTS[name]).pid != killed.pid, f"another {name}")
    until(load.writes_again if name == "database" else lambda: desk.ready()[0] == 200, f"the {name} at work")
    seconds = time.monotonic() - began
    until(desk.all_up, f"everything after the {name}")
    return seconds
