"""A request to the addresses beside the pages, from another machine."""

from __future__ import annotations

import asyncio

import httpx
from starlette.applications import Starlette

from services.errors import PatternDeskError
from services.web import routes
from services.web.live import LiveHub


def get(
    path: str, token: str | None = None, *, method: str = "GET", body: object = None, **headers: str
) -> httpx.Response:
    """The answer of the routes alone, with a bearer token where one is given."""
    app = Starlette(routes=routes.build(LiveHub()), exception_handlers={PatternDeskError: routes.expected_error})
    sent: dict[str, str] = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["authorization"] = f"Bearer {token}"

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=sent, json=body)

    return asyncio.run(ask())
