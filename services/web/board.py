"""The judging board's addresses: its scripts by their content, candles as tiles, marks by pages, judgements in batches,
and a stream that says when somebody else changed the session."""

from __future__ import annotations

import gzip
import hashlib
import importlib.resources
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, TypedDict

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services import attachments, judging, limiting
from services.candles import tiles
from services.database.engine import transaction
from services.errors import InvalidInput, NotAllowed, NotFound
from services.feedback import MarkPosition
from services.people import actor_by_id, require
from services.web import tokens
from services.web.live import LiveHub, Note

ASSETS: Final = Path(__file__).resolve().parents[2] / "pages" / "components" / "session" / "board"
ENGINE: Final = "engine.js"  # the chart engine's own build, from the installed package
MAX_BODY: Final = 512 * 1024  # bytes of a batch
MAX_FILE: Final = 20_000_000  # bytes
NO_STORE: Final = {"Cache-Control": "no-store"}
FOREVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
PRIVATE: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_TYPES: Final = {".mjs": "text/javascript", ".js": "text/javascript", ".css": "text/css"}


@dataclass(frozen=True, slots=True)
class Asset:
    plain: bytes
    packed: bytes
    kind: str


class FileJson(TypedDict):
    """A file that was kept, by the key under which a judgement names it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Board:
    """What a board's token opens."""

    person_id: uuid.UUID
    session_id: uuid.UUID
    workspace_id: uuid.UUID
    sha: str
    key: str
    expires_at: datetime


def build(hub: LiveHub) -> list[Route]:
    present = Presence(hub)

    async def events(request: Request) -> Response:
        return await _events(request, hub, present)

    return [
        Route("/board/assets/{digest}/{name}", asset, methods=["GET"]),
        Route("/board/candles/{sha}/{level}/{number:int}", candles, methods=["GET"]),
        Route("/board/marks/{session}/{page:int}", marks, methods=["GET"]),
        Route("/board/state", state, methods=["GET"]),
        Route("/board/judgements", judgements, methods=["POST"]),
        Route("/board/files/{name}", keep_file, methods=["POST"]),
        Route("/board/events", events, methods=["GET"]),
    ]


@lru_cache(maxsize=1)
def assets() -> tuple[str, Mapping[str, Asset]]:
    """The scripts and styles with the digest of all of them, which is part of their address."""
    files = {path.name: path.read_bytes() for path in sorted(ASSETS.iterdir()) if path.suffix in _TYPES}
    files[ENGINE] = engine().read_bytes()
    digest = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(files.items()))).hexdigest()[:20]
    made = {name: Asset(data, gzip.compress(data, 9), _TYPES[Path(name).suffix]) for name, data in files.items()}
    return digest, made


def engine() -> Path:
    """The chart engine's standalone build in the installed package `lwcharts`."""
    vendor = Path(str(importlib.resources.files("lwcharts"))) / "vendor"
    found = sorted(vendor.glob("*standalone*.js"))
    if not found:
        raise NotFound("The chart engine is not installed; install the app's requirements again.")
    return found[0]


def asset_url(name: str) -> str:
    """The address of a script, as seen from the app's own page."""
    return f"board/assets/{assets()[0]}/{name}"


def mint(person_id: uuid.UUID, *, session_id: uuid.UUID, workspace_id: uuid.UUID, sha: str, key: str) -> str:
    """A token with which one person opens and judges one session."""
    return tokens.mint("board", person_id, session=str(session_id), workspace=str(workspace_id), sha=sha, key=key)


def mint_candles(person_id: uuid.UUID, *, sha: str, key: str) -> str:
    """A token with which one person reads the candles of one dataset, and nothing of any session."""
    return tokens.mint("candles", person_id, sha=sha, key=key)


async def asset(request: Request) -> Response:
    digest, held = assets()
    found = held.get(request.path_params["name"])
    if found is None or request.path_params["digest"] != digest:
        raise NotFound("There is no such file.")
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers = {**FOREVER, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(found.packed, media_type=found.kind, headers=headers)
    return Response(found.plain, media_type=found.kind, headers=FOREVER)


async def candles(request: Request) -> Response:
    person_id, sha, key = _readable(request)
    if request.path_params["sha"] != sha:
        raise NotAllowed("This link is for other candles.")
    await run_in_threadpool(_require_active, person_id)
    level, number = request.path_params["level"], request.path_params["number"]
    data = await run_in_threadpool(lambda: gzip.compress(tiles.tile(sha, key, level, number), 1))
    return Response(data, media_type="application/octet-stream", headers={**PRIVATE, "Content-Encoding": "gzip"})


def _readable(request: Request) -> tuple[uuid.UUID, str, str]:
    """Who may read which candles: by the token of a board, or by that of a dataset's page."""
    try:
        grant = tokens.read("candles", _bearer(request))
    except NotAllowed:
        board = _board(request)
        return board.person_id, board.sha, board.key
    return uuid.UUID(grant.person_id), str(grant.object["sha"]), str(grant.object["key"])


def _require_active(person_id: uuid.UUID) -> None:
    """Raises NotAllowed when the person was shut out since the token was minted."""
    with transaction() as session:
        actor_by_id(session, person_id)


async def marks(request: Request) -> Response:
    board = _board(request)
    if request.path_params["session"] != str(board.session_id):
        raise NotAllowed("This link is for another session.")

    def read() -> bytes:
        with transaction() as session:
            actor_by_id(session, board.person_id)
            rows = judging.marks(session, board.session_id, request.path_params["page"])
        return gzip.compress(json.dumps(rows).encode(), 4)

    headers = {**PRIVATE, "Content-Encoding": "gzip"}
    return Response(await run_in_threadpool(read), media_type="application/json", headers=headers)


async def state(request: Request) -> Response:
    board = _board(request)

    def read() -> judging.StateJson:
        with transaction() as session:
            actor = actor_by_id(session, board.person_id)
            return judging.state_of(session, board.session_id, actor=actor)

    return JSONResponse(await run_in_threadpool(read), headers=NO_STORE)


async def judgements(request: Request) -> Response:
    """Takes a batch; the answer says of each judgement how it went."""
    board = _board(request)
    body = await _body(request, MAX_BODY, "These are too many judgements at once.")
    try:
        ops = judging.read_ops(json.loads(body))
    except (ValueError, RecursionError):
        raise InvalidInput("The judgements are not readable.") from None
    return JSONResponse(await run_in_threadpool(_take, board, ops), headers=NO_STORE)


def _take(board: Board, ops: list[judging.Op]) -> judging.AnswerJson:
    limiting.spend("judge", board.person_id, times=len(ops))
    places = _places(board, ops)
    with transaction() as session:
        actor = actor_by_id(session, board.person_id)
        return judging.judge_many(session, board.session_id, ops, places, actor=actor)


async def keep_file(request: Request) -> Response:
    """Takes a picture or another file that is pasted or dropped on a mark; the answer names it for the judgement."""
    board = _board(request)
    data = await _body(request, MAX_FILE, f"A file has up to {MAX_FILE // 1_000_000} MB.")

    def keep() -> FileJson:
        with transaction() as session:
            require(actor_by_id(session, board.person_id), "judge")
        checked = attachments.check(data, request.path_params["name"])
        stored = attachments.store(checked)
        with transaction() as session:
            actor = actor_by_id(session, board.person_id)
            return {"key": attachments.add(session, checked, storage_key=stored, actor=actor), "name": checked.name}

    return JSONResponse(await run_in_threadpool(keep), headers=NO_STORE)


async def _body(request: Request, most: int, too_large: str) -> bytes:
    """The request's body, read no further than `most` bytes. Raises InvalidInput with the sentence for a larger one."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > most:
            raise InvalidInput(too_large)
    return bytes(data)


def _places(board: Board, ops: list[judging.Op]) -> dict[uuid.UUID, MarkPosition]:
    """The candles that moved and missed marks belong to, read before the transaction begins."""
    wanted = [op for op in ops if op.index is not None]
    found = {op.id: judging.place_at(board.sha, board.key, op.index or 0, op.kind, op.direction) for op in wanted}
    return {op_id: place for op_id, place in found.items() if place is not None}


async def _events(request: Request, hub: LiveHub, present: Presence) -> Response:
    board = _board(request, request.query_params.get("token"))

    def person() -> str:
        with transaction() as session:
            return actor_by_id(session, board.person_id).name

    name = await run_in_threadpool(person)
    return EventSourceResponse(_changes(hub, present, board, name), ping=15, headers=NO_STORE)


class Presence:
    """Who has a session's board open in this server, as long as their streams last."""

    def __init__(self, hub: LiveHub) -> None:
        self._hub = hub
        self._here: dict[uuid.UUID, list[tuple[uuid.UUID, str]]] = {}

    @contextmanager
    def joined(self, board: Board, name: str) -> Iterator[None]:
        one = (board.person_id, name)
        self._here.setdefault(board.session_id, []).append(one)
        self._tell(board)
        try:
            yield
        finally:
            self._here[board.session_id].remove(one)
            if not self._here[board.session_id]:
                del self._here[board.session_id]
            self._tell(board)

    def others(self, board: Board) -> list[str]:
        """The names of the other people who are there, each once."""
        return sorted({name for person, name in self._here.get(board.session_id, ()) if person != board.person_id})

    def _tell(self, board: Board) -> None:
        self._hub.notify(Note(board.workspace_id, session_id=board.session_id))


async def _changes(hub: LiveHub, present: Presence, board: Board, name: str) -> AsyncIterator[ServerSentEvent]:
    """`present` names the other people on the session, `changed` says that it may have changed; `expired` when the
    token's time is over."""
    with present.joined(board, name):
        async for changed in hub.session_changes(
            board.workspace_id, board.session_id, until=board.expires_at, person_id=board.person_id
        ):
            yield ServerSentEvent(event="present", data=json.dumps(present.others(board)), retry=2000)
            if changed:
                yield ServerSentEvent(event="changed", data="{}")
    yield ServerSentEvent(event="expired", data="{}")


def _bearer(request: Request) -> str | None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    return bearer if scheme.lower() == "bearer" else None


def _board(request: Request, token: str | None = None) -> Board:
    grant = tokens.read("board", token or _bearer(request))
    try:
        session_id, workspace_id = uuid.UUID(grant.object["session"]), uuid.UUID(grant.object["workspace"])
        person_id = uuid.UUID(grant.person_id)
        sha, key = str(grant.object["sha"]), str(grant.object["key"])
    except (KeyError, ValueError, TypeError):
        raise NotAllowed("This link is for no session.") from None
    return Board(person_id, session_id, workspace_id, sha, key, grant.expires_at)
