"""A scripted stand-in of the Messages API on loopback: streams real server-sent events, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

USAGE = {"input_tokens": 1000, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 200, "output_tokens": 50}


@dataclass
class Turn:
    """One answer. `blocks` are content blocks; `status` other than 200 is an error; the stream can break or hang.

    `stop` is the stop reason when it is not what the blocks call for.
    """

    blocks: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    error: str = "api_error"
    message: str = "scripted"
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    hang: bool = False
    stop: str | None = None
    on_ask: Callable[[], None] | None = None


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def use(name: str, **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "name": name, "input": given}


def answer(**given: Any) -> Turn:
    """The phase's answer as data."""
    return Turn([use("StructuredOutput", **given)])


def failure(status: int, error: str = "api_error", message: str = "scripted", **headers: str) -> Turn:
    return Turn(
        status=status, error=error, message=message, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@dataclass
class Asked:
    """One request as it came."""

    at: float
    path: str
    key: str | None
    body: dict[str, Any]

    def results(self) -> list[dict[str, Any]]:
        """The tool results that answer the latest calls."""
        told = [m["content"] for m in self.body["messages"] if m["role"] == "user" and isinstance(m["content"], list)]
        found = [[b for b in content if b.get("type") == "tool_result"] for content in told]
        return next((blocks for blocks in reversed(found) if blocks), [])

    def said(self) -> str:
        """All that the model is told, as one text."""
        return json.dumps([self.body.get("system"), self.body["messages"]], ensure_ascii=False)


class MessagesApi:
    """The server. `script` is used up turn by turn; the last turn answers again when `forever`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.script: list[Turn] = []
        self.forever = False
        self.asked: list[Asked] = []
        self.others: list[str] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._count = 0

    def next(self, asked: Asked) -> tuple[int, Turn]:
        with self._lock:
            self.asked.append(asked)
            self._count += 1
            if not self.script:
                return self._count, failure(400, "invalid_request_error", "the script is over")
            turn = self.script[0] if self.forever and len(self.script) == 1 else self.script.pop(0)
            return self._count, turn


A = TypeVar("A", bound=MessagesApi)


class _Handler(BaseHTTPRequestHandler):
    api: MessagesApi
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet."""

    def do_GET(self) -> None:
        self._other()

    def do_HEAD(self) -> None:
        self._other()

    def _other(self) -> None:
        self.api.others.append(f"{self.command} {self.path}")
        self.send_response(404)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        if not self.path.startswith("/v1/messages") or "count_tokens" in self.path:
            self._other()
            return
        number, turn = self.api.next(Asked(time.monotonic(), self.path, self.headers.get("x-api-key"), body))
        if turn.on_ask is not None:
            turn.on_ask()
        try:
            if turn.status == 200:
                self._stream(number, turn, body["model"])
            else:
                self._fail(turn)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _fail(self, turn: Turn) -> None:
        told = json.dumps({"type": "error", "error": {"type": turn.error, "message": turn.message}}).encode()
        self.send_response(turn.status)
        for name, value in {"content-type": "application/json", **turn.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _stream(self, number: int, turn: Turn, model: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        events = list(_events(number, turn, model))
        for name, event in events[:3] if turn.cut or turn.hang else events:
            self.wfile.write(f"event: {name}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
        if turn.hang:
            self.api.closing.wait(60)


def _events(number: int, turn: Turn, model: str) -> Iterator[tuple[str, dict[str, Any]]]:
    message: dict[str, Any] = {
        "id": f"msg_{number:04}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": USAGE | {"output_tokens": 1},
    }  # fmt: skip
    yield "message_start", {"type": "message_start", "message": message}
    for index, block in enumerate(turn.blocks or [text("…")]):
        if block["type"] == "text":
            start: dict[str, Any] = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            start = {"type": "tool_use", "id": f"toolu_{number:04}_{index}", "name": block["name"], "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": start}
        yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    tools = any(b["type"] == "tool_use" for b in turn.blocks)
    ended: dict[str, Any] = {"stop_reason": turn.stop or ("tool_use" if tools else "end_turn"), "stop_sequence": None}
    if turn.stop == "refusal":
        ended["stop_details"] = {"type": "refusal", "category": None, "explanation": None}
    yield "message_delta", {"type": "message_delta", "delta": ended, "usage": {"output_tokens": USAGE["output_tokens"]}}
    yield "message_stop", {"type": "message_stop"}


@contextmanager
def running(kind: type[A] = MessagesApi) -> Iterator[A]:  # type: ignore[assignment]
    """The server, up until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api = kind(server.server_address[1])
    handler.api = api  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """A proxy that serves nobody: its address, and the first line of each request that was tried."""
    tried: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Keeps quiet."""

        def handle_one_request(self) -> None:
            tried.append(self.rfile.readline(4096).decode("latin-1").strip())
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", tried
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
