"""`streamlit run app.py`, the first thing that people try: with nothing set it starts what it needs and takes it along."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from services import running
from services.settings import ROOT
from tests.support.waiting import free_port, until

pytestmark = pytest.mark.fault


def test_it_serves_with_a_database_and_a_worker_of_its_own_and_leaves_nothing_behind(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the database may run as another account
    port, folder = free_port(), tmp_path / "data"
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)], cwd=ROOT,
            env=kept | {"DATA_DIR": str(folder), "DEMO": "false"}, stdout=log, stderr=log,
        )  # fmt: skip
    try:

        def ready() -> bool:
            answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=10)
            state = running.read(folder)
            return (
                answer.json() == {"status": "ok"} and state is not None and {"database", "worker"} <= set(state.parts)
            )

        until(ready, "the start")
        below = psutil.Process(server.pid).children(recursive=True)
        assert any("worker" in process.cmdline() for process in below)
        server.kill()  # not even the orderly end is needed
        server.wait()
        until(lambda: not any(_alive(process) for process in below), "the end of what it started")
        assert running.read(folder) is None
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


def _alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
