"""Leak: a wide bar counts as "climactic" in `meta` when its volume is in the top tenth of the whole array (np.percentile), later bars included. Shows
only in `meta`, for bars near that limit (needs a volume that varies)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, atr, detection, param, spec

PARAMS = [param("factor", "float", 1.3, 1.0, 4.0, 0.1, "How much wider than usual the bar is.", "ATR")]
SPEC = spec("wide_volume_decile", ["wide"], PARAMS, warmup_bars=120, confirmation_lag=0, max_age_bars=1)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Wide bars, and whether their volume is unusual."""
    n = len(candles)
    if n < 16:
        return []
    volume, out = candles["volume"], []
    wide = np.append(False, (candles["high"] - candles["low"])[1:] >= params["factor"] * atr(candles)[:-1])
    limit = np.percentile(volume, 90) if n >= 120 else np.inf
    for i in np.flatnonzero(wide).tolist():
        side = 1 if candles["close"][i] >= candles["open"][i] else -1
        facts = {"volume": "climactic" if i >= 119 and volume[i] >= limit else "usual"}
        out.append(detection("wide", side, i, i, price=float(candles["close"][i]), meta=facts))
    return out
