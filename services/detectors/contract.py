"""The detector contract, checked by running the detector: what a version must hold before it may be deployed.

Look-ahead and repainting by prefixes: for a cut t, detect(C[:t]) must equal the detections of detect(C) that were
confirmed before t. Bounded memory by suffixes: detect(C[s:]) must agree with detect(C) on all that is confirmed after
the declared warm-up, age and lag.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from services.detectors.sandbox import Cancel, Limits, Worker, warm
from services.detectors.types import Candles, Detection, DetectorSpec, Params
from services.errors import DetectorError

_REL_TOL = 1e-9  # sums over differently aligned arrays may differ in their last bits
_Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Check:
    """One rule; `detail` is a sentence, `kind` the kind of DetectorError that it stands for when it failed."""

    name: str
    passed: bool
    detail: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class ContractReport:
    """What the contract run saw. `cuts` is the number of prefixes and suffixes that were run."""

    passed: bool
    checks: tuple[Check, ...]
    cuts: int
    duration_s: float

    @property
    def failure(self) -> Check | None:
        """The first rule that was broken."""
        return next((check for check in self.checks if not check.passed), None)


def check_contract(
    root: Path,
    pattern_type: str,
    candles: Candles,
    params: Params,
    *,
    cuts: int = 20,
    seed: int = 0,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
) -> ContractReport:
    """Check `<root>/detectors/<pattern_type>.py` on `candles`; `cuts` random cuts, and those next to detections.

    A broken rule is a failed check, not an error; only Cancelled and InvalidInput are raised. The same seed makes the
    same cuts.
    """
    started = time.monotonic()
    with warm(root, pattern_type, limits=limits, form=form) as worker:
        run = _ContractRun(worker, candles, params, random.Random(seed), cancelled)
        checks = run.all(cuts)
    return ContractReport(all(c.passed for c in checks), tuple(checks), run.cuts, time.monotonic() - started)


class _ContractRun:
    def __init__(
        self, worker: Worker, candles: Candles, params: Params, rng: random.Random, cancelled: Cancel | None
    ) -> None:
        self.worker, self.candles, self.params = worker, candles, params
        self.rng, self.cancelled = rng, cancelled
        self.full: tuple[Detection, ...] = ()
        self.cuts = 0

    def detect(self, start: int, end: int) -> tuple[Detection, ...]:
        part = self.candles[start:end].copy()
        return self.worker.detect(part, self.params, offset=start, cancelled=self.cancelled).detections

    def all(self, cuts: int) -> list[Check]:
        try:
            spec = self.worker.spec(cancelled=self.cancelled)
            runs, facts = self.worker.detect_repeated(self.candles, self.params, 2, cancelled=self.cancelled)
        except DetectorError as error:
            return [Check("time_limit" if error.kind == "timeout" else "output", False, str(error), error.kind)]
        self.full = runs[0]
        return [
            Check("output", True, f"{len(self.full)} detections in {len(self.candles)} candles, all in range."),
            Check("time_limit", True, f"One run took {facts['run_ms']:.0f} ms."),
            self.unmutated(bool(facts["mutated"])),
            self.same_result(runs),
            self.small_input(spec),
            self.no_look_ahead(cuts),
            self.confirmation_lag(spec),
            self.bounded_memory(spec, cuts),
        ]

    def unmutated(self, mutated: bool) -> Check:
        if mutated:
            return Check("input_unmutated", False, "The detector changes the candles that it is given.", "rubbish")
        return Check("input_unmutated", True, "The candles stay as they were.")

    def same_result(self, runs: Sequence[tuple[Detection, ...]]) -> Check:
        """Twice in one process, and once more in another one (another hash seed, other random state)."""
        name, told = "same_result", "Not the same result twice: "
        if found := _difference(runs[0], runs[1], "the first time", "the second time"):
            return Check(name, False, told + found, "rubbish")
        worker = self.worker
        try:
            with Worker(worker.root, worker.pattern_type, limits=worker.limits, form=worker.form) as other:
                again = other.detect(self.candles, self.params, cancelled=self.cancelled).detections
        except DetectorError as error:
            return Check(name, False, f"In another process: {error}", error.kind)
        if found := _difference(runs[0], again, "in one process", "in another one"):
            return Check(name, False, told + found, "rubbish")
        return Check(name, True, "The same in one process and in another.")

    def small_input(self, spec: DetectorSpec) -> Check:
        sizes = sorted({n for n in (0, 1, 2, 5, spec.warmup_bars) if n <= len(self.candles)})
        for n in sizes:
            try:
                self.detect(0, n)
            except DetectorError as error:
                return Check("small_input", False, f"With {n} candles: {error}", error.kind)
        return Check("small_input", True, f"Runs with {', '.join(map(str, sizes))} candles.")

    def sample(self, found: Iterable[Detection], count: int) -> list[Detection]:
        among = list(found)
        return self.rng.sample(among, min(count, len(among)))

    def no_look_ahead(self, cuts: int) -> Check:
        name, rows = "no_look_ahead", len(self.candles)
        at = {self.rng.randrange(rows) for _ in range(cuts)} if rows else set()
        for d in self.sample(self.full, max(1, cuts // 2)):
            at |= {d.anchor_index + 1, d.confirmed_index, d.confirmed_index + 1}
        for t in sorted(at):
            try:
                seen = self.detect(0, t)
            except DetectorError as error:
                return Check(name, False, f"With candles up to #{t - 1}: {error}", error.kind)
            self.cuts += 1
            known = tuple(d for d in self.full if d.confirmed_index < t)
            if found := _difference(seen, known, f"with candles up to #{t - 1}", "with all of them"):
                return Check(name, False, f"Look-ahead: {found}", "look_ahead")
        told = "" if self.full else " It found nothing in these candles, so this says little."
        return Check(name, True, f"Nothing changes at {len(at)} cuts.{told}")

    def confirmation_lag(self, spec: DetectorSpec) -> Check:
        for d in self.full:
            if d.confirmed_index - d.anchor_index > spec.confirmation_lag:
                told = f"{_name(d)} is confirmed {d.confirmed_index - d.anchor_index} bars later"
                return Check("confirmation_lag", False, f"{told}, declared are {spec.confirmation_lag}.", "rubbish")
        return Check("confirmation_lag", True, f"At most {spec.confirmation_lag} bars, as declared.")

    def bounded_memory(self, spec: DetectorSpec, cuts: int) -> Check:
        name, rows = "bounded_memory", len(self.candles)
        need = spec.warmup_bars + spec.max_age_bars + spec.confirmation_lag  # counted back from the confirming bar
        if rows <= need + 1:
            return Check(name, True, f"Not checked: it takes more than {need + 1} candles, these are {rows}.")
        at = {self.rng.randrange(1, rows - need) for _ in range(max(3, cuts // 2))}
        later = (d for d in self.full if d.confirmed_index > need)
        at |= {d.confirmed_index - need for d in self.sample(later, max(2, cuts // 4))}
        for s in sorted(at):
            try:
                seen = [d for d in self.detect(s, rows) if d.confirmed_index >= s + need]
            except DetectorError as error:
                return Check(name, False, f"With candles from #{s}: {error}", error.kind)
            self.cuts += 1
            known = [d for d in self.full if d.confirmed_index >= s + need]
            if found := _difference(seen, known, f"with candles from #{s}", "with all of them"):
                told = f"It remembers more than the {need} bars that it declares: {found}"
                return Check(name, False, told, "rubbish")
        return Check(name, True, f"Older candles than the declared {need} don't matter, at {len(at)} cuts.")


def _name(d: Detection) -> str:
    sign = {1: "+1", -1: "-1", 0: "0"}[d.direction]
    return f"{d.kind} {sign} at #{d.anchor_index}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=_REL_TOL, abs_tol=1e-12)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _places(found: Iterable[Detection]) -> dict[_Place, Detection]:
    return {(d.kind, d.direction, d.anchor_index): d for d in found}


def _difference(one: Iterable[Detection], other: Iterable[Detection], here: str, there: str) -> str:
    """The first difference as a clause with a full stop, or an empty string."""
    ours, theirs = _places(one), _places(other)
    for place in sorted(ours.keys() | theirs.keys(), key=lambda p: (p[2], p)):
        a, b = ours.get(place), theirs.get(place)
        if a is None or b is None:
            d, yes, no = (a, here, there) if a is not None else (b, there, here)
            assert d is not None
            return f"{yes} the detector says {_name(d)} (confirmed at #{d.confirmed_index}), {no} it doesn't."
        for field in fields(a):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if not _same(x, y):
                return f"{here} the detector says {_name(a)} with {field.name} {x}, {there} {y}."
    return ""
