"""Ascending runs: the detector on ever more candles, in a sandbox that has never seen a later one.

What it says at any bar has to stay as it was said, in every field; what is new has to be confirmed by the newest bars; and
all that was ever said has to be what a fresh sandbox says of all candles at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.detectors.gate.compare import Place, changed_field, difference, name, place
from services.detectors.gate.series import Series
from services.detectors.outputs import parse_detections
from services.detectors.sandbox import Cancel, Worker
from services.detectors.types import Detection, DetectorSpec, Params
from services.errors import DetectorError

LOOK_AHEAD, WITHDRAWN = "no_look_ahead", "nothing_withdrawn"


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken rule: the check's name, a sentence, the bar, and the kind of DetectorError that it stands for."""

    check: str
    detail: str
    bar: int | None
    kind: str = "look_ahead"


@dataclass(slots=True)
class Shown:
    """All that was said so far: the checked detection and the row that it came as, by place."""

    spec: DetectorSpec
    series: Series
    marks: dict[Place, Detection] = field(default_factory=dict)
    rows: dict[Place, Mapping[str, Any]] = field(default_factory=dict)
    last: int = 0  # how many candles the run before had

    def take(self, raw: Any, bars: int) -> Fault | None:
        """Compares what was said with `bars` candles with all that was said before, and remembers what is new."""
        fresh = self._rows_by_place(raw)
        if fresh is None:  # not in the usual form: the parser says what is wrong
            checked = parse_detections(raw, self.series.candles[:bars], self.spec)
            fresh = {place(d): {} for d in checked}
            known = {place(d): d for d in checked}
        else:
            odd = [row for at, row in fresh.items() if self.rows.get(at) != row]
            known = {place(d): d for d in parse_detections(odd, self.series.candles[:bars], self.spec)}
        for at, before in self.marks.items():
            if at not in fresh:
                return self._fault(WITHDRAWN, bars, f"it no longer says {name(before)}, {self._earlier()}", at[2])
            if at in known and (changed := changed_field(before, known[at])):
                x, y = getattr(before, changed), getattr(known[at], changed)
                said = f"it says {name(before)} with {changed} {y}; {self._earlier()} with {x}"
                return self._fault(WITHDRAWN, bars, said, at[2])
        for at, mark in known.items():
            if at not in self.marks and mark.confirmed_index < self.last:
                said = (
                    f"it first says {name(mark)}, confirmed at #{mark.confirmed_index} as it claims, but "
                    f"with candles up to #{self.last - 1} it didn't say so"
                )
                return self._fault(LOOK_AHEAD, bars, said, at[2])
        self.marks |= known
        self.rows |= fresh
        self.last = bars
        return None

    def against_all(self, final: Sequence[Detection]) -> Fault | None:
        """Whether the union of all that was ever shown is what a fresh run over all candles says."""
        found = difference(final, self.marks.values(), "with all candles at once", "with one candle after another")
        if found is None:
            return None
        return Fault(LOOK_AHEAD, f"Look-ahead in {self.series.name}: {found[0]}", found[1])

    def _rows_by_place(self, raw: Any) -> dict[Place, Mapping[str, Any]] | None:
        if not isinstance(raw, list):
            return None
        out: dict[Place, Mapping[str, Any]] = {}
        for row in raw:
            if not isinstance(row, dict):
                return None
            kind, direction, anchor = row.get("kind"), row.get("direction"), row.get("anchor_index")
            if not isinstance(kind, str) or not isinstance(direction, int) or not isinstance(anchor, int):
                return None
            out[kind, direction, anchor] = row
        return out if len(out) == len(raw) else None

    def _earlier(self) -> str:
        return f"with candles up to #{self.last - 1} it did"

    def _fault(self, check: str, bars: int, said: str, bar: int) -> Fault:
        return Fault(check, f"Look-ahead in {self.series.name}: with candles up to #{bars - 1} {said}.", bar)


def run_prefixes(
    fresh: Callable[[], Worker],
    series: Series,
    values: Params,
    cuts: Sequence[int],
    *,
    stop: Callable[[], bool],
    cancelled: Cancel | None,
    advance: Callable[[int], None],
) -> tuple[Fault | None, tuple[Detection, ...] | None]:
    """Run the detector on the first t candles for each t of `cuts`, ascending, then on all of them in a fresh sandbox.

    The first fault, and what was said of all candles (None when it didn't come to that). `fresh` makes a sandbox,
    `values` are complete parameters, `stop` ends it early because another series failed.
    """
    with fresh() as worker:
        shown = Shown(worker.spec(cancelled=cancelled), series)
        for bars in [*cuts, len(series.candles)]:
            if stop():
                return None, None
            try:
                runs, _ = worker.raw_runs(series.candles[:bars].copy(), values, cancelled=cancelled)
                fault = shown.take(runs[0], bars)
            except DetectorError as error:
                fault = Fault(LOOK_AHEAD, f"With {bars} of {series.name}: {error}", None, error.kind)
            advance(1)
            if fault is not None:
                return fault, None
    with fresh() as worker:
        spec = worker.spec(cancelled=cancelled)
        runs, _ = worker.raw_runs(series.candles.copy(), values, cancelled=cancelled)
        final = parse_detections(runs[0], series.candles, spec)
    return shown.against_all(final), final
