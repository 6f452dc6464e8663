"""What a worker that is dead or frozen may have left of a run on this machine: processes that would write on."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

from services.logs import get_logger

GONE_WITHIN_S = 5.0
log = get_logger(__name__)


def end_leftovers(folder: Path) -> int:
    """Kills every process that was started for the run in `folder`, and waits until they are gone; returns how many.

    A frozen worker's agent is not frozen: it would go on changing the files under the next one. All that is started
    for a run names its folder in its command line. The caller has the run by its epoch and has started nothing yet.
    """
    mark, started = str(folder), []
    for process in psutil.process_iter(["cmdline"]):
        if any(mark in part for part in process.info["cmdline"] or ()):
            started.append(process)
    family = {p.pid: p for p in started}
    for process in started:
        with contextlib.suppress(psutil.Error):
            family |= {p.pid: p for p in process.children(recursive=True)}
    for process in family.values():
        with contextlib.suppress(psutil.Error):
            process.kill()
    if family:
        psutil.wait_procs(list(family.values()), timeout=GONE_WITHIN_S)
        log.warning("leftovers_ended", folder=folder.name, processes=len(family))
    return len(family)
