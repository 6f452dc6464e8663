"""What a request must show before anything else sees it: our host, our origin, this machine in local mode, a sign-in
where content is served. The decision is a pure function; the middleware only carries it out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services import limiting
from services.errors import TooMany
from services.logs import get_logger
from services.web.identity import Identity, hardened

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
PROTECTED = (
    "/media",
    "/_stcore/upload_file",
    "/_stcore/metrics",
    "/live",
    "/exports",
    "/attachments",
    "/board",
    "/old",
)
SIGN_IN_PATHS = ("/auth/login", "/oauth2callback")  # where Streamlit sends people to the provider and takes them back
TOKEN_PATHS = ("/exports",)  # also for machines, by a personal token
CLOSED = ("/_stcore/agent",)
_FORWARDING = {"forwarded", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "via"}


@dataclass(frozen=True)
class Refusal:
    status: int
    sentence: str


@dataclass(frozen=True)
class Policy:
    """`hosts`: allowed Host values beside the loopback names, exact, with port where it isn't the scheme's own.
    `local`: local mode, in which nobody signs in and nobody but this machine may ask. `https`: the site's scheme."""

    identity: Identity
    hosts: frozenset[str] = frozenset()
    local: bool = True
    https: bool = False


def parse_hosts(setting: str) -> frozenset[str]:
    """ALLOWED_HOSTS as Host values: `desk.example.com, desk.example.com:8443`."""
    return frozenset(host.strip().lower() for host in setting.split(",") if host.strip())


def is_loopback(address: str | None) -> bool:
    """Whether an address literal is this machine's own."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def is_forwarded(headers: Headers) -> bool:
    """Whether a header says that the request came through a proxy."""
    return any(name in _FORWARDING or name.startswith("x-forwarded") for name in headers)


def is_loopback_host(host: str, port: int | None) -> bool:
    """Whether a Host value is a loopback name with the server's port."""
    return any(host == f"{name}:{port}" or (port == 80 and host == name) for name in LOOPBACK_NAMES)


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """The request's cookies, read as browsers write them: one that is odd does not hide the others."""
    return cookie_parser("; ".join(headers.getlist("cookie")))


def refusal(scope: Scope, policy: Policy) -> Refusal | None:
    """Why the request is refused, or None when it may pass. `scope` is an ASGI http or websocket scope."""
    headers = Headers(scope=scope)
    if policy.local and (refused := _from_elsewhere(scope, headers)):
        return refused
    hosts = headers.getlist("host")
    host = hosts[0].lower() if len(hosts) == 1 else ""
    if not host or not (is_loopback_host(host, _port(scope)) or host in policy.hosts):
        return Refusal(421, "This host name is not allowed here; set ALLOWED_HOSTS to add it.")
    if refused := _foreign_origin(scope, headers, host):
        return refused
    path = scope["path"]
    if _is_under(path, CLOSED):
        return Refusal(404, "There is nothing at this address.")
    if scope["type"] == "http" and _is_under(path, PROTECTED):
        return _unproven(path, headers, host, policy)
    if scope["type"] == "http" and _is_under(path, SIGN_IN_PATHS):
        return _too_many_sign_ins(scope)
    return None


def _too_many_sign_ins(scope: Scope) -> Refusal | None:
    client = scope.get("client")
    try:
        limiting.spend("sign_in", client[0] if client else "")
    except TooMany as error:
        return Refusal(429, error.sentence)
    return None


def _from_elsewhere(scope: Scope, headers: Headers) -> Refusal | None:
    client, server = scope.get("client"), scope.get("server")
    if not client or not server or not is_loopback(client[0]) or not is_loopback(server[0]):
        return Refusal(403, "Without sign-in this server answers only to the machine that it runs on.")
    if is_forwarded(headers):
        return Refusal(403, "Without sign-in this server does not answer through a proxy.")
    return None


def _foreign_origin(scope: Scope, headers: Headers, host: str) -> Refusal | None:
    origins = headers.getlist("origin")
    if scope["type"] == "websocket":
        if len(origins) != 1 or not _same_site(origins[0], host):
            return Refusal(403, "This connection must come from the app's own page.")
    elif scope["method"] not in ("GET", "HEAD") and any(not _same_site(origin, host) for origin in origins):
        return Refusal(403, "This request must come from the app's own page.")
    return None


def _same_site(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc == host


def _is_under(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def _unproven(path: str, headers: Headers, host: str, policy: Policy) -> Refusal | None:
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return Refusal(403, "This address can only be opened from the app's own page.")
    if _is_under(path, TOKEN_PATHS) and headers.get("authorization", "").lower().startswith("bearer "):
        return None  # a machine has no cookie; the route asks for a token that is good for this export
    if not policy.identity.proven(cookies_of(headers), host=host):
        return Refusal(401, "Sign in first: open the app's page in this browser.")
    return None


def _port(scope: Scope) -> int | None:
    server = scope.get("server")
    return server[1] if server else None


class Guard:
    """ASGI middleware: refuses with one sentence, hands out the local session's cookie, hardens Streamlit's cookies."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self.app = app
        self.policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refused = refusal(scope, self.policy)
        if refused is None:
            await self.app(scope, receive, self._with_cookies(scope, send) if scope["type"] == "http" else send)
            return
        get_logger(__name__).info("refused", status=refused.status, path=scope["path"], reason=refused.sentence)
        await refuse(refused, scope, receive, send)

    def _with_cookies(self, scope: Scope, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._cookies(scope, list(message.get("headers", ())))}
            await send(message)

        return wrapped

    def _cookies(self, scope: Scope, raw: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        https = self.policy.https
        raw = [(k, hardened(v, https=https) if k.lower() == b"set-cookie" else v) for k, v in raw]
        is_page = any(k.lower() == b"content-type" and v.startswith(b"text/html") for k, v in raw)
        if scope["method"] == "GET" and is_page:
            cookie = self.policy.identity.page_cookie(cookies_of(Headers(scope=scope)))
            if cookie is not None:
                raw.append((b"set-cookie", cookie.encode("latin-1")))
        return raw


async def refuse(refused: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a http request, or a websocket's handshake, with the refusal."""
    response = PlainTextResponse(refused.sentence, refused.status, {"Cache-Control": "no-store"})
    extensions: dict[str, Any] = scope.get("extensions") or {}
    if scope["type"] == "http" or "websocket.http.response" in extensions:
        await response(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 1008})
