"""Detectors planted in a throw-away repository, and candles for them."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import numpy as np

from services.detectors.repository import STARTER
from services.detectors.types import CANDLE_DTYPE, Candles

SPEC = """
from .base import *
import numpy as np
SPEC = spec("planted", ["mark"], [param("n", "int", 3, 1, 20, 1)], warmup_bars=40, confirmation_lag=20, max_age_bars=20)
"""


def starter(to: Path) -> Path:
    """A copy of the starter, without git."""
    shutil.copytree(STARTER, to, ignore=shutil.ignore_patterns("__pycache__"))
    return to


def plant(root: Path, body: str, name: str = "planted") -> Path:
    """Write detectors/<name>.py with `body` as the body of detect(candles, params); SPEC declares the kind "mark"."""
    code = SPEC.replace("planted", name) + "\ndef detect(candles, params):\n"
    (root / "detectors" / f"{name}.py").write_text(code + textwrap.indent(textwrap.dedent(body).strip(), "    ") + "\n")
    return root


def random_walk(rows: int, seed: int = 0) -> Candles:
    """A seeded geometric random walk, daily, moves of about 2 %."""
    rng = np.random.default_rng(seed)
    out = np.zeros(rows, dtype=CANDLE_DTYPE)
    out["time"] = 946_857_600 + 86_400 * np.arange(rows)
    out["close"] = 50 * np.exp(np.cumsum(rng.normal(0.0002, 0.02, rows)))
    out["open"] = np.concatenate([[50.0], out["close"][:-1]])[:rows]
    spread = np.abs(rng.normal(0, 0.005, (2, rows)))
    out["high"] = np.maximum(out["open"], out["close"]) * (1 + spread[0])
    out["low"] = np.minimum(out["open"], out["close"]) * (1 - spread[1])
    out["volume"] = rng.integers(1_000, 100_000, rows)
    return out
