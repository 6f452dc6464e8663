"""All series of one run of the gate, each in sandboxes of its own, as many at a time as there are cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from services.detectors.gate import metamorphic
from services.detectors.gate.compare import difference, name
from services.detectors.gate.plan import Profile, every, grid, spread
from services.detectors.gate.prefixes import LOOK_AHEAD, WITHDRAWN, Fault, run_prefixes
from services.detectors.gate.report import Check
from services.detectors.gate.series import Series, dense, long, short
from services.detectors.outputs import parse_detections
from services.detectors.sandbox import Cancel, Worker
from services.detectors.types import Candles, Detection, DetectorSpec, Params
from services.errors import DetectorError


@dataclass(frozen=True, slots=True)
class Task:
    """One series: where it is cut, whether it is scaled and moved, and whether early candles are left off."""

    series: Series
    cuts: list[int]
    varied: bool = False
    suffixes: bool = False


@dataclass(slots=True)
class Outcome:
    """What one series showed."""

    faults: list[Fault] = field(default_factory=list)
    marks: int = 0
    lag: Fault | None = None
    suffixes: int | None = None
    scales_apart: int = 0
    moves_apart: int = 0


class GateRun:
    """One run; `checks()` does it. `run_s` is the seconds that one run on the dense candles takes."""

    def __init__(
        self,
        fresh: Callable[[], Worker],
        spec: DetectorSpec,
        values: Params,
        size: Profile,
        own: Candles | None,
        salt: str,
        run_s: float,
        cancelled: Cancel | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.fresh, self.spec, self.values, self.size = fresh, spec, values, size
        self.own, self.salt, self.slow = own, salt, run_s > size.slow_s
        self.progress, self._asked = progress, cancelled
        self.done, self.notes = 0, list[str]()
        self._lock, self._failed = threading.Lock(), threading.Event()
        self.tasks = self._tasks()
        self.planned = sum(len(t.cuts) for t in self.tasks)

    @property
    def exemptions(self) -> tuple[str, ...]:
        """What the module declared that it was let off, as sentences."""
        said = []
        if self.spec.absolute_levels:
            said.append("It declares that it looks at absolute prices, so marks may change with the unit of prices.")
        if self.spec.clock:
            said.append("It declares that it looks at a clock, so marks may change when candles are moved by weeks.")
        return tuple(said)

    def checks(self) -> list[Check]:
        """The rules that take many runs. Raises Cancelled."""
        # One more than there are cores, so that none waits for the last series.
        with ThreadPoolExecutor(1 + (os.cpu_count() or 1)) as pool:
            outcomes = list(pool.map(self._run, self.tasks))
        faults = [f for o in outcomes for f in o.faults]
        marks = sum(o.marks for o in outcomes)
        silent = "" if marks else " It found nothing in these candles, so this says little."
        bars = f"{self.done:,} runs on {len(self.tasks)} series"
        return [
            _check(LOOK_AHEAD, faults, f"Nothing was known before its time in {bars}.{silent}"),
            _check(WITHDRAWN, faults, f"Nothing that was said went away or changed in {bars}."),
            _check(
                "confirmation_lag",
                [o.lag for o in outcomes if o.lag],
                f"At most {self.spec.confirmation_lag} bars, as declared.",
            ),
            _check("bounded_memory", faults, self._memory_sentence(outcomes)),
            _check("price_unit", faults, self._varied_sentence("the unit of prices", self.spec.absolute_levels)),
            _check("other_years", faults, self._varied_sentence("the year", self.spec.clock)),
        ]

    def _tasks(self) -> list[Task]:
        size = self.size
        if self.slow:
            self.notes.append(
                f"The detector is slow, so the series were cut at {size.slow_cuts} fixed places instead of every bar."
            )
        if size.name != "full":
            self.notes.append("This was the small gate, which is for tests alone: it proves little.")
        tasks: list[Task] = []  # the quick ones first: most of what is refused is refused by them
        if size.short:
            count = size.slow_cuts // 5 if self.slow else size.short
            tasks += [Task(s, grid(size.short, count)) for s in short(size.short, self.salt)]
        if self.own is not None and len(self.own) > 1:
            series = Series("the workspace's own candles", self.own)
            tasks.append(Task(series, grid(len(self.own), size.own_cuts), varied=True))
        if size.long:
            tasks.append(Task(long(size.long), grid(size.long, size.long_cuts), varied=True, suffixes=True))
        chosen = dense(size.dense)[-size.series :]
        return [*tasks, *(Task(s, self._cuts(len(s.candles)), varied=True, suffixes=True) for s in chosen)]

    def _cuts(self, bars: int) -> list[int]:
        return grid(bars, self.size.slow_cuts) if self.slow else every(bars)

    def _cancelled(self) -> bool:
        return self._asked is not None and self._asked()

    def _advance(self, runs: int) -> None:
        with self._lock:
            self.done += runs
            if self.progress is not None:
                self.progress(self.done, max(self.planned, self.done))

    def _run(self, task: Task) -> Outcome:
        """One series. The ascending run comes first: nothing has then seen its later bars."""
        out = Outcome()
        if self._failed.is_set():
            return out
        try:
            fault, final = run_prefixes(
                self.fresh,
                task.series,
                self.values,
                task.cuts,
                stop=self._failed.is_set,
                cancelled=self._cancelled,
                advance=self._advance,
            )
            if fault is None and final is not None:
                out.marks, out.lag = len(final), self._lag(final, task.series)
                with self.fresh() as worker:
                    if task.suffixes:
                        fault = self._bounded_memory(worker, task.series, final, out)
                    if fault is None and task.varied:
                        fault = self._varied(worker, task.series, final)
        except DetectorError as error:
            fault = Fault(LOOK_AHEAD, f"In {task.series.name}: {error}", None, error.kind)
        if fault is not None:
            out.faults.append(fault)
        if fault is not None or out.lag is not None:
            self._failed.set()
        return out

    def _lag(self, final: Sequence[Detection], series: Series) -> Fault | None:
        for d in final:
            bars = d.confirmed_index - d.anchor_index
            if bars > self.spec.confirmation_lag:
                said = f"In {series.name} {name(d)} is confirmed {bars} bars later"
                return Fault(
                    "confirmation_lag", f"{said}, declared are {self.spec.confirmation_lag}.", d.anchor_index, "rubbish"
                )
        return None

    @property
    def _need(self) -> int:
        return self.spec.warmup_bars + self.spec.max_age_bars + self.spec.confirmation_lag

    def _bounded_memory(self, worker: Worker, series: Series, final: Sequence[Detection], out: Outcome) -> Fault | None:
        """Candles older than declared don't matter: the later ones alone give the same marks behind that."""
        rows, need = len(series.candles), self._need
        if rows <= need + 1:
            return None
        later = [d.confirmed_index - need for d in final if d.confirmed_index > need]
        starts = {
            *spread(1, rows - need, self.size.suffixes // 2),
            *later[:: max(1, len(later) // (self.size.suffixes // 2))],
        }
        for start in sorted(starts):
            part = series.candles[start:].copy()
            runs, _ = worker.raw_runs(part, self.values, cancelled=self._cancelled)
            self._advance(1)
            marks = parse_detections(runs[0], part, self.spec, offset=start)
            seen = [d for d in marks if d.confirmed_index >= start + need]
            known = [d for d in final if d.confirmed_index >= start + need]
            if found := difference(seen, known, f"with candles from #{start}", "with all of them"):
                told = f"It remembers more than the {need} bars that it declares, in {series.name}: {found[0]}"
                return Fault("bounded_memory", told, found[1], "rubbish")
        out.suffixes = len(starts)
        return None

    def _varied(self, worker: Worker, series: Series, final: Sequence[Detection]) -> Fault | None:
        """Prices in other units and other years; what differs there is run bar by bar as well."""
        scales = metamorphic.scaled(worker, series, self.values, final, cancelled=self._cancelled)
        moves = metamorphic.moved(worker, series, self.values, final, cancelled=self._cancelled)
        self._advance(len(scales) + len(moves))
        apart = [v for v in scales if v.difference]
        if len(apart) == len(scales) and not self.spec.absolute_levels:
            told = f"The unit of prices matters: {apart[0].difference}"
            return Fault("price_unit", told, apart[0].bar, "rubbish")
        away = [v for v in moves if v.difference]
        if away and not self.spec.clock:
            return Fault("other_years", f"The year matters: {away[0].difference}", away[0].bar, "rubbish")
        rerun = [*(scales if self.spec.absolute_levels else apart), *(moves if self.spec.clock else away)]
        count = self.size.slow_cuts // 5 if self.slow else self.size.moved_cuts
        if len(series.candles) > self.size.dense:
            count //= 3
        for variant in rerun:
            fault, _ = run_prefixes(
                self.fresh,
                variant.series,
                variant.values,
                grid(len(series.candles), count),
                stop=self._failed.is_set,
                cancelled=self._cancelled,
                advance=self._advance,
            )
            if fault is not None:
                return fault
        return None

    def _memory_sentence(self, outcomes: Sequence[Outcome]) -> str:
        checked = sum(o.suffixes or 0 for o in outcomes)
        if not checked:
            return f"Not checked: it takes more than {self._need + 1} candles."
        return f"Older candles than the declared {self._need} don't matter, at {checked} cuts."

    def _varied_sentence(self, what: str, exempt: bool) -> str:
        if exempt:
            return f"Declared to depend on {what}; run bar by bar there as well, and nothing changed afterwards."
        return f"The marks don't depend on {what}."


def _check(check: str, faults: Sequence[Fault], sentence: str) -> Check:
    mine = next((f for f in faults if f.check == check), None)
    if mine is None:
        return Check(check, True, sentence)
    return Check(check, False, mine.detail, mine.kind, mine.bar)
