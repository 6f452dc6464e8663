"""Forks worker processes out of a process that has imported all they need, so that a test's worker starts at once.

Each one is a process and session of its own that runs `services.worker.main.run_worker`, as `patterndesk worker` does.
Asked by lines of JSON on standard input; ends its workers when that closes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from services.settings import ROOT


class ForkServer:
    """The side of the tests: asks for workers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, env={k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DATA_DIR")},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def fork(self, order: dict[str, Any]) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=120)


def _become_worker(order: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, os.open(os.devnull, os.O_RDONLY)), (1, out), (2, out)):
        os.dup2(source, target)
    os.environ.update(order["env"])
    from services import logs
    from services.errors import PatternDeskError
    from services.settings import get_settings
    from services.worker import testing
    from services.worker.main import run_worker

    code = 1
    try:
        if order["cuts"] is not None:
            testing.CUTS = order["cuts"]
        if order["prepare"]:
            module, _, name = order["prepare"].partition(":")
            getattr(importlib.import_module(module), name)()
        logs.configure("worker", get_settings().data_dir)
        run_worker(order["concurrency"])
        code = 0
    except PatternDeskError as error:
        print(error, file=sys.stderr, flush=True)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    import services.agents.tuner
    import services.deploys.local
    import services.exports
    import services.worker.main  # noqa: F401  # everything a worker imports, before the first fork

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    started: list[int] = []
    print("ready", flush=True)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become_worker(json.loads(line))
        started.append(pid)
        print(pid, flush=True)
    for pid in started:
        try:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    time.sleep(0.1)


if __name__ == "__main__":
    main()
