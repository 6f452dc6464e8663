"""A server on this machine that answers as Vercel's REST API is described to: the part of it that a deploy needs.

A deployment goes one stage on with every look at it (`GET /v13/deployments/{id}`), so a test decides what is seen and
nothing depends on time. Faults are planted per request and are used up one by one.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN, TEAM, PROJECT = "vcl_0123456789abcdef", "team_1a2b3c", "detectors"
ENDED = ("READY", "ERROR", "CANCELED", "DELETED")
SOURCES = {
    "github": ({"repoId"}, {"org", "repo"}),
    "github-limited": ({"repoId"}, {"org", "repo"}),
    "gitlab": ({"projectId"},),
    "bitbucket": ({"repoUuid"}, {"owner", "slug"}),
}
_serial = itertools.count(1)


@dataclass
class Stage:
    """What a look finds: the state, what the build has said by then, and other fields of the deployment."""

    state: str
    says: tuple[str, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)


def ready(**fields: Any) -> Stage:
    return Stage("READY", ("Build Completed in /vercel/output [3s]",), {"aliasAssigned": True} | fields)


def good() -> list[Stage]:
    return [
        Stage("QUEUED"),
        Stage("INITIALIZING"),
        Stage("BUILDING", ("Cloning repository", "Installing required dependencies...")),
        Stage("BUILDING", ("Running \"build\"",)),
        ready(),
    ]  # fmt: skip


def bad() -> list[Stage]:
    said = ("Installing required dependencies...", "ModuleNotFoundError: No module named 'requests'")
    return [Stage("QUEUED"), Stage("BUILDING", said), Stage("ERROR", (), {"errorMessage": "Command exited with 1"})]


@dataclass
class Fault:
    """Used once. `after` lets the request take effect first. `status` 0 cuts the connection off."""

    method: str
    path: str
    status: int = 0
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    after: bool = False
    raw: bytes | None = None


@dataclass
class Deployed:
    id: str
    created: int
    meta: dict[str, str]
    sha: str
    stages: list[Stage]
    target: str | None = "production"
    state: str = "QUEUED"
    fields: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    def step(self) -> None:
        """On to the next stage; the last one stays."""
        if not self.stages or self.state == "CANCELED":
            return
        stage = self.stages.pop(0)
        self.state = stage.state
        self.fields |= stage.fields
        for text in stage.says:
            self.say(text)

    def say(self, text: str, kind: str = "stdout") -> None:
        """Both forms of the description in turn: the text at the top, or in the payload."""
        number, at = next(_serial), int(time.time() * 1000)
        inner = {"deploymentId": self.id, "id": f"evt_{number}", "text": text, "date": at, "serial": str(number)}
        if number % 2:
            self.events.append({"type": kind, "created": at, "payload": inner})
        else:
            self.events.append({"type": kind, "created": at, "info": {"type": "build", "name": "bld_1"}} | inner)

    def detail(self) -> dict[str, Any]:
        return {
            "id": self.id, "readyState": self.state, "createdAt": self.created, "url": f"{self.id}.vercel.app",
            "meta": self.meta, "target": self.target, "name": PROJECT, "alias": ["detectors.example.com"],
            "aliasAssigned": False, "gitSource": {"type": "github", "sha": self.sha},
        } | self.fields  # fmt: skip

    def row(self) -> dict[str, Any]:
        row = {
            "uid": self.id, "state": self.state, "created": self.created, "url": f"{self.id}.vercel.app",
            "meta": self.meta, "target": self.target, "name": PROJECT,
            "aliasAssigned": self.created if self.fields.get("aliasAssigned") else None,
        }  # fmt: skip
        return row | ({"url": self.fields["url"]} if "url" in self.fields else {})


class FakeVercel:
    """The state behind the server. `plan` makes the stages of what is created next."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.deployed: dict[str, Deployed] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.plan: Callable[[], list[Stage]] = good
        self.page = 100
        self.production: str | None = None
        self.url = ""

    def add(self, sha: str, *, meta: dict[str, str] | None = None, state: str = "READY", **fields: Any) -> Deployed:
        """A deployment that somebody made."""
        with self.lock:
            latest = max((d.created for d in self.deployed.values()), default=0)
            name = f"dpl_{next(_serial):08d}"
            made = Deployed(
                name, max(int(time.time() * 1000), latest + 1), {"githubCommitSha": sha} | (meta or {}), sha, [],
                state=state, fields=fields,
            )  # fmt: skip
            self.deployed[name] = made
            return made

    def asked(self, method: str, path: str) -> list[tuple[str, str, dict[str, str], Any]]:
        return [r for r in self.requests if r[0] == method and re.fullmatch(path, r[1])]

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        routes: tuple[tuple[str, str, Callable[..., tuple[int, Any]]], ...] = (
            ("POST", r"/v13/deployments", self._create),
            ("GET", r"/v6/deployments", self._list),
            ("GET", r"/v13/deployments/([^/]+)", self._get),
            ("PATCH", r"/v12/deployments/([^/]+)/cancel", self._cancel),
            ("GET", r"/v3/deployments/([^/]+)/events", self._events),
            ("POST", r"/v10/projects/([^/]+)/promote/([^/]+)", self._point),
            ("POST", r"/v1/projects/([^/]+)/rollback/([^/]+)", self._point),
        )
        for verb, pattern, handler in routes:
            if verb == method and (found := re.fullmatch(pattern, path)):
                with self.lock:
                    return handler(*found.groups(), query, body)
        return problem(404, "not_found", "The page could not be found")

    def _create(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        source = body.get("gitSource", {})
        names = SOURCES.get(source.get("type"), ())
        if not isinstance(body.get("name"), str) or not source.get("ref"):
            return problem(400, "bad_request", "Invalid request: missing required property")
        if not any(n <= source.keys() for n in names) or not all(source.values()):
            return problem(400, "incorrect_git_source_info", "The provided GitHub repository can't be found.")
        if not all(isinstance(v, str) for v in body.get("meta", {}).values()):
            return problem(400, "bad_request", "Invalid request: `meta` should be strings")
        if body.get("project") != PROJECT:
            return problem(404, "not_found", f"Could not find the project: {body.get('project')}")
        made = self.add(source["sha"], meta=body.get("meta"), state="QUEUED")
        made.stages, made.target = self.plan(), body.get("target")
        return 200, made.detail()

    def _get(self, name: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if name not in self.deployed:
            return problem(404, "not_found", f"Could not find the deployment: {name}")
        found = self.deployed[name]
        found.step()
        if found.state == "READY" and found.fields.get("aliasAssigned") and not found.fields.get("readySubstate"):
            if not found.fields.setdefault("was_served", False):
                self.production = name  # as production follows what got ready last
            found.fields["was_served"] = True
        return 200, {k: v for k, v in found.detail().items() if k != "was_served"}

    def _list(self, query: dict[str, str], body: Any) -> tuple[int, Any]:
        rows = [
            d for d in self.deployed.values()
            if query.get("projectId") == PROJECT
            and query.get("target") in (None, d.target) and query.get("sha") in (None, d.sha)
            and ("state" not in query or d.state in query["state"].split(","))
            and d.created < int(query.get("until", 1 << 60)) and d.created > int(query.get("since", 0))
        ]  # fmt: skip
        rows.sort(key=lambda d: d.created, reverse=True)
        size = min(int(query.get("limit", 20)), self.page)
        shown = rows[:size]
        following = shown[-1].created if len(rows) > size else None
        pagination = {"count": len(shown), "next": following, "prev": shown[0].created if shown else None}
        return 200, {"deployments": [d.row() for d in shown], "pagination": pagination}

    def _cancel(self, name: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        found = self.deployed.get(name)
        if found is None:
            return problem(404, "not_found", f"Could not find the deployment: {name}")
        if found.state in ENDED:
            return problem(400, "bad_request", "Cannot cancel a deployment that has ended")
        found.state = "CANCELED"
        return 200, found.detail()

    def _events(self, name: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if name not in self.deployed:
            return problem(404, "not_found", f"Could not find the deployment: {name}")
        told = [e for e in self.deployed[name].events if e["created"] >= int(query.get("since", 0))]
        return 200, told if query.get("limit") == "-1" else told[: int(query.get("limit", 100))]

    def _point(self, project: str, name: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if project != PROJECT or name not in self.deployed:
            return problem(404, "not_found", "Could not find it")
        if self.deployed[name].state != "READY":
            return problem(422, "unprocessable_entity", "The deployment is not ready")
        self.production = name
        self.deployed[name].fields |= {"aliasAssigned": True, "readySubstate": "PROMOTED"}
        return 201, None


def problem(status: int, code: str, message: str, **more: Any) -> tuple[int, Any]:
    return status, {"error": {"code": code, "message": message, **more}}


@contextmanager
def serving() -> Iterator[FakeVercel]:
    """The server, until the block ends."""
    stand_in = FakeVercel()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _serve(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(size)
            body = json.loads(sent) if sent else None
            address = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(address.query).items()}
            stand_in.requests.append((self.command, address.path, query, body))
            fault = self._fault(address.path)
            if fault is not None and not fault.after:
                return self._fail(fault)
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, told = problem(403, "forbidden", "Not authorized", invalidToken=True)
            elif query.get("teamId") != TEAM:
                status, told = problem(403, "forbidden", "You don't have permission")
            else:
                status, told = stand_in.answer(self.command, address.path, query, body)
            if fault is not None:
                return self._fail(fault)
            return self._send(status, b"" if told is None else json.dumps(told).encode(), {})

        def _fault(self, path: str) -> Fault | None:
            with stand_in.lock:
                for fault in stand_in.faults:
                    if fault.method == self.command and re.fullmatch(fault.path, path):
                        stand_in.faults.remove(fault)
                        return fault
            return None

        def _fail(self, fault: Fault) -> None:
            time.sleep(fault.delay_s)
            if fault.status == 0:
                self.close_connection = True
                self.connection.close()
                return
            told = fault.raw if fault.raw is not None else json.dumps(fault.body).encode()
            self._send(fault.status, told, fault.headers)

        def _send(self, status: int, told: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
