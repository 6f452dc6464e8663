"""Yahoo Finance's history: `Date,Open,High,Low,Close,Adj Close,Volume`, and the frames that tools save of it."""

from __future__ import annotations

from services.candles.bars import RawCandles
from services.candles.source import Source
from services.candles.table import find_columns, read_candles_table

NAME = "yahoo"
_TIMES = ("date", "datetime")


def recognises(source: Source) -> bool:
    return source.names[:1] in ((_TIMES[0],), (_TIMES[1],)) and "close" in source.names


def read(source: Source) -> RawCandles:
    """Beside an adjusted close, Yahoo's other prices are adjusted for splits but not for dividends."""
    adjustment = "split" if "adj close" in source.names else "unknown"
    return read_candles_table(source, find_columns(source, _TIMES), price_adjustment=adjustment)
