"""Small synthetic candles for the tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from detectors.base import Candles, Floats

DTYPE = [("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"), ("volume", "<f8")]


def from_closes(closes: Sequence[float] | Floats, wick: float = 0.5) -> Candles:
    """Daily candles that open at the close before and reach `wick` beyond their body on both sides."""
    close = np.asarray(closes, dtype=float)
    out = np.zeros(len(close), dtype=DTYPE)
    out["time"] = 946_857_600 + 86_400 * np.arange(len(close))
    out["close"] = close
    out["open"] = np.concatenate([close[:1], close[:-1]])
    out["high"] = np.maximum(out["open"], close) + wick
    out["low"] = np.minimum(out["open"], close) - wick
    out["volume"] = 1000.0
    return out


def random_walk(rows: int, seed: int = 0) -> Candles:
    """A seeded geometric random walk with daily moves of about 2 %."""
    rng = np.random.default_rng(seed)
    return from_closes(100 * np.exp(np.cumsum(rng.normal(0, 0.02, rows))), wick=0.4)


def defaults(spec: dict[str, object], **other: object) -> dict[str, object]:
    """The declared defaults, some replaced."""
    declared = spec["params"]
    assert isinstance(declared, list)
    return {p["name"]: p["default"] for p in declared} | other
