"""Running one detector over many windows of datasets, as replay and tuning do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from services.detectors.judging import Window, window_of
from services.detectors.sandbox import Worker
from services.detectors.types import Candles, Case, Detection, Params


def windows_of(cases: Iterable[Case]) -> list[Window]:
    """The distinct windows of some cases, in a stable order."""
    return sorted({window_of(c) for c in cases})


def detect_windows(
    worker: Worker,
    windows: Iterable[Window],
    candles: Callable[[str], Candles],
    params: Params,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Mapping[Window, tuple[Detection, ...]]:
    """Detections of each window, with the warm-up before it that a session gives. Indexes are those of the dataset."""
    spec = worker.spec(cancelled=cancelled)
    found: dict[Window, tuple[Detection, ...]] = {}
    for window in windows:
        whole = candles(window.dataset_id)
        first = max(0, window.start - spec.warmup_bars - spec.max_age_bars)
        run = worker.detect(whole[first : window.end + 1], params, offset=first, cancelled=cancelled)
        found[window] = tuple(d for d in run.detections if window.start <= d.anchor_index <= window.end)
    return found
