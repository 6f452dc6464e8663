"""A real server process on a free port, with a small router of its own, so that its tests need no screens."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from services import timeline
from services.database.engine import transaction
from services.people import Actor
from services.settings import ROOT

READY_S = 600  # a busy machine; some seconds on a quiet one
ROUTER = """
import streamlit as st

def home():
    st.title("home page")
    if st.button("break"):
        raise RuntimeError("secret detail of the inside")

st.navigation([st.Page(home, default=True), st.Page("second.py")]).run()
st.text("the router ran")
"""
BROKEN_ROUTE = """
from starlette.routing import Route

async def broken(request):
    raise RuntimeError("postgresql://desk:hunter2secret@db/desk cannot be read")

app._user_routes.append(Route("/broken", broken))
"""


@dataclass(frozen=True)
class Running:
    url: str
    port: int
    folder: Path
    data_dir: Path
    process: subprocess.Popen[str]

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def log(self) -> str:
        return (self.data_dir / "logs" / "web.jsonl").read_text()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path, port: int, **extra: str) -> dict[str, str]:
    dropped = ("OIDC_", "STREAMLIT_", "ALLOWED_HOSTS", "DATABASE_URL", "HOST", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    alone = {"PATTERNDESK_SUPERVISED": "1"}  # the server starts no database beside itself
    return kept | alone | {"DATA_DIR": str(data_dir), "PORT": str(port), "PYTHONPATH": str(ROOT)} | extra


@contextmanager
def running(folder: Path, **extra: str) -> Iterator[Running]:
    """The app of this repository with the small router, started from another folder; ready when /healthz answers."""
    (folder / "pages").mkdir(parents=True)
    (folder / "app.py").write_text((ROOT / "app.py").read_text() + BROKEN_ROUTE)
    shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")
    (folder / "pages" / "router.py").write_text(ROUTER)
    (folder / "pages" / "second.py").write_text("import streamlit as st\nst.title('second page')\n")
    data_dir, port = folder / "var", free_port()
    start = (
        "import sys; from pathlib import Path; from services.settings import get_settings;"
        "from services.web.serve import serve; serve(get_settings(), Path(sys.argv[1]))"
    )
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", start, str(folder)],
            env=environment(data_dir, port, **extra),
            cwd=folder.parent,
            stderr=stderr,
            text=True,
        )
    server = Running(f"http://127.0.0.1:{port}", port, folder, data_dir, process)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Running) -> None:
    ends = time.monotonic() + READY_S
    while time.monotonic() < ends:
        if server.process.poll() is not None:
            pytest.fail(f"the server ended: {(server.folder / 'stderr').read_text()}")
        try:
            if httpx.get(server.url + "/healthz", timeout=2).json() == {"status": "ok"}:
                return
        except (httpx.TransportError, ValueError):
            time.sleep(0.1)
    pytest.fail("the server did not become ready")


@dataclass(frozen=True)
class LiveWorkspace:
    url: str
    data_dir: Path
    actor: Actor
    workspace_id: uuid.UUID

    def comment(self, text: str) -> uuid.UUID:
        with transaction() as session:
            return timeline.comment(session, self.workspace_id, text, actor=self.actor)

    def edit(self, message_id: uuid.UUID, text: str) -> None:
        with transaction() as session:
            timeline.edit_comment(session, message_id, text, actor=self.actor)
