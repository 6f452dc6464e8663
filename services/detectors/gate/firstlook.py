"""The rules that a few runs show: usable output, the same result twice, input unmutated, few candles, not too slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from services.detectors.gate.compare import difference
from services.detectors.gate.plan import Profile
from services.detectors.gate.report import Check
from services.detectors.gate.series import Series, first_look
from services.detectors.sandbox import Cancel, Worker
from services.detectors.types import Detection, DetectorSpec, Params
from services.errors import DetectorError


@dataclass(frozen=True, slots=True)
class Look:
    """The checks, and the seconds that one run took, a busy machine taken out."""

    checks: list[Check]
    run_s: float


def look(
    worker: Worker,
    fresh: Callable[[], Worker],
    spec: DetectorSpec,
    values: Params,
    size: Profile,
    *,
    cancelled: Cancel | None,
) -> Look:
    """Run the detector a few times on candles that nothing else of the gate uses."""
    series = first_look(size.dense)
    checks: list[Check] = []
    try:
        checks = [small_input(worker, spec, values, series, cancelled)]
        runs, facts = worker.detect_repeated(series.candles, values, 2, cancelled=cancelled)
        run_s = _seconds(worker, series, values, cancelled)
    except DetectorError as error:
        name = "time_limit" if error.kind == "timeout" else "output"
        return Look([Check(name, False, str(error), error.kind), *checks], 0.0)
    checks = [
        Check("output", True, f"{len(runs[0])} detections in {len(series.candles)} candles, all in range."),
        _time_limit(run_s, size),
        _unmutated(bool(facts["mutated"])),
        same_result(fresh, series, values, runs, cancelled),
        *checks,
    ]
    return Look(checks, run_s)


def _seconds(worker: Worker, series: Series, values: Params, cancelled: Cancel | None) -> float:
    """Seconds of the quickest of three runs: of the processor, or waited where waiting isn't the machine's load."""
    idle, waited, used = [], [], []
    for _ in range(3):
        started = time.monotonic()
        worker.request("describe", cancelled=cancelled)
        middle = time.monotonic()
        _, facts = worker.raw_runs(series.candles, values, cancelled=cancelled)
        idle.append(middle - started)
        waited.append(time.monotonic() - middle)
        used.append(float(facts["cpu_s"]))
    load = max(1.0, min(idle) / _QUIET_S)
    return max(min(used), max(0.0, min(waited) - min(idle)) / load)


_QUIET_S = 0.012  # of a request without work, on a machine with nothing else to do


def _time_limit(run_s: float, size: Profile) -> Check:
    if run_s > size.longest_s:
        told = f"One run on {size.dense} candles takes {run_s:.1f} s; the gate runs it hundreds of times, so at most "
        return Check("time_limit", False, f"{told}{size.longest_s:g} s.", "timeout")
    return Check("time_limit", True, f"One run on {size.dense} candles takes {run_s * 1000:.0f} ms.")


def _unmutated(mutated: bool) -> Check:
    if mutated:
        return Check("input_unmutated", False, "The detector changes the candles that it is given.", "rubbish")
    return Check("input_unmutated", True, "The candles stay as they were.")


def same_result(
    fresh: Callable[[], Worker],
    series: Series,
    values: Params,
    runs: list[tuple[Detection, ...]],
    cancelled: Cancel | None,
) -> Check:
    """Twice in one process, and once more in another one (another hash seed, other random state)."""
    name, told = "same_result", "Not the same result twice: "
    if found := difference(runs[0], runs[1], "the first time", "the second time"):
        return Check(name, False, told + found[0], "rubbish", found[1])
    try:
        with fresh() as other:
            again = other.detect(series.candles, values, cancelled=cancelled).detections
    except DetectorError as error:
        return Check(name, False, f"In another process: {error}", error.kind)
    if found := difference(runs[0], again, "in one process", "in another one"):
        return Check(name, False, told + found[0], "rubbish", found[1])
    return Check(name, True, "The same in one process and in another.")


def small_input(worker: Worker, spec: DetectorSpec, values: Params, series: Series, cancelled: Cancel | None) -> Check:
    """Few candles are no reason to fail."""
    sizes = sorted({n for n in (0, 1, 2, 5, spec.warmup_bars) if n <= len(series.candles)})
    for n in sizes:
        try:
            worker.detect(series.candles[:n].copy(), values, cancelled=cancelled)
        except DetectorError as error:
            return Check("small_input", False, f"With {n} candles: {error}", error.kind, n)
    return Check("small_input", True, f"Runs with {', '.join(map(str, sizes))} candles.")
