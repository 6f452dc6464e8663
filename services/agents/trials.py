"""How often the tuner is fooled, and how often it finds what is there: seeded trials on random walks.

`python -m services.agents.trials [trials]` prints both tables: labels that are coin flips, where any claim is false, and
labels made by known parameters with noise, where the tuner must find them. It takes the starter's swings, runs them in
this process, and goes through the same cost, search, replay and hold-out as an execution.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.agents.costs import costs, make_blocks
from services.agents.search import Evaluation, SearchResult, Value, search
from services.detectors.starter.detectors import swings
from services.detectors.types import CANDLE_DTYPE, Candles, Detection, ParamSpec
from services.places import Blocks, Judgement, LabelSet, Spot, Stretch, Window, derive, replay
from services.places.replaying import replay_versions

BARS = 2000
WINDOWS = ((100, 449), (550, 899), (1000, 1349), (1450, 1799))
POINTS = 200
NOISE = 0.10
START: dict[str, Value] = {"left": 5, "right": 3, "prominence": 1.0}
TARGETS = ({"left": 9, "right": 6, "prominence": 2.0}, {"left": 2, "right": 2, "prominence": 0.25})
DAY = 86_400
SPECS = tuple(ParamSpec(**p) for p in swings.SPEC["params"])


@dataclass(frozen=True, slots=True)
class Trial:
    """What one trial came to. `agreement` is the share of marks on fresh candles that the chosen and the true
    parameters have in common, None for random labels."""

    claimed: bool
    deploys: bool
    agreement: float | None
    seconds: float


def walk(bars: int, rng: np.random.Generator) -> Candles:
    """Daily candles of a random walk, shape (bars,)."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    opened = np.concatenate([[100.0], close[:-1]])
    candles = np.zeros(bars, dtype=CANDLE_DTYPE)
    candles["time"], candles["open"], candles["close"] = np.arange(bars) * DAY, opened, close
    candles["high"] = np.maximum(opened, close) * (1 + rng.uniform(0, 0.006, bars))
    candles["low"] = np.minimum(opened, close) * (1 - rng.uniform(0, 0.006, bars))
    return candles


def detect(candles: Candles, params: Mapping[str, Value]) -> list[Detection]:
    """The starter's swings, as detections."""
    times = candles["time"]
    return [
        Detection(
            d["kind"],
            d["direction"],
            d["anchor_index"],
            int(times[d["anchor_index"]]),
            d["start_index"],
            d["end_index"],
            d["confirmed_index"],
            d["price"],
        )
        for d in swings.detect(candles, dict(params))
    ]


def by_window(found: list[Detection]) -> dict[Window, tuple[Detection, ...]]:
    """The detections of the trial's windows."""
    return {Window("d", a, b, "series"): tuple(d for d in found if a <= d.anchor_index <= b) for a, b in WINDOWS}


def labelled(said: list[Judgement], candles: Candles, *, exhaustive: bool) -> LabelSet:
    """The label set of a trial, with the hold-out's blocks."""
    rule = Blocks("series", DAY)
    places = derive(said)
    windows = tuple(Window("d", a, b, "series") for a, b in WINDOWS)
    bars: dict[Any, tuple[Stretch, ...]] = {"tune": (), "holdout": (), "embargo": ()}
    for window in windows:
        for split, its in rule.stretches(window.start, window.end, candles["time"], lag=3).items():
            bars[split] += its
    splits = {p.id: rule.split(p, candles["time"], lag=3) for p in places}
    checked = tuple(w.stretch for w in windows) if exhaustive else ()
    return LabelSet(places, windows, checked, {"series": DAY}, splits, bars=bars)


def judge(
    candles: Candles,
    says: Callable[[Detection], bool],
    truth: list[Detection],
    rng: np.random.Generator,
    *,
    noise: float,
) -> list[Judgement]:
    """A reviewer's judgements of what the start parameters mark, and the places they miss; some are flipped."""
    said: list[Judgement] = []
    started = detect(candles, START)
    marked = {(d.anchor_index, d.direction) for d in started}
    for a, b in WINDOWS:
        for d in started:
            if a <= d.anchor_index <= b:
                right = says(d) != (rng.random() < noise)
                said.append(_judgement(len(said), d, "confirmed" if right else "false_positive"))
        for d in truth:
            if a <= d.anchor_index <= b and (d.anchor_index, d.direction) not in marked and rng.random() >= noise:
                said.append(_judgement(len(said), d, "false_negative"))
    return said


def _judgement(number: int, d: Detection, verdict: str) -> Judgement:
    spot = Spot(d.anchor_index, d.anchor_time)
    missed = verdict == "false_negative"
    return Judgement(
        f"{number:06}",
        float(number),
        "ann",
        "s",
        "series",
        d.kind,
        d.direction,
        verdict,
        said=None if missed else spot,
        expected=spot if missed else None,
        detection=None if missed else d.key,
    )


def tune(labels: LabelSet, candles: Candles, *, seed: int, max_points: int = POINTS) -> SearchResult:
    """The tuner's search on the tune part, as an execution makes it."""
    part = labels.only("tune")
    blocks = make_blocks(part)
    now = part.fit(by_window(detect(candles, START)))
    precision = now.counts.precision or 0.0

    def evaluate(params: dict[str, Value]) -> Evaluation:
        fitted = part.fit(by_window(detect(candles, params)))
        return Evaluation(costs(fitted, blocks, precision), replay(now, fitted, "net").passes)

    return search(SPECS, START, evaluate, judged=part.judged, seed=seed, max_points=max_points)


def trial(kind: str, seed: int, *, max_points: int = POINTS) -> Trial:
    """One seeded trial of `random` or `known` labels; every second one has its windows fully checked."""
    rng = np.random.default_rng(seed)
    candles = walk(BARS, rng)
    started = time.perf_counter()
    target = TARGETS[seed // 2 % len(TARGETS)]
    if kind == "random":
        strangers = [d for d in detect(candles, {"left": 1, "right": 1, "prominence": 0.0}) if rng.random() < 0.15]
        said = judge(candles, lambda _: bool(rng.random() < 0.5), strangers, rng, noise=0.0)
    else:
        true = {(d.anchor_index, d.direction) for d in detect(candles, target)}
        said = judge(
            candles, lambda d: (d.anchor_index, d.direction) in true, detect(candles, target), rng, noise=NOISE
        )
    labels = labelled(said, candles, exhaustive=seed % 2 == 0)
    found = tune(labels, candles, seed=seed, max_points=max_points)
    before, after = by_window(detect(candles, START)), by_window(detect(candles, found.best_params))
    result = replay_versions(labels, before, after, policy="net")
    passes = result.verdict is not None and result.verdict.passes and not result.holdout_ends
    claimed = result.claim is not None and result.claim.word == "better"
    seconds = time.perf_counter() - started
    agreement = None
    if kind == "known":
        fresh = walk(BARS, rng)
        a, b = ({(d.anchor_index, d.direction) for d in detect(fresh, p)} for p in (target, found.best_params))
        agreement = len(a & b) / len(a | b)
    return Trial(found.improved and claimed, found.improved and passes, agreement, seconds)


def main() -> None:
    """Prints both tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for kind in ("random", "known"):
        made = [trial(kind, seed) for seed in range(count)]
        line = f"{kind:7} {count} trials: {sum(t.deploys for t in made)} deploy, {sum(t.claimed for t in made)} claim better"
        if kind == "known":
            reached = [t.agreement for t in made if t.deploys and t.agreement is not None]
            line += f", agreement on fresh candles {np.mean(reached) if reached else 0.0:.2f} (least {min(reached, default=0.0):.2f})"
        sys.stdout.write(f"{line}, {np.mean([t.seconds for t in made]):.1f} s a trial\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
