"""What a test's worker does before it starts: tighter limits, shorter pauses, or an agent that makes a bad change."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from functools import partial
from typing import Any

from services.agents import registry, tuner
from services.agents.protocol import AgentChange, GateRefusal, Plan, Work
from services.database import engine as database
from services.deploys import local, vercel, waiting
from services.detectors import sandbox
from services.detectors.bundle import write_params
from services.detectors.contract import check_contract
from services.detectors.gate.plan import SMALL
from services.detectors.types import DetectorSpec
from services.settings import get_settings
from services.worker import decisions, main, notifying, testing


def small_limits() -> None:
    """Detectors get two seconds and little memory, so that one which loops is found out soon."""
    sandbox.Limits = partial(sandbox.Limits, wall_s=2.0, cpu_s=2, memory_mb=512)  # type: ignore[misc, assignment]


def short_pauses() -> None:
    """Pauses between retries are short."""
    decisions.FIRST_PAUSE_S = 0.2


def shortest_pauses() -> None:
    """Pauses so short that a run gets through all of its retries, and still grow up to a longest one; and
    quicker looks at a deploy."""
    decisions.FIRST_PAUSE_S = 0.1
    decisions.LONGEST_PAUSE_S = 0.4
    setattr(vercel, "Pace", partial(waiting.Pace, poll_s=0.2))  # noqa: B010  # the module's name of another's class


def looks_when_called() -> None:
    """An idle worker looks at its queues when it is called, and else not within any test."""
    main.IDLE_S = dict.fromkeys(main.IDLE_S, 600.0)  # type: ignore[misc]


def short_lock_timeout() -> None:
    """Whoever waits for a lock of the database gives up soon."""
    database.CONNECT_ARGS["options"] = database.CONNECT_ARGS["options"].replace(
        "lock_timeout=15s", "lock_timeout=200ms"
    )


def endless_pause() -> None:
    """The first pause is longer than any test."""
    decisions.FIRST_PAUSE_S = 600.0
    decisions.LONGEST_PAUSE_S = 600.0


def notices_retry_at_once() -> None:
    """Notices are tried again at once."""
    notifying.PAUSES_S = (0.1, 0.1, 0.1, 0.1)


def notices_retry_often() -> None:
    """Notices are tried again at once, a hundred times, and get three seconds for an answer."""
    notifying.SEND_S = 3.0
    notifying.PAUSES_S = (0.1,) * 100


def notices_retry_in_seconds() -> None:
    """Notices are tried again after some seconds."""
    notifying.PAUSES_S = (5.0,)


def notices_wait_forever() -> None:
    """Notices wait for an answer, and for their next try, longer than any test."""
    notifying.SEND_S = 600.0
    notifying.PAUSES_S = (600.0,)


class WorseAgent:
    """An agent that means well and changes the parameters for the worse; told so, it has nothing better."""

    name = origin = "tuner"

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan:
        return Plan("Be stricter.")

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        write_params(work.worktree, work.pattern_type, {"left": 20, "right": 20, "prominence": 4.0})
        return AgentChange(True, "Stricter.", "Be stricter", ("everything stricter",))

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
        return AgentChange(False, "I have nothing better.")


class SharedFileAgent(WorseAgent):
    """An agent that changes a file which all patterns share."""

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        with (work.worktree / "detectors" / "base.py").open("a") as file:
            file.write("\nEXTRA = 1\n")
        return AgentChange(True, "Shared.", "Change what all share")


class EndlessSearchAgent(WorseAgent):
    """Refuses to find anything better: its refining runs the detector until it is told to stop."""

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
        candles = work.candles(work.labels.windows[0].dataset_id)
        with sandbox.warm(work.worktree, work.pattern_type) as worker:
            while True:
                worker.detect(candles, {}, cancelled=work.cancelled)


def endless_search_agent() -> None:
    registry.make = lambda name: EndlessSearchAgent()


def endless_contract() -> None:
    """The contract is tried at so many cuts that it takes minutes."""
    endless = replace(SMALL, name="endless", dense=20_000)
    setattr(testing, "check_contract", partial(check_contract, profile=endless))  # noqa: B010  # another's name


def endless_local_deploy() -> None:
    """The local deploy tries each detector so often that it takes minutes."""
    setattr(local, "patterns", lambda _root: ["swings"] * 100_000)  # noqa: B010  # the module's name of another's


def no_room_at_first() -> None:
    """The disk is full when the agent's first three changes are written."""
    times = iter(range(3))

    def fails(*given: Any) -> None:
        if next(times, None) is not None:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_params(*given)

    setattr(tuner, "write_params", fails)  # noqa: B010  # the module's name of another's


def worse_agent() -> None:
    registry.make = lambda name: WorseAgent()


def shared_file_agent() -> None:
    registry.make = lambda name: SharedFileAgent()


class CuriousAgent(WorseAgent):
    """An agent that writes down all that it gets to see, in the file `agent-saw.json` of the data folder."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def _note(self, turn: str, work: Work, refusal: GateRefusal | None = None) -> None:
        files = {
            str(p.relative_to(work.worktree)): p.read_text(errors="replace")
            for p in work.worktree.rglob("*")
            if p.is_file()
        }
        whole = f"{work.labels!r}\n{sorted(work.sent_ids)}\n{work.current_params}\n{work.refused_params}"
        told = "" if refusal is None else f"{refusal.sentence}\n{refusal.log}\n{refusal.broken_ids}"
        self._seen |= {f"{turn} prompt": work.prompt.decode(), f"{turn} labels": whole, f"{turn} refusal": told}
        self._seen |= {f"{turn} file {name}": text for name, text in files.items()}
        (get_settings().data_dir / "agent-saw.json").write_text(json.dumps(self._seen))

    def plan(self, work: Work, spec: DetectorSpec | None) -> Plan:
        self._note("plan", work)
        return super().plan(work, spec)

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        self._note("implement", work)
        return super().implement(work, spec, plan)

    def refine(self, work: Work, spec: DetectorSpec | None, refusal: GateRefusal, round_number: int) -> AgentChange:
        self._note("refine", work, refusal)
        return super().refine(work, spec, refusal, round_number)


def curious_agent() -> None:
    made = CuriousAgent()
    registry.make = lambda name: made


class ForgetsAgent(WorseAgent):
    """An agent whose detector marks nothing at the prices that `forget.json` of the data folder names."""

    def implement(self, work: Work, spec: DetectorSpec | None, plan: Plan) -> AgentChange:
        prices = json.loads((get_settings().data_dir / "forget.json").read_text())
        file = work.worktree / "detectors" / "swings.py"
        text = file.read_text().replace("max_age_bars=0", "max_age_bars=0, absolute_levels=True")
        text = text.replace("def detect(", f"FORGOTTEN = {prices!r}\n\n\ndef detect(")
        text = text.replace(
            "for i, side in find_swings(candles, params)",
            'for i, side in find_swings(candles, params)\n        if candles["high" if side > 0 else "low"][i] not in FORGOTTEN',
        )
        file.write_text(text)
        return AgentChange(True, "Fewer.", "Mark fewer", ("fewer marks",))


def forgets_agent() -> None:
    registry.make = lambda name: ForgetsAgent()
