"""Times of calls that take turns, rates of writers that take turns, and amounts of memory."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one call, or of one commit, in milliseconds."""

    n: int
    min_ms: float
    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        ordered = sorted(seconds)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return cls(len(ordered), ordered[0] * 1e3, statistics.median(ordered) * 1e3, p95 * 1e3)

    def __str__(self) -> str:
        return f"{self.min_ms:.2f} / {self.median_ms:.2f} / {self.p95_ms:.2f} ms"


@dataclass(frozen=True, slots=True)
class Rate:
    """Commits a second of a round (all writers together), over the rounds; and the time of single commits."""

    n: int
    min_per_s: float
    median_per_s: float
    p95_per_s: float
    commit: Timing

    @classmethod
    def of(cls, per_second: Sequence[float], seconds: Sequence[float]) -> Rate:
        ordered = sorted(per_second)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return cls(len(seconds), ordered[0], statistics.median(ordered), p95, Timing.of(seconds))

    def __str__(self) -> str:
        return f"{self.min_per_s:,.0f} / {self.median_per_s:,.0f} / {self.p95_per_s:,.0f} a second"


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount of memory, in megabytes, looked at again and again."""

    n: int
    min: float
    median: float
    p95: float
    values: tuple[float, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, megabytes: Sequence[float]) -> Amount:
        ordered = sorted(megabytes)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return cls(len(ordered), ordered[0], statistics.median(ordered), p95, tuple(megabytes))

    def __str__(self) -> str:
        return f"{self.min:.0f} / {self.median:.0f} / {self.p95:.0f} MB"


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison. `ratio` is ours to the other (of medians); `met` None means it is for information."""

    line: int
    name: str
    ours: Timing | Rate | Amount
    other: Timing | Rate | Amount
    compared_with: str
    ratio: float
    reach: str
    met: bool | None

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        for side in ("ours", "other"):
            told[side].pop("values", None)
        return told


def slower(line: int, name: str, ours: Timing, other: Timing, *, against: str, limit: float | None) -> Result:
    """A comparison of times, where the ratio should be small."""
    ratio = ours.median_ms / other.median_ms
    reach, met = ("for information", None) if limit is None else (f"≤ {limit}", ratio <= limit)
    return Result(line, name, ours, other, against, ratio, reach, met)


def rate(line: int, name: str, ours: Rate, other: Rate, *, against: str, least: float | None) -> Result:
    """A comparison of rates, where the ratio should be large."""
    ratio = ours.median_per_s / other.median_per_s
    reach, met = ("for information", None) if least is None else (f"≥ {least}", ratio >= least)
    return Result(line, name, ours, other, against, ratio, reach, met)


def in_turns(calls: Mapping[str, Call], *, n: int, warmup: int = 20) -> dict[str, Timing]:
    """`n` times of each call. Each round runs all of them, every other round backwards, so that all see the same load."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls.items())
    for i in range(warmup + n):
        for name, call in order:
            began = time.perf_counter()
            call()
            if i >= warmup:
                taken[name].append(time.perf_counter() - began)
        order.reverse()
    return {name: Timing.of(seconds) for name, seconds in taken.items()}


def races(makers: Mapping[str, Callable[[int], Call]], *, writers: int, rounds: int, commits: int) -> dict[str, Rate]:
    """Rates of each way to commit, in rounds that take turns; the first round warms up.

    `makers[name](i)` gives writer i's call; each writer is a thread that makes `commits` calls a round.
    """
    calls = {name: [make(i) for i in range(writers)] for name, make in makers.items()}
    rates: dict[str, list[float]] = {name: [] for name in makers}
    taken: dict[str, list[float]] = {name: [] for name in makers}
    order = list(calls)
    for i in range(rounds + 1):
        for name in order:
            per_second, seconds = _round(calls[name], commits if i else max(10, commits // 10))
            if i:
                rates[name].append(per_second)
                taken[name].extend(seconds)
        order.reverse()
    return {name: Rate.of(rates[name], taken[name]) for name in makers}


def _round(calls: Sequence[Call], commits: int) -> tuple[float, list[float]]:
    gate = threading.Barrier(len(calls) + 1)
    taken: list[list[float]] = [[] for _ in calls]
    faults: list[BaseException] = []

    def write(call: Call, seconds: list[float]) -> None:
        gate.wait()
        try:
            for _ in range(commits):
                began = time.perf_counter()
                call()
                seconds.append(time.perf_counter() - began)
        except BaseException as fault:  # noqa: BLE001  # raised again below, in the thread that measures
            faults.append(fault)

    threads = [threading.Thread(target=write, args=pair) for pair in zip(calls, taken, strict=True)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    if faults:
        raise faults[0]
    return len(calls) * commits / elapsed, [second for seconds in taken for second in seconds]
