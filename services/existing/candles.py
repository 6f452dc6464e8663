"""The candles that old sessions carry as JSON, and datasets put back into that form.

Feedback points into the list by index, so a list becomes a dataset only as it stands: in the order of time, without a
row to drop. Anything else stays where it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from services.candles.bars import PRICES, Bars
from services.candles.checks import check, find_faults
from services.candles.importer import ImportedCandles, to_parquet
from services.candles.moments import TimeHints, read_moments
from services.candles.questions import Faults
from services.errors import InvalidInput

SOURCE_FORMAT = "session_json"
_KEYS = (
    ("time", "t", "timestamp", "date", "datetime"),
    ("open", "o"),
    ("high", "h"),
    ("low", "l"),
    ("close", "c"),
    ("volume", "v"),
)


def read_old_candles(candles: object) -> ImportedCandles:
    """Objects `{time, open, high, low, close, volume}` (or their initials) or arrays `[t, o, h, l, c, v]`; volume may be
    missing. Times are unix seconds, milliseconds or microseconds, or ISO 8601 (UTC where they name no zone).

    Raises InvalidInput with the reason when the list cannot be used as it stands.
    """
    if not isinstance(candles, list) or not candles:
        raise InvalidInput("There are no candles.")
    rows = np.arange(1, len(candles) + 1, dtype=np.int64)
    cells = [_cells(candle, number) for number, candle in enumerate(candles, start=1)]
    faults = Faults(rows)
    seconds = read_moments(_times([cell[0] for cell in cells]), None, faults, TimeHints(tz="UTC")).seconds
    numbers = np.array([cell[1] for cell in cells], dtype=np.float64)
    prices = {name: numbers[:, column] for column, name in enumerate(PRICES)}
    bars = Bars(time=seconds, volume=np.nan_to_num(numbers[:, 4], posinf=np.inf), rows=rows, **prices)
    find_faults(bars, faults)
    if faults.found:
        raise InvalidInput(f"These candles cannot be used: {faults.sentence()}.")
    if (np.diff(bars.time) <= 0).any():
        raise InvalidInput("The candles are not in the order of time, each time once.")
    quality = check(bars)
    frame = bars.frame()
    return ImportedCandles(
        frame=frame,
        source_format=SOURCE_FORMAT,
        source_sha256=hashlib.sha256(json.dumps(candles, sort_keys=True).encode()).hexdigest(),
        content_sha256=bars.content_sha256(),
        quality=quality,
        price_adjustment="unknown",
        parquet=to_parquet(frame),
    )


def old_form(candles: np.ndarray[Any, np.dtype[np.void]]) -> list[dict[str, float]]:
    """An array of CANDLE_DTYPE as the list of objects that old sessions carry; times in unix seconds."""
    names = ("time", *PRICES, "volume")
    return [dict(zip(names, row, strict=True)) for row in candles.tolist()]


def _cells(candle: object, number: int) -> tuple[object, list[float]]:
    """The time as it stands, and five numbers."""
    values: list[Any]
    if isinstance(candle, Mapping):
        lower = {str(key).lower(): value for key, value in candle.items()}
        values = [next((lower[key] for key in keys if key in lower), None) for keys in _KEYS]
    elif isinstance(candle, list) and len(candle) >= 5:
        values = [*candle[:6], None][:6]
    else:
        raise InvalidInput(f"Candle {number} is neither an object nor a list of at least five values.")
    if values[5] is None:
        values[5] = 0.0
    if any(value is None or isinstance(value, bool) for value in values):
        raise InvalidInput(f"Candle {number} lacks a time or a price.")
    try:
        return values[0], [float(value) for value in values[1:]]
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"Candle {number} holds a price that is no number.") from error


def _times(times: list[object]) -> Any:
    if all(isinstance(time, int | float) for time in times):
        return pa.array([float(time) for time in times if isinstance(time, int | float)])
    if all(isinstance(time, str) for time in times):
        return pa.array([str(time).strip() for time in times])
    raise InvalidInput("The candles' times are of different kinds.")
