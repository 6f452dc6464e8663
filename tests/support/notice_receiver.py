"""A service on loopback that notices are sent to; it takes them, refuses them, or never answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.processes import eventually


class Receiver:
    """`answers` says by path what is answered: a status, "hang", or "drip" for an answer that never ends (200 else)."""

    def __init__(self) -> None:
        self.answers: dict[str, int | str] = {}
        self.asked: list[str] = []
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.ending = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def url(self, path: str, *, user: str = "") -> str:
        """The address of a path for apprise; a read timeout that no test waits for, so that a hang is one."""
        return f"json://{user and user + '@'}127.0.0.1:{self.port}/{path}?rto=900"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        said = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        path = request.path.strip("/").partition("?")[0]
        answer = self.answers.get(path, 200)
        self.asked.append(path)
        if answer == "hang":
            self.ending.wait()
            return
        if answer == 200:
            self.taken.append((path, said))
        request.send_response(answer if isinstance(answer, int) else 500)
        request.end_headers()
        while answer == "drip" and not self.ending.is_set():
            try:
                request.wfile.write(b".")
                request.wfile.flush()
            except OSError:
                return
            time.sleep(0.1)

    def waits_for(self, count: int, seconds: float = 40.0) -> list[tuple[str, dict[str, Any]]]:
        """What was taken, once it is that many."""
        assert eventually(lambda: len(self.taken) >= count, seconds), (self.taken, self.asked)
        return self.taken


@contextmanager
def receiving() -> Iterator[Receiver]:
    made = Receiver()
    made.start()
    try:
        yield made
    finally:
        made.ending.set()
        made.stop()
