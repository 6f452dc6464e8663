"""What the tests of the embedded server share: processes that start it, and looks at what runs."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg

from services.database.embedded.account import LAUNCH
from services.database.engine import plain_url

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB"}

STARTER = """
import json, sys, time
from pathlib import Path
from services.database import embedded
server = embedded.start(Path(sys.argv[1]), settings=json.loads(sys.argv[2]))
print(json.dumps({"pid": server.pid, "owned": server.owned, "url": server.url}), flush=True)
time.sleep(float(sys.argv[3]))
server.stop()
"""


def starter(folder: Path, stay: float = 60) -> subprocess.Popen[str]:
    """A process of its own that starts (or attaches to) the server and stays for a while."""
    return popen([sys.executable, "-c", STARTER, str(folder), json.dumps(QUICK), str(stay)])


def popen(command: list[str]) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, object]:
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    answer: dict[str, object] = json.loads(line)
    return answer


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def servers_below(folder: Path) -> list[psutil.Process]:
    return programs_below("postgres", folder)


def programs_below(name: str, folder: Path) -> list[psutil.Process]:
    """Processes of this program that name the folder in their command line."""
    running = psutil.process_iter(["name", "cmdline"])
    return [p for p in running if p.info["name"] == name and str(folder) in " ".join(p.info["cmdline"] or [])]


def query(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(plain_url(url), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def works(program: list[str]) -> bool:
    return subprocess.run(program, capture_output=True, check=False).returncode == 0


def launched(mode: str, folder: Path, *program: str) -> list[str]:
    nobody = pwd.getpwnam("nobody")
    return [
        sys.executable, str(LAUNCH), mode, str(os.getpid()), str(nobody.pw_uid), str(nobody.pw_gid), str(folder),
        *program,
    ]  # fmt: skip
