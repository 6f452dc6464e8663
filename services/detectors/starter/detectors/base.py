"""What the detectors share: declarations, detections as plain dicts, the average true range."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Candles = npt.NDArray[np.void]  # fields time, open, high, low, close, volume; one row a closed bar, oldest first
Floats = npt.NDArray[np.float64]


def param(
    name: str,
    type: str,
    default: float | bool,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    help: str = "",
    unit: str = "",
) -> dict[str, Any]:
    """A declared parameter. `type` is int, float or bool; a bool has no bounds.

    `unit` is what it counts (bars, ATR). "price" stands for the candles' own unit: such a parameter grows with the prices.
    """
    bounds = {"low": low, "high": high, "step": step}
    return {"name": name, "type": type, "default": default, **bounds, "help": help, "unit": unit}


def spec(
    pattern_type: str,
    kinds: Sequence[str],
    params: Sequence[dict[str, Any]],
    *,
    warmup_bars: int,
    confirmation_lag: int,
    max_age_bars: int,
    absolute_levels: bool = False,
    clock: bool = False,
) -> dict[str, Any]:
    """What a module declares as SPEC. The bar counts hold for every allowed parameter value.

    `absolute_levels`: it looks at prices as such, for example at round numbers. `clock`: it looks at hours, weekdays or dates.
    """
    return {
        "pattern_type": pattern_type,
        "kinds": list(kinds),
        "params": list(params),
        "warmup_bars": warmup_bars,
        "confirmation_lag": confirmation_lag,
        "max_age_bars": max_age_bars,
        "absolute_levels": absolute_levels,
        "clock": clock,
    }


def detection(
    kind: str,
    direction: int,
    anchor: int,
    confirmed: int,
    *,
    start: int | None = None,
    end: int | None = None,
    price: float | None = None,
    price_low: float | None = None,
    price_high: float | None = None,
    confidence: float | None = None,
    refs: Sequence[int] = (),
    meta: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """One detection; indexes count from 0 in the candles that were passed, prices are in the candles' unit."""
    return {
        "kind": kind,
        "direction": direction,
        "anchor_index": int(anchor),
        "start_index": int(anchor if start is None else start),
        "end_index": int(anchor if end is None else end),
        "confirmed_index": int(confirmed),
        "price": price,
        "price_low": price_low,
        "price_high": price_high,
        "confidence": confidence,
        "refs": [int(r) for r in refs],
        "meta": meta or {},
    }


def windows(values: Floats, size: int) -> Floats:
    """All runs of `size` values, shape (len - size + 1, size); no rows when there are too few values."""
    if len(values) < size:
        return np.empty((0, size))
    return np.lib.stride_tricks.sliding_window_view(values, size)


def atr(candles: Candles, period: int = 14) -> Floats:
    """Average true range: the plain mean of the last `period` true ranges, NaN before bar `period`.

    Wilder's recursive average is not used: it remembers all candles, so that dropping old ones would change it.
    """
    high, low, close = candles["high"], candles["low"], candles["close"]
    out = np.full(len(candles), np.nan)
    if len(candles) > period:
        before = close[:-1]
        true_range = np.maximum(high[1:], before) - np.minimum(low[1:], before)
        out[period:] = windows(true_range, period).mean(axis=1)
    return out
