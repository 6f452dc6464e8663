"""A hub that listens to the test's database, and waiting inside its loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from services.web.entries import TimelineSource
from services.web.live import LiveHub


@asynccontextmanager
async def listening(source: TimelineSource | None = None) -> AsyncIterator[LiveHub]:
    hub = LiveHub(source)
    hub.start()
    try:
        await eventually(lambda: hub.listening)
        yield hub
    finally:
        await hub.close()


async def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.01)
