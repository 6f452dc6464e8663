"""A judgement's columns out of the mark that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.lifecycle import Verdict
from services.models import Detection, FeedbackItem, PatternSession, now


@dataclass(frozen=True, slots=True)
class MarkPosition:
    """Where a mark should be. `index` and `time` are of the dataset; prices bound a zone where they are given."""

    index: int
    time: datetime
    price: float | None = None
    low: float | None = None
    high: float | None = None


def fill(
    item: FeedbackItem, row: PatternSession, detection: Detection, verdict: Verdict, expected: MarkPosition | None
) -> None:
    """Writes the judgement so that it can be replayed alone: place, window, what was and what should be."""
    item.verdict, item.judged_at = verdict, now()
    item.candle_index, item.candle_time, item.price = detection.anchor_index, detection.anchor_time, detection.price
    item.dataset_id, item.window_start, item.window_end = row.dataset_id, row.start_index, row.end_index
    item.original = _snapshot(detection)
    item.expected_kind, item.expected_direction = detection.kind, detection.direction
    wanted = expected
    if verdict == Verdict.CONFIRMED:
        wanted = MarkPosition(
            detection.anchor_index, detection.anchor_time, detection.price, detection.price_low, detection.price_high
        )
    item.expected_index = wanted.index if wanted else None
    item.expected_time = wanted.time if wanted else None
    item.expected_price = wanted.price if wanted else None
    item.expected_low = wanted.low if wanted else None
    item.expected_high = wanted.high if wanted else None


def _snapshot(d: Detection) -> dict[str, Any]:
    return {
        "key": d.key,
        "kind": d.kind,
        "direction": d.direction,
        "anchor_index": d.anchor_index,
        "anchor_time": d.anchor_time.isoformat(),
        "start_index": d.start_index,
        "end_index": d.end_index,
        "price": d.price,
        "price_low": d.price_low,
        "price_high": d.price_high,
        "confirmed_index": d.confirmed_index,
    }
