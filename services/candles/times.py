"""Timeframes such as `5m`, `4h`, `1d`, and what the spacing of bars says of them."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from services.candles.bars import Ints, seconds_of
from services.errors import InvalidInput

_DAY = 86_400
_TIMEFRAME = re.compile(r"[1-9][0-9]{0,3}[smhdwM]")
_UNITS = ((7 * _DAY, "w"), (_DAY, "d"), (3600, "h"), (60, "m"), (1, "s"))


def is_timeframe(text: str) -> bool:
    """Whether `text` is a count and a unit: s, m (minutes), h, d, w or M (months), such as `15m`, `4h`, `1d`."""
    return _TIMEFRAME.fullmatch(text) is not None


def timeframe_seconds(text: str) -> int:
    """The length of a timeframe in seconds; a month counts 30 days. Raises InvalidInput."""
    if not is_timeframe(text):
        raise InvalidInput(f'"{text[:20]}" is no timeframe; give one such as 5m, 4h or 1d.')
    units = {"M": 30 * _DAY, **{unit: seconds for seconds, unit in _UNITS}}
    return int(text[:-1]) * units[text[-1]]


def common_step(seconds: Ints) -> int:
    """The most frequent distance between neighbouring bars, the smaller one of two as frequent; 0 for one bar."""
    steps = np.diff(np.sort(seconds))
    steps = steps[steps > 0]
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[np.argmax(counts)])


def timeframe_of(seconds: Ints) -> str | None:
    """The timeframe of bars by their most frequent spacing (`1m`, `4h`, `1d`, `1w`, `1M`…); None for one bar."""
    step = common_step(seconds)
    if not step:
        return None
    months = round(step / (30.4 * _DAY))
    if months and abs(step - months * 30.4 * _DAY) <= 3 * _DAY:
        return f"{months}M"
    for length, unit in _UNITS:
        if step % length == 0 and step // length < 10_000:
            return f"{step // length}{unit}"
    return f"{max(1, round(step / _DAY))}d"


def guess_timeframe(frame: pd.DataFrame) -> str:
    """The timeframe of a canonical frame by its spacing. Raises InvalidInput for fewer than two bars."""
    found = timeframe_of(seconds_of(frame))
    if found is None:
        raise InvalidInput("The timeframe cannot be told from a single candle; name it.")
    return found
