"""Security headers on every answer, errors included, and the last net under unexpected errors of the routes."""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser
from pathlib import Path

from prometheus_client import Counter, Gauge
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.logs import log_unexpected

REQUESTS = Counter("patterndesk_http_requests_total", "HTTP answers", ["method", "status"])
SESSIONS = Gauge("patterndesk_websocket_connections", "Open screens")
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

PERMISSIONS = (
    "accelerometer",
    "camera",
    "display-capture",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
    "browsing-topics",
)


class _InlineScripts(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.scripts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and "src" not in dict(attrs)
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def inline_script_hashes(html: str) -> list[str]:
    """The CSP source of each inline script in the page: `'sha256-…'` of its exact text."""
    parser = _InlineScripts()
    parser.feed(html)
    digests = [hashlib.sha256(script.encode()).digest() for script in parser.scripts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_security_policy(index_html: Path) -> str:
    """The policy for the page in `index_html`: own files only, its inline scripts by hash, no frames around it."""
    script_hashes = " ".join(inline_script_hashes(index_html.read_text("utf-8")))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'wasm-unsafe-eval' blob: {script_hashes}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        )
    )


def security_headers(policy: str, *, https: bool) -> dict[str, str]:
    """The headers that every answer carries."""
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{name}=()" for name in PERMISSIONS),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class SecurityHeaders:
    """The outermost ASGI middleware: adds the headers, counts answers, and turns an unexpected error into a plain 500.

    A header that a route sets itself stays, so a route may be stricter. Errors stop here because the framework's own
    500 would be sent outside of all middleware, without the headers.
    """

    def __init__(self, app: ASGIApp, headers: dict[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            with SESSIONS.track_inprogress():
                await self.app(scope, receive, self._sender(scope, send, []))
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started: list[int] = []
        sender = self._sender(scope, send, started)
        try:
            await self.app(scope, receive, sender)
        except Exception as error:
            reference = log_unexpected(error, path=scope["path"], method=scope["method"])
            if started:
                raise  # the server then cuts the connection, so that half an answer doesn't pass for a whole one
            sentence = f"Something went wrong on our side; the log holds it under {reference}."
            await PlainTextResponse(sentence, 500, {"Cache-Control": "no-store"})(scope, receive, sender)

    def _sender(self, scope: Scope, send: Send, started: list[int]) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                started.append(message["status"])
                raw = list(message.get("headers", ()))
                headers = MutableHeaders(raw=raw)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
                message = {**message, "headers": raw}
                method = scope.get("method", "GET")
                REQUESTS.labels(method if method in _METHODS else "other", message["status"]).inc()
            await send(message)

        return wrapped
