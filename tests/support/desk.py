"""A whole installation as an operator runs it: `patterndesk up` with its database, worker and server, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from services.database import embedded
from services.running import read
from services.settings import ROOT
from tests.support.waiting import free_port, until

# The words of each part's command line.
PARTS: Final = {
    "database": ("postgres", "-D"),
    "worker": ("services.cli", "worker"),
    "server": ("services.web.serve",),
}


@dataclass
class Desk:
    """A running `up`. `folder` is the data folder; `output` what `up` and its children wrote."""

    folder: Path
    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    output: Path

    def ready(self) -> tuple[int, dict[str, Any]]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def child(self, *words: str) -> psutil.Process:
        """The process among those of `up` whose command line holds all the words."""

        def look() -> psutil.Process | None:
            below = psutil.Process(self.process.pid).children(recursive=True)
            return next((p for p in below if all(word in " ".join(p.cmdline()) for word in words)), None)

        return until(look, f"a process with {words}")

    def all_up(self) -> bool:
        state = read(self.folder)
        return self.ready() == (200, {"status": "ok"}) and state is not None and not state.down

    @property
    def url(self) -> str:
        """The address of the embedded database, while it runs."""
        return until(lambda: embedded.running_url(self.folder), "the database")

    def said(self) -> str:
        return self.output.read_text("utf-8", "replace")

    def stop(self) -> None:
        """Asks for the end, and sees that nothing lives on."""
        below = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.terminate()
        self.process.wait(90)
        _, alive = psutil.wait_procs(below, timeout=30)
        for left in alive:
            left.kill()
        assert not alive, self.said()


def environment(folder: Path, port: int, **more: str) -> dict[str, str]:
    """What a start gets: nothing of this process but where programs are."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")}
    return kept | {"DATA_DIR": str(folder), "PORT": str(port), "DEMO": "false"} | more


@contextmanager
def started(folder: Path, output: Path, env: Mapping[str, str] | None = None) -> Iterator[Desk]:
    """A desk on the data folder from its start to /readyz until the block ends."""
    port = free_port()
    full = environment(folder, port, **(env or {}))
    with output.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=ROOT, env=full, stdout=log, stderr=log
        )
    desk = Desk(folder, port, full, process, output)
    try:
        until(desk.all_up, "the start")
        yield desk
    finally:
        desk.stop()
