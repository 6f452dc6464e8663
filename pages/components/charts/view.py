"""Which candles are in view, and how the axes of a session's chart are labelled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pandas as pd

VIEW_CANDLES: Final = 125
PAD: Final = 0.06  # of the visible price range, above and below

View = tuple[int, int]


def view_around(center: int, first: int, last: int, size: int = VIEW_CANDLES) -> View:
    """`size` candles around `center`, kept inside first..last (dataset indexes, inclusive)."""
    start = max(first, min(center - size // 2, last - size + 1))
    return start, min(last, start + size - 1)


def inside(view: View | None, candles: pd.DataFrame, center: int | None) -> View:
    """The asked view cut to the candles; without one, around `center` or at the last candles."""
    first, last = int(candles.index[0]), int(candles.index[-1])
    if view is None:
        return view_around(last if center is None else center, first, last)
    start, end = max(first, min(view)), min(last, max(view))
    return (start, end) if start < end else view_around(start, first, last)


def price_range(candles: pd.DataFrame, view: View, extra: Iterable[float] = ()) -> tuple[float, float]:
    """Lowest and highest price to show: the candles in view, the marks' prices in view, and some air."""
    in_view = candles.loc[view[0] : view[1]]
    prices = [float(in_view["low"].min()), float(in_view["high"].max()), *extra]
    low, high = min(prices), max(prices)
    pad = (high - low) * PAD or abs(high) * 0.01 or 1.0
    return low - pad, high + pad


def date_labels(times: pd.Series) -> dict[str, str]:
    """Tick text by candle index. The axis counts candles, so gaps don't show; its ticks read as dates.

    Plotly keeps choosing the ticks, so they stay legible at any zoom. Intraday bars carry the time, data of more
    than ten months carries the year.
    """
    if times.empty:
        return {}
    stamps = pd.DatetimeIndex(times)
    intraday = bool((stamps != stamps.normalize()).any())
    long = (stamps[-1] - stamps[0]).days > 300
    pattern = "%b" + (" %Y" if long and not intraday else "") + (" %H:%M" if intraday else "")
    return {
        str(index): f"{stamp.day} {stamp.strftime(pattern)}" for index, stamp in zip(times.index, stamps, strict=True)
    }
