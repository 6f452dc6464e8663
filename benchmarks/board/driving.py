"""A server that can be killed, sessions with marks on it, and keys pressed at an exact pace in a real browser."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psutil
from playwright.async_api import BrowserContext, CDPSession, Error, Page
from sqlalchemy.orm import Session

from services.database.engine import engine_for
from services.settings import ROOT
from tests import factories
from tests.support import scenarios
from tests.support.server import Server, free_port, running

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PERSON: Final = "Kim Keys"
WORDS: Final = {"1": "confirmed", "2": "false_positive", "4": "unsure"}
FIRST, EVERY = 20, 9  # the first mark's candle, and how far the others stand apart
PATIENCE_S: Final = 120.0
# When each key was pressed and when the frame after it was done.
_PAINTS: Final = """() => {
  window.paints = []
  addEventListener("keydown", (event) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => window.paints.push(performance.now() - event.timeStamp)
    port2.postMessage(0)
  }), true)
}"""


class Web:
    """The web server of the trial, at one address, killed and started again."""

    def __init__(self, desk: Server) -> None:
        self.desk, self.port = desk, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.desk.data_dir.parent / "trial.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.web.serve"], cwd=ROOT, stdout=log, stderr=log,
            env=self.desk.environment | {"PORT": str(self.port)},
        )  # fmt: skip
        log.close()
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise TimeoutError("The web server did not start.")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def cpu_s(self) -> float:
        assert self.process is not None
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


@dataclass
class Trial:
    """The product, its web server, and a browser that a person is signed in with."""

    desk: Server
    web: Web
    context: BrowserContext
    marks: int

    def rows(self, sql: Any, **parameters: Any) -> list[tuple[Any, ...]]:
        return self.desk.rows(sql, **parameters)

    def session(self) -> uuid.UUID:
        """A fresh session with as many marks as the trial asks for."""
        factories.STORAGE = str(self.desk.data_dir / "storage")
        with Session(engine_for(self.desk.database_url)) as session:
            actor = factories.person(session)
            stored = factories.dataset(
                session, actor, rows=FIRST + EVERY * self.marks + 40, seed=time.time_ns() % 10**6
            )
            home = scenarios.in_beta(session, actor)
            anchors = range(FIRST, FIRST + EVERY * self.marks, EVERY)
            made = scenarios.run_session(session, home, actor, stored, anchors=anchors)
            session.commit()
        return made

    def database_cpu_s(self) -> float:
        total = 0.0
        for process in psutil.process_iter(["name"]):
            try:
                if process.info["name"] == "postgres" and str(self.desk.data_dir) in (process.cwd() or ""):
                    times = process.cpu_times()
                    total += times.user + times.system
            except psutil.Error:
                continue
        return total

    async def open(self, session_id: uuid.UUID, *, at: Page | None = None) -> Board:
        page = at or await self.context.new_page()
        await page.goto(f"{self.web.url}/session?id={session_id}")
        board = Board(self, session_id, page)
        await board.ready()
        await page.evaluate(_PAINTS)
        return board


@dataclass
class Board:
    """One tab with the board of a session open, and what was pressed in it."""

    trial: Trial
    session_id: uuid.UUID
    page: Page
    pressed: list[tuple[int, str]] = field(default_factory=list)  # candle of the mark on the screen, verdict

    async def read(self, name: str) -> str:
        """One of the fields that the board's root bears; "" while there is no board."""
        root = self.page.get_by_test_id("board")
        return (await root.get_attribute(f"data-{name}") or "") if await root.count() else ""

    async def until(self, name: str, value: str, seconds: float = PATIENCE_S) -> bool:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if await self.read(name) == value:
                return True
            await asyncio.sleep(0.05)
        return False

    async def ready(self) -> None:
        """Until the board is open; a server that was started anew asks first who is there."""
        ends = time.monotonic() + PATIENCE_S
        who = self.page.get_by_role("button", name=re.compile(rf"^{PERSON} "))
        while await self.read("ready") != "true":
            if time.monotonic() > ends:
                raise TimeoutError(f"The board did not open: {await self.read('failed')}")
            if await who.count():
                with suppress(Error):  # it is gone again
                    await who.first.click(timeout=2000)
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.5)

    async def sent(self, seconds: float = PATIENCE_S) -> bool:
        return await self.until("unsent", "0", seconds)

    async def press(self, keys: Sequence[str], gap_s: float) -> list[float]:
        """Presses verdict keys at this pace without waiting for the page; by how many seconds each came late."""
        cdp: CDPSession = await self.page.context.new_cdp_session(self.page)
        begin, tasks, late = time.perf_counter(), [], []
        for place, key in enumerate(keys):
            wait = begin + place * gap_s - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            late.append(time.perf_counter() - begin - place * gap_s)
            event = {"key": key, "code": f"Digit{key}", "windowsVirtualKeyCode": ord(key)}
            tasks.append(
                asyncio.create_task(cdp.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": key, **event}))
            )
            tasks.append(asyncio.create_task(cdp.send("Input.dispatchKeyEvent", {"type": "keyUp", **event})))
        await asyncio.gather(*tasks)
        at = len(self.pressed)
        self.pressed += [(FIRST + EVERY * (at + place), WORDS[key]) for place, key in enumerate(keys)]
        return late

    def kept(self, result: str = "done") -> list[tuple[int, str]]:
        """Candle and verdict of every judgement in the database, in the order in which it was taken."""
        return [(int(at), str(verdict)) for at, verdict in self.trial.rows(
            "SELECT d.anchor_index, o.verdict FROM judgement_ops o JOIN detections d ON d.id = o.mark_id "
            "WHERE o.session_id = %(s)s AND o.result = %(r)s ORDER BY o.position", s=self.session_id, r=result,
        )]  # fmt: skip

    def standing(self) -> dict[int, str]:
        """The verdicts that stand, by candle."""
        return {int(at): str(verdict) for at, verdict in self.trial.rows(
            "SELECT candle_index, verdict FROM feedback_items WHERE session_id = %(s)s AND state <> 'withdrawn'",
            s=self.session_id,
        )}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """What became of the keys of one run."""

    pressed: int
    kept: int
    in_order: bool
    lost: int
    twice: int
    wrong: int  # kept on another mark than the one on the screen, or as another verdict
    refused: int
    facts: dict[str, float | str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.in_order and not (self.lost or self.twice or self.wrong or self.refused)


def counted(board: Board, pressed: Sequence[tuple[int, str]] | None = None, **facts: float | str) -> Count:
    """Compares what was pressed with what the database holds. Several boards' keys may be given together."""
    wanted, kept = list(board.pressed if pressed is None else pressed), board.kept()
    missing, more = Counter(wanted) - Counter(kept), Counter(kept) - Counter(wanted)
    marks = {at for at, _ in wanted}
    twice = sum(n - 1 for at, n in Counter(at for at, _ in kept).items() if at in marks and n > 1)
    standing = board.standing()
    wrong = sum((more - Counter({pair: more[pair] for pair in wanted})).values())
    wrong += sum(standing.get(at) != verdict for at, verdict in dict(wanted).items() if (at, verdict) not in missing)
    refused = len(board.kept("refused")) + len(board.kept("conflict"))
    return Count(
        len(wanted), len(kept), kept == wanted, sum(missing.values()), twice, wrong, refused, dict(facts),
    )  # fmt: skip


@contextmanager
def product() -> Iterator[tuple[Server, Web]]:
    """A whole installation with the person who judges, and a web server of its own for the trial."""
    with running(DEMO="false") as desk:
        with Session(engine_for(desk.database_url)) as session:
            factories.person(session, name=PERSON)
            session.commit()
        web = Web(desk)
        web.start()
        try:
            yield desk, web
        finally:
            web.kill()


def chromium() -> str:
    """The browser's program. Raises FileNotFoundError."""
    program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if program is None:
        raise FileNotFoundError(f"None of {', '.join(PROGRAMS)} is installed.")
    return program
