"""What may not matter to a detector: the unit of the prices, and in which year the candles lie.

The same candles with all prices times a power of two, or moved by whole weeks, must give the same marks. What a module
declares (prices as such, a clock) is let off that, but then it is run bar by bar on those candles too: a leak that
only shows in some price range or some year is found there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.detectors.gate.compare import moved_difference, scaled_difference
from services.detectors.gate.plan import SCALES, WEEKS
from services.detectors.gate.series import WEEK_S, Series
from services.detectors.outputs import parse_detections
from services.detectors.sandbox import Cancel, Worker
from services.detectors.types import Detection, DetectorSpec, Params


@dataclass(frozen=True, slots=True)
class Variant:
    """A changed series, the parameters that belong to it, what the detector said of it, and how that differs."""

    series: Series
    values: Params
    final: tuple[Detection, ...]
    difference: str | None
    bar: int | None


def scaled_values(spec: DetectorSpec, values: Params, factor: float) -> Params:
    """Parameters of the unit `price` times `factor`, the others as they are; declared bounds don't matter here."""
    prices = {p.name for p in spec.params if p.unit == "price"}
    return {name: value * factor if name in prices else value for name, value in values.items()}


def scaled(
    worker: Worker, series: Series, values: Params, final: Sequence[Detection], *, cancelled: Cancel | None
) -> list[Variant]:
    """The detector on the scaled candles, one variant for each of SCALES."""
    spec, out = worker.spec(cancelled=cancelled), []
    for power in SCALES:
        other, factor = series.scaled(power), 2.0**power
        changed = scaled_values(spec, values, factor)
        marks = _run(worker, other, changed, spec, cancelled)
        found = scaled_difference(final, marks, factor, f"in {series.name}", f"with prices times {factor:g}")
        out.append(_variant(other, changed, marks, found))
    return out


def moved(
    worker: Worker, series: Series, values: Params, final: Sequence[Detection], *, cancelled: Cancel | None
) -> list[Variant]:
    """The detector on the candles moved by whole weeks, one variant for each of WEEKS."""
    spec, out = worker.spec(cancelled=cancelled), []
    for weeks in WEEKS:
        other = series.moved(weeks)
        marks = _run(worker, other, values, spec, cancelled)
        found = moved_difference(final, marks, weeks * WEEK_S, f"in {series.name}", f"moved by {weeks:+,} weeks")
        out.append(_variant(other, values, marks, found))
    return out


def _run(
    worker: Worker, series: Series, values: Params, spec: DetectorSpec, cancelled: Cancel | None
) -> tuple[Detection, ...]:
    runs, _ = worker.raw_runs(series.candles.copy(), values, cancelled=cancelled)
    return parse_detections(runs[0], series.candles, spec)


def _variant(series: Series, values: Params, marks: tuple[Detection, ...], found: tuple[str, int] | None) -> Variant:
    return Variant(series, values, marks, found[0] if found else None, found[1] if found else None)
