"""The addresses beside the screens: health, metrics, exports, live updates, attachments."""

from __future__ import annotations

import math
import re
import time
import uuid
from collections.abc import AsyncIterator, Generator
from datetime import UTC, datetime
from typing import Final, TypedDict
from urllib.parse import quote

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from services import access_tokens, attachments, disk, finding, limiting, running, workspaces
from services.database.engine import database_url, transaction
from services.errors import Conflict, InvalidInput, NotAllowed, NotFound, PatternDeskError, TooMany, Unavailable
from services.logs import log_unexpected
from services.people import actor_by_id
from services.settings import get_settings
from services.web import board, changes, machine_exports, tokens
from services.web.guards import is_forwarded, is_loopback, is_loopback_host
from services.web.live import LiveHub, stream

ASK_EVERY_S: Final = 1.0
NO_STORE: Final = {"Cache-Control": "no-store"}
# Shown in the page; anything else is a download. SVG is not among them, because it runs scripts.
INLINE_TYPES: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "video/mp4", "video/webm", "video/quicktime"}
)
OLD_TABLES: Final = {"PatternWorkspace": "workspace", "PatternSession": "session", "ClaudeExecution": "execution"}
_NAME_REFUSED = re.compile(r"[^A-Za-z0-9._ -]+")
_EXPORT_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{7,254}")
_STATUS: Final[tuple[tuple[type[PatternDeskError], int], ...]] = (
    (NotAllowed, 403),
    (NotFound, 404),
    (InvalidInput, 400),
    (Conflict, 409),
    (TooMany, 429),
    (Unavailable, 503),
)


class FoundJson(TypedDict):
    """The answer of `/find`."""

    results: list[finding.FoundItem]


def build(hub: LiveHub) -> list[Route]:
    """The routes, with the hub that feeds the live ones."""

    async def live(request: Request) -> Response:
        return await _live(request, hub)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/robots.txt", robots, methods=["GET"]),
        Route("/live", live, methods=["GET"]),
        Route("/find", find, methods=["GET"]),
        Route("/old/{table}/{old_id}", moved, methods=["GET"]),
        Route("/exports/{name}", export, methods=["GET"]),
        Route("/attachments/{key:path}", attachment, methods=["GET"]),
        *board.build(hub),
    ]


async def expected_error(_request: Request, error: Exception) -> Response:
    """The answer for an expected error: its sentence, as text."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
    retry_after = getattr(error, "retry_after_s", None)
    headers = NO_STORE | ({"Retry-After": str(math.ceil(retry_after))} if retry_after else {})
    return PlainTextResponse(str(error), status, headers)


async def healthz(_request: Request) -> Response:
    """The process answers; nothing else is looked at."""
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


async def readyz(_request: Request) -> Response:
    """200 when the database answers and its schema is the one that this version needs, else 503 with the reason.

    Under `patterndesk up` it also names each part that is down and what is being done about it. A disk that is nearly
    full, or full, is told by a sentence.
    """
    reason = await run_in_threadpool(_reason_not_ready)
    state = await run_in_threadpool(running.read, get_settings().data_dir)
    down = state.down if state else {}
    room = await run_in_threadpool(disk.look, get_settings())
    told: dict[str, object] = {"disk": room.sentence} if room.state != "enough" else {}
    if reason is None:
        degraded = bool(down) or room.state == "full"
        body: dict[str, object] = {"status": "degraded" if degraded else "ok"} | ({"down": down} if down else {})
        return JSONResponse(body | told, headers=NO_STORE)
    body = {"status": "unavailable", "reason": down.get("database", reason)} | ({"down": down} if down else {})
    return JSONResponse(body | told, 503, NO_STORE)


async def robots(_request: Request) -> Response:
    """Nothing here is for search engines."""
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


async def metrics(request: Request) -> Response:
    """Prometheus text, for this machine or for the bearer of a metrics token."""
    secret = machine_exports.bearer(request)
    token = secret or request.query_params.get("token")
    if token or not _asked_from_here(request):
        if not token:
            return _unsigned("The metrics need a token, except from the machine itself.")
        if token.startswith(access_tokens.PREFIX):
            await run_in_threadpool(_use_token, token, access_tokens.METRICS)
        else:
            tokens.read("metrics", token)
    return Response(await run_in_threadpool(generate_latest), media_type=CONTENT_TYPE_LATEST, headers=NO_STORE)


async def moved(request: Request) -> Response:
    """Where a workspace, session or execution of the existing system went, so that links to it can be rewritten."""
    screen = OLD_TABLES.get(request.path_params["table"])
    if screen is None:
        raise NotFound("Workspaces, sessions and executions of the existing system have addresses here.")
    new_id = await run_in_threadpool(_moved_id, str(request.path_params["table"]), str(request.path_params["old_id"]))
    if new_id is None:
        raise NotFound("Nothing with this id came from the existing system.")
    return RedirectResponse(f"/{screen}?id={new_id}", 302, NO_STORE)


async def export(request: Request) -> Response:
    """A report: for a machine by its bearer token, else as CSV, streamed, by a token of person, report and filters."""
    secret = machine_exports.bearer(request)
    if secret is not None:
        return await machine_exports.answer(request, secret)
    token = request.query_params.get("token")
    if not token:
        return _unsigned("This export needs a token; start it from the page that shows the table.")
    grant = tokens.read("export", token)
    report = str(grant.object.get("report", ""))
    if request.path_params["name"] != f"{report}.csv" or not _EXPORT_NAME.fullmatch(report):
        raise NotAllowed("This link is for another export.")
    limiting.spend("export", grant.person_id)
    filters = {k: str(v) for k, v in (grant.object.get("filters") or {}).items()}
    chunks = _csv(report, filters, grant.object.get("sheet"), uuid.UUID(grant.person_id))
    # The first chunk is read before the answer starts, so that a refusal still has its status and sentence.
    first = await run_in_threadpool(next, chunks, None)
    return StreamingResponse(
        _rest(first, chunks),
        media_type="text/csv; charset=utf-8",
        headers={**NO_STORE, "Content-Disposition": disposition("attachment", _file_name(report, grant))},
    )


async def find(request: Request) -> Response:
    """What fits the words `q`, for the palette of whoever holds a token of theirs: {"results": [...]}."""
    secret = machine_exports.bearer(request)
    if secret is None:
        return _unsigned("Finding needs a token; it starts from the pages.")
    grant = tokens.read("find", secret)
    results = await run_in_threadpool(_found, grant.person_id, request.query_params.get("q", ""))
    answer: FoundJson = {"results": results}
    return JSONResponse(answer, headers=NO_STORE)


async def attachment(request: Request) -> Response:
    """A stored file, for the bearer of a token for exactly this file."""
    token = request.query_params.get("token")
    if not token:
        return _unsigned("This file needs a token; open it from the page that shows it.")
    grant = tokens.read("attachment", token)
    key = request.path_params["key"]
    if grant.object.get("key") != key or not _KEY.fullmatch(key) or ".." in key:
        raise NotAllowed("This link is for another file.")
    opened = await run_in_threadpool(_opened, grant.person_id, key)
    content_type, headers = file_headers(opened.content_type, opened.name)
    return Response(opened.data, media_type=content_type, headers=headers)


def file_headers(content_type: str, name: str) -> tuple[str, dict[str, str]]:
    """The content type a stored file is served as, and headers under which it can't run anything in our origin."""
    inline = content_type in INLINE_TYPES
    headers = {
        "Cache-Control": "private, max-age=900",
        "Content-Disposition": disposition("inline" if inline else "attachment", name),
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
    }
    return content_type if inline else "application/octet-stream", headers


async def _live(request: Request, hub: LiveHub) -> Response:
    token = request.query_params.get("token")
    if not token:
        return _unsigned("Live updates need a token; they start from the workspace's page.")
    grant = tokens.read("live", token)
    scope = changes.scope_of(grant.object)
    try:
        workspace_id = uuid.UUID(str(grant.object["workspace_id"])) if scope is None else None
    except (KeyError, ValueError):
        raise NotAllowed("This link is for no workspace.") from None
    await run_in_threadpool(_require_active, grant.person_id)
    resumed = request.headers.get("last-event-id")
    seen = resumed or request.query_params.get("after")
    if seen and not re.fullmatch(r"[0-9]{1,18}", seen):
        raise InvalidInput("The number of the last entry seen must be a whole number.")
    after, person_id = int(seen) if seen else None, uuid.UUID(grant.person_id)
    if workspace_id is None:
        assert scope is not None
        events = changes.stream(hub, scope, seen=after, expires_at=grant.expires_at, person_id=person_id)
    else:
        events = stream(
            hub,
            workspace_id,
            after=after,
            resumed=bool(resumed),
            expires_at=grant.expires_at,
            person_id=person_id,
        )
    return EventSourceResponse(_while_active(events, grant.person_id), ping=15, headers=NO_STORE)


async def _while_active(events: AsyncIterator[ServerSentEvent], person_id: str) -> AsyncIterator[ServerSentEvent]:
    """The events until the person is shut out: nothing that happened more than a moment after is sent any more."""
    asked = time.monotonic()
    async for event in events:
        if time.monotonic() - asked > ASK_EVERY_S:
            asked = time.monotonic()
            try:
                await run_in_threadpool(_require_active, person_id)
            except NotAllowed:
                return
        yield event


def disposition(kind: str, name: str) -> str:
    """A Content-Disposition whose file name holds letters, digits, dots, dashes and blanks alone."""
    safe = _NAME_REFUSED.sub("_", name).strip(" .")[:120] or "download"
    return f"{kind}; filename=\"{safe}\"; filename*=utf-8''{quote(safe, safe='')}"


def _reason_not_ready() -> str | None:
    from services.database import migrate

    try:
        return migrate.readiness(database_url())
    except PatternDeskError as error:
        return error.sentence
    except Exception as error:  # noqa: BLE001  # a probe is told, with a reference, rather than sent away with a 500
        return f"The database cannot be asked; the log holds the error under {log_unexpected(error, part='readyz')}."


def _require_active(person_id: str) -> None:
    """Raises NotAllowed when the person was shut out since the token was minted."""
    with transaction() as session:
        actor_by_id(session, uuid.UUID(person_id))


def _found(person_id: str, words: str) -> list[finding.FoundItem]:
    with transaction() as session:
        return finding.find(session, words, actor=actor_by_id(session, uuid.UUID(person_id)))


def _moved_id(table: str, old_id: str) -> uuid.UUID | None:
    with transaction() as session:
        return workspaces.moved_id(session, table, old_id)


def _use_token(secret: str, report: str) -> None:
    with transaction() as session:
        access_tokens.use(session, secret, report=report)


def _opened(person_id: str, key: str) -> attachments.Opened:
    with transaction() as session:
        actor_by_id(session, uuid.UUID(person_id))
        return attachments.open_attachment(session, key)


def _csv(
    report: str, filters: dict[str, str], sheet: dict[str, object] | None, person_id: uuid.UUID
) -> Generator[bytes]:
    """For a spreadsheet where the link says how, else plain."""
    from services import exports

    if sheet is not None:
        yield from exports.stream_sheet(report, filters, exports.read_sheet(sheet), actor_id=person_id)
    else:
        yield from exports.stream_csv(report, filters, actor_id=person_id)


def _file_name(report: str, grant: tokens.Grant) -> str:
    """What, which filter and when. The page hands over the filter in words, for it holds ids."""
    from services import exports

    return exports.file_name(report, {"filter": str(grant.object.get("called", ""))[:80]}, on=datetime.now(UTC).date())


async def _rest(first: bytes | None, chunks: Generator[bytes]) -> AsyncIterator[bytes]:
    chunk = first
    try:
        while chunk is not None:
            yield chunk
            chunk = await run_in_threadpool(next, chunks, None)
    finally:
        chunks.close()  # the reader may have gone; the export's transaction must not wait for the collector


def _asked_from_here(request: Request) -> bool:
    """Whether this machine asks directly; a proxy on this machine shows by its headers or by the public host name."""
    client, server = request.client, request.scope.get("server")
    host = request.headers.get("host", "").lower()
    near = bool(client and server and is_loopback(client.host) and is_loopback_host(host, server[1]))
    return near and not is_forwarded(request.headers)


def _unsigned(sentence: str) -> Response:
    return PlainTextResponse(sentence, 401, NO_STORE)
