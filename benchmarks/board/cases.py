"""The cases: keys undisturbed, and each trouble in which a judgement could get lost."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from benchmarks.board.driving import Count, Trial, counted
from services import sessions
from services.database.engine import engine_for
from tests import factories

_STREAM: Final = "**/board/events**"
_BATCHES: Final = "**/board/judgements"


@dataclass(frozen=True, slots=True)
class Pace:
    keys: int
    gap_s: float
    seed: int

    def some(self, count: int | None = None) -> list[str]:
        chance = random.Random(self.seed)
        return [chance.choice("124") for _ in range(self.keys if count is None else count)]


async def undisturbed(trial: Trial, pace: Pace) -> Count:
    board = await trial.open(trial.session())
    cdp = await trial.context.new_cdp_session(board.page)
    await cdp.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def script_s() -> float:
        found = await cdp.send("Performance.getMetrics")
        return float(next(m["value"] for m in found["metrics"] if m["name"] == "ScriptDuration"))

    before = await script_s(), trial.web.cpu_s(), trial.database_cpu_s()
    late = await board.press(pace.some(), pace.gap_s)
    script = await script_s() - before[0]
    await board.sent()
    web, database = trial.web.cpu_s() - before[1], trial.database_cpu_s() - before[2]
    paints = sorted(await board.page.evaluate("window.paints"))
    count = counted(
        board, paint_p50_ms=round(statistics.median(paints), 1), paint_p95_ms=round(paints[int(len(paints) * 0.95)], 1),
        script_ms_a_key=round(script / pace.keys * 1e3, 2), web_ms_a_key=round(web / pace.keys * 1e3, 2),
        database_ms_a_key=round(database / pace.keys * 1e3, 2), latest_key_ms=round(max(late) * 1e3),
    )  # fmt: skip
    await board.page.close()
    return count


async def server_killed(trial: Trial, pace: Pace) -> Count:
    board = await trial.open(trial.session())
    half = pace.keys // 2
    keys = pace.some()
    await board.press(keys[:half], pace.gap_s)
    trial.web.kill()
    await board.press(keys[half:], pace.gap_s)
    await asyncio.sleep(1)
    held = await board.read("unsent")
    await asyncio.to_thread(trial.web.start)
    await board.sent()
    count = counted(board, unsent_meanwhile=held)
    await board.page.close()
    return count


async def offline(trial: Trial, pace: Pace) -> Count:
    """No connection for ten seconds, with keys all along."""
    board = await trial.open(trial.session())
    await trial.context.set_offline(True)
    began = asyncio.get_running_loop().time()
    await board.press(pace.some(), pace.gap_s)
    held = await board.read("unsent")
    await asyncio.sleep(max(0.0, 10 - (asyncio.get_running_loop().time() - began)))
    await trial.context.set_offline(False)
    await board.sent()
    count = counted(board, unsent_meanwhile=held)
    await board.page.close()
    return count


async def reruns(trial: Trial, pace: Pace) -> Count:
    """Keys in spells, with the page around running again between and under them."""
    board = await trial.open(trial.session())
    keys = pace.some()
    spell = max(1, len(keys) // 4)
    for start in range(0, len(keys), spell):
        await board.press(keys[start : start + spell], pace.gap_s)
        await asyncio.sleep(2.45)  # the page runs again 2.5 s after the last answer
    await board.sent()
    count = counted(board)
    await board.page.close()
    return count


async def reload_with_unsent(trial: Trial, pace: Pace) -> Count:
    board = await trial.open(trial.session())
    await board.page.route(_BATCHES, lambda route: route.abort())
    await board.press(pace.some(), pace.gap_s)
    held = await board.read("unsent")
    await board.page.unroute(_BATCHES)
    await board.page.reload()
    await board.ready()
    await board.sent()
    count = counted(board, unsent_meanwhile=held)
    await board.page.close()
    return count


async def closed_tab(trial: Trial, pace: Pace) -> Count:
    """The tab is closed without a connection; the next one sends what it left."""
    session_id = trial.session()
    board = await trial.open(session_id)
    await board.page.route(_BATCHES, lambda route: route.abort())
    await board.press(pace.some(), pace.gap_s)
    held = await board.read("unsent")
    await board.page.close(run_before_unload=True)
    await asyncio.sleep(0.5)
    again = await trial.open(session_id)
    await again.sent()
    count = counted(again, board.pressed, unsent_meanwhile=held)
    await again.page.close()
    return count


async def two_tabs(trial: Trial, pace: Pace) -> Count:
    """Each tab judges marks of its own at the same time: the second one begins where the first will end."""
    session_id = trial.session()
    one, two = await trial.open(session_id), await trial.open(session_id)
    half = pace.keys // 2
    await two.page.bring_to_front()
    for _ in range(half):
        await two.page.keyboard.press("j")
    keys = pace.some()
    for place in range(half):  # a key each in turn: only the tab in front gets keys at their pace
        await asyncio.gather(one.press([keys[place]], 0), two.press([keys[half + place]], 0))
    two.pressed = [(at + 9 * half, verdict) for at, verdict in two.pressed]
    await one.sent()
    await two.sent()
    count = counted(one, one.pressed + two.pressed)
    of_each = all([pair for pair in one.kept() if pair in set(tab.pressed)] == tab.pressed for tab in (one, two))
    await one.page.close()
    await two.page.close()
    return _with(count, in_order=of_each)


async def two_tabs_one_mark(trial: Trial, pace: Pace) -> Count:
    """A tab that hears of nothing judges what the other one judged: it is told so and overwrites nothing."""
    session_id = trial.session()
    one, two = await trial.open(session_id), await trial.open(session_id)
    await two.page.route(_STREAM, lambda route: route.abort())
    await two.page.reload()
    await two.ready()
    await one.page.bring_to_front()
    await one.press(["1"], 0)
    await one.sent()
    await two.page.bring_to_front()
    await two.press(["2"], 0)
    await two.sent()
    shown = await two.page.locator(".notice").inner_text()
    kept, conflicts = one.kept(), one.kept("conflict")
    right = kept == one.pressed and conflicts == two.pressed and "in another tab" in shown
    await one.page.close()
    await two.page.close()
    return Count(2, len(kept), right, 0 if len(kept) == 1 else 1, 0, 0, 0, {"conflicts shown": len(conflicts)})


async def completed_by_another(trial: Trial, pace: Pace) -> Count:
    """Somebody completes the session while its board is open: later keys are refused with a sentence."""
    board = await trial.open(trial.session())
    half = pace.keys // 2
    keys = pace.some()
    await board.press(keys[:half], pace.gap_s)
    await board.sent()
    await board.page.route(_STREAM, lambda route: route.abort())
    with Session(engine_for(trial.desk.database_url)) as session:
        sessions.complete(session, board.session_id, actor=factories.person(session))
        session.commit()
    before = list(board.pressed)
    await board.press(keys[half : half + 3], pace.gap_s)
    await board.sent()
    shown = await board.page.locator(".notice").inner_text()
    kept, refused = board.kept(), len(board.kept("refused"))
    right = kept == before and refused > 0 and "not kept" in shown.lower()
    await board.page.close()
    lost = len(before) - len(kept)
    return Count(len(board.pressed), len(kept), right, lost, 0, 0, 0, {"refused and shown": refused})


def _with(count: Count, *, in_order: bool) -> Count:
    return Count(count.pressed, count.kept, in_order, count.lost, count.twice, count.wrong, count.refused, count.facts)


CASES: Final[Mapping[str, Callable[[Trial, Pace], Awaitable[Count]]]] = {
    "undisturbed": undisturbed,
    "server killed": server_killed,
    "offline for 10 s": offline,
    "reruns": reruns,
    "reload with unsent": reload_with_unsent,
    "closed tab": closed_tab,
    "two tabs": two_tabs,
    "two tabs, one mark": two_tabs_one_mark,
    "completed by another": completed_by_another,
}
