"""Line 12, the app's part: the server's memory with no session and with fifty, each as a browser would open it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import AsyncExitStack

import httpx
import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.typing import Origin, Subprotocol

from benchmarks.installation import Installation, installed, wait
from benchmarks.measuring import Amount, Result

SESSIONS = 50
WORKSPACES = 20  # on the page that each session shows
REACH_MB = {0: 300.0, SESSIONS: 500.0}
SETTLE_S = 5.0


def run(url: str, *, seconds: float) -> list[Result]:
    """`seconds` is how long the idle server is looked at."""
    with installed(url) as here:
        for n in range(WORKSPACES):
            here.workspace(f"pattern_{n}")
        port = _free_port()
        os.environ |= {"PORT": str(port), "HOST": "127.0.0.1"}
        with here.process("services.web.serve") as server:
            wait(lambda: _ready(port), "the server's start")
            time.sleep(SETTLE_S)
            found = {0: _looked_at(server, seconds), SESSIONS: asyncio.run(_with_sessions(here, server, port, seconds))}
    return [
        Result(
            12, f"the app idle, {n} sessions", amount, found[0], "the app without a session",
            amount.median / found[0].median, f"p95 ≤ {REACH_MB[n]:.0f} MB", amount.p95 <= REACH_MB[n],
        )
        for n, amount in found.items()
    ]  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def _looked_at(process: psutil.Process, seconds: float) -> Amount:
    values, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        values.append(process.memory_full_info().pss / 2**20)
        time.sleep(0.1)
    return Amount.of(values)


async def _with_sessions(here: Installation, server: psutil.Process, port: int, seconds: float) -> Amount:
    """Opens the sessions one after another, reads what each is sent to its end, and keeps all of them open."""
    site = f"http://127.0.0.1:{port}"
    cookies = "; ".join(f"{name}={value}" for name, value in httpx.get(site).cookies.items())
    async with AsyncExitStack() as stack:
        for n in range(SESSIONS):
            connection = await stack.enter_async_context(
                websockets.connect(
                    f"ws://127.0.0.1:{port}/_stcore/stream", origin=Origin(site), max_size=None,
                    subprotocols=[Subprotocol("streamlit")], additional_headers={"Cookie": cookies},
                )
            )  # fmt: skip
            shown = await _ask(connection)
            if n == 0:
                shown = await _ask(connection, click=_button(shown, "Mara"))
            if "pattern_0" not in str(shown):
                raise RuntimeError("the session does not show the workspaces")
        await asyncio.sleep(SETTLE_S)
        return await asyncio.to_thread(_looked_at, server, seconds)


async def _ask(connection: websockets.ClientConnection, *, click: str | None = None) -> list[ForwardMsg]:
    """One run of the page's script: everything that it sends."""
    ask = BackMsg()
    ask.rerun_script.query_string = ""
    if click is not None:
        state = ask.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = click, True
    await connection.send(ask.SerializeToString())
    told: list[ForwardMsg] = []
    finished = False
    while not finished:
        message = ForwardMsg()
        message.ParseFromString(bytes(await asyncio.wait_for(connection.recv(), 60)))  # type: ignore[arg-type]
        told.append(message)
        is_end = message.WhichOneof("type") == "script_finished"
        finished = is_end and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
    return told


def _button(told: list[ForwardMsg], label: str) -> str:
    for message in told:
        element = message.delta.new_element
        if element.WhichOneof("type") == "button" and label in element.button.label:
            return str(element.button.id)
    raise RuntimeError(f"there is no button {label}")
