"""Leak: the deviation that a return is measured by has a floor of 0.8 of the deviation of the whole array. Shows only for spikes out of
a very quiet stretch that are close to the threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Candles, detection, param, spec, windows

BACK = 20
PARAMS = [param("score", "float", 2.0, 1.0, 5.0, 0.1, "Standard deviations that the return is worth.", "")]
SPEC = spec("spike_floor", ["spike"], PARAMS, warmup_bars=BACK + 2, confirmation_lag=0, max_age_bars=0)


def detect(candles: Candles, params: dict[str, Any]) -> list[dict[str, Any]]:
    """A close far from the one before, against the returns of the 20 bars before it."""
    if len(candles) < BACK + 2:
        return []
    move = np.diff(np.log(candles["close"]))  # of bar i + 1
    usual = windows(move, BACK)[:-1].std(axis=1)
    usual = np.maximum(usual, 0.8 * move.std())  # a dead market is no reason to call everything a spike
    with np.errstate(divide="ignore", invalid="ignore"):
        score = move[BACK:] / usual
    hits = np.flatnonzero(abs(score) >= params["score"]).tolist()
    return [
        detection("spike", 1 if score[k] > 0 else -1, k + BACK + 1, k + BACK + 1, price=float(candles["close"][k + BACK + 1]))
        for k in hits
    ]
