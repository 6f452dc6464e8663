"""Candles as JSON arrays, `[[time, open, high, low, close, volume, …], …]`: what ccxt and exchanges give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from services.candles.bars import PRICES, Floats, RawCandles, rows_text
from services.candles.source import MAX_ROWS, Source
from services.errors import InvalidInput

NAME = "json"


def recognises(source: Source) -> bool:
    return source.text is not None and source.text.lstrip()[:1] in ("[", "{")


def read(source: Source) -> RawCandles:
    """Rows are counted from 1. Raises InvalidInput for what is no list of equally long rows of numbers."""
    table = _table(_load(source.text or ""))
    return RawCandles(
        time=pa.array(table[:, 0], from_pandas=True),
        prices={name: table[:, i + 1] for i, name in enumerate(PRICES)},
        volume=table[:, 5],
        rows=np.arange(1, len(table) + 1, dtype=np.int64),
    )


def _load(text: str) -> list[Any]:
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The file starts like JSON but is not valid JSON.") from error
    if not isinstance(rows, list):
        raise InvalidInput("The JSON must be a list of candles, each [time, open, high, low, close, volume].")
    if not rows:
        raise InvalidInput("The file has no candles in it.")
    if len(rows) > MAX_ROWS:
        raise InvalidInput(f"The file has {len(rows):,} rows; up to {MAX_ROWS:,} can be read.")
    return rows


def _table(rows: list[Any]) -> Floats:
    short = [i for i, row in enumerate(rows) if not isinstance(row, list) or len(row) < 6]
    if short:
        where = rows_text(np.array(short, dtype=np.int64) + 1)
        raise InvalidInput(f"Each candle must be a list [time, open, high, low, close, volume]; not so in {where}.")
    try:
        return np.array([row[:6] for row in rows], dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(f"The candles must hold numbers only; not so in {_first_bad(rows)}.") from error


def _first_bad(rows: list[Any]) -> str:
    for number, row in enumerate(rows, start=1):
        try:
            np.array(row[:6], dtype=np.float64)
        except (ValueError, TypeError, OverflowError):
            return f"row {number}"
    return "some rows"
