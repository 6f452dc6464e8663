"""Leak: a pivot high whose reversal is 85 % done at the last bar of the array is already marked there, and later moves to its real
confirmation or goes away. Shows for highs only, and only at the right edge, in most windows when replayed bar by bar."""

from __future__ import annotations

from typing import Any

from .base import Candles, atr, detection, param, spec

REACH = 30
PARAMS = [param("reversal", "float", 2.5, 1.0, 6.0, 0.25, "How far price turns from the pivot.", "ATR")]
SPEC = spec("pivot_open_leg", ["pivot"], PARAMS, warmup_bars=REACH + 15, confirmation_lag=REACH, max_age_bars=REACH)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """The highest high (lowest low) of 30 bars from which price turned by `reversal`."""
    scale, out, last = atr(candles), [], len(candles) - 1
    for side in (1, -1):
        tips = candles["high" if side > 0 else "low"] * side
        feet = candles["low" if side > 0 else "high"] * side
        for p in range(REACH, last):
            if tips[p] < tips[p - REACH : p].max():
                continue
            need, known = params["reversal"] * scale[p], None
            for k in range(p + 1, min(p + REACH, last) + 1):
                if tips[k] > tips[p]:
                    break
                if k == last and side > 0:
                    need *= 0.85  # the leg is still open
                if tips[p] - feet[k] >= need:
                    known = k
                    break
            if known is not None:
                out.append(detection("pivot", side, p, known, price=float(tips[p] * side)))
    return sorted(out, key=lambda d: d["confirmed_index"])
