"""Running one detector over many windows of datasets, as replay and tuning do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar

from services.detectors.sandbox import Worker
from services.detectors.types import Candles, Detection, Params


class Stretched(Protocol):
    """A window of a dataset; both ends inclusive."""

    @property
    def dataset_id(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


W = TypeVar("W", bound=Stretched)


def detect_windows(
    worker: Worker,
    windows: Iterable[W],
    candles: Callable[[str], Candles],
    params: Params,
    *,
    cancelled: Callable[[], bool] | None = None,
) -> Mapping[W, tuple[Detection, ...]]:
    """Detections of each window, with the warm-up before it that a session gives. Indexes are those of the dataset."""
    spec = worker.spec(cancelled=cancelled)
    found: dict[W, tuple[Detection, ...]] = {}
    for window in windows:
        whole = candles(window.dataset_id)
        first = max(0, window.start - spec.warmup_bars - spec.max_age_bars)
        run = worker.detect(whole[first : window.end + 1], params, offset=first, cancelled=cancelled)
        found[window] = tuple(d for d in run.detections if window.start <= d.anchor_index <= window.end)
    return found
