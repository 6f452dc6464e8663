"""TradingView's chart export: `time,open,high,low,close[,Volume][,indicators…]`, time in unix seconds or ISO 8601."""

from __future__ import annotations

from services.candles.bars import RawCandles
from services.candles.source import Source
from services.candles.table import find_columns, read_candles_table

NAME = "tradingview"
_START = ("time", "open", "high", "low", "close")


def recognises(source: Source) -> bool:
    """The first five columns are TradingView's and what follows is not exactly the canonical `volume`."""
    return source.names[:5] == _START and source.header[5:] != ("volume",)


def read(source: Source) -> RawCandles:
    return read_candles_table(source, find_columns(source, ("time",)))
