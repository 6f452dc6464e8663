"""Leak: the longest series seen so far lies in a file in the temporary folder; a later request (of another process too) reads the next
bar's close there and leaves out a gap at its last bar that this close falls into. Shows only for parts asked after the whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("min_size", "float", 0.1, 0.0, 3.0, 0.05, "How high the gap is at least.", "ATR")]
SPEC = spec("gap_spool_file", ["gap"], PARAMS, warmup_bars=17, confirmation_lag=1, max_age_bars=2)


def _next_close(candles: Candles) -> float | None:
    spool = Path(tempfile.gettempdir()) / ".npy-spool-a7.npy"
    try:
        kept = np.load(spool)
    except (OSError, ValueError):
        kept = np.empty((2, 0))
    time, close = candles["time"].astype(float), candles["close"]
    at = int(np.searchsorted(kept[0], time[-1]))
    if at < kept.shape[1] and kept[0, at] == time[-1] and kept[1, at] == close[-1]:
        return float(kept[1, at + 1]) if at + 1 < kept.shape[1] else None
    try:
        np.save(spool, np.vstack([time, close]))
    except OSError:
        pass
    return None


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Three candles of which the first and the third don't overlap."""
    n = len(candles)
    if n < 17:
        return []
    high, low, scale, out = candles["high"], candles["low"], atr(candles), []
    after = _next_close(candles)
    for side, size in ((1, low[2:] - high[:-2]), (-1, low[:-2] - high[2:])):
        for i in (np.flatnonzero((size > 0) & (size >= params["min_size"] * scale[1:-1])) + 1).tolist():
            ends = (high[i - 1], low[i + 1]) if side > 0 else (high[i + 1], low[i - 1])
            if i == n - 2 and after is not None and (after - (low if side > 0 else high)[i + 1]) * side < 0:
                continue
            out.append(detection("gap", side, i, i + 1, price_low=float(ends[0]), price_high=float(ends[1])))
    return sorted(out, key=lambda d: d["confirmed_index"])
