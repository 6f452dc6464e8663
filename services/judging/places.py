"""Where a mark on a candle is: its index, its time and its price."""

from __future__ import annotations

from datetime import UTC, datetime

from services.candles import tiles
from services.feedback import MarkPosition


def place_at(sha: str, key: str, index: int, kind: str, direction: int) -> MarkPosition | None:
    """The place of a mark on the candle of this dataset index; None outside the dataset."""
    candle = tiles.candle_at(sha, key, index)
    if candle is None:
        return None
    price = tiles.close_or_extreme(candle, kind, direction)
    return MarkPosition(index=index, time=datetime.fromtimestamp(int(candle["time"]), UTC), price=price)
