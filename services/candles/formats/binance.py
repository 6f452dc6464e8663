"""Binance's kline files: twelve columns that start with the opening time in unix time, mostly without a header."""

from __future__ import annotations

import re

from services.candles.bars import COLUMNS, RawCandles
from services.candles.source import Source
from services.candles.table import find_columns, read_candles_table

NAME = "binance"
_EPOCH = re.compile(r"\d{13}(\d{3})?")


def recognises(source: Source) -> bool:
    return len(source.header) == 12 and (source.names[0] == "open_time" or bool(_EPOCH.fullmatch(source.header[0])))


def read(source: Source) -> RawCandles:
    """Milliseconds, for spot microseconds since 2025; prices are as traded."""
    header = source.names[0] == "open_time"
    wanted = find_columns(source, ("open_time",)) if header else {name: i for i, name in enumerate(COLUMNS)}
    return read_candles_table(source, wanted, header=header, price_adjustment="raw")
