"""Which format a file is in, told by its content and never by its name. A new format is one more entry here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.candles.bars import RawCandles
from services.candles.formats import binance, canonical, histdata, metatrader, ohlcv_json, tradingview, yahoo
from services.candles.source import Source
from services.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Format:
    """`name` is what `candle_datasets.source_format` holds."""

    name: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source], RawCandles]


# the first that recognises a file reads it: the narrow ones stand before the wide ones
FORMATS: tuple[Format, ...] = (
    Format(canonical.PARQUET_NAME, canonical.recognises_parquet, canonical.read_parquet),
    Format(ohlcv_json.NAME, ohlcv_json.recognises, ohlcv_json.read),
    Format(metatrader.NAME_5, metatrader.recognises_5, metatrader.read_5),
    Format(metatrader.NAME_4, metatrader.recognises_4, metatrader.read_4),
    Format(histdata.NAME, histdata.recognises, histdata.read),
    Format(binance.NAME, binance.recognises, binance.read),
    Format(tradingview.NAME, tradingview.recognises, tradingview.read),
    Format(yahoo.NAME, yahoo.recognises, yahoo.read),
    Format(canonical.CSV_NAME, canonical.recognises_csv, canonical.read_csv),
)


def recognise(source: Source) -> Format:
    """The format of a file. Raises InvalidInput when it is none that we know."""
    for candidate in FORMATS:
        if candidate.recognises(source):
            return candidate
    raise InvalidInput(
        "The file is not a table of candles that we know; "
        "give a CSV with the columns time, open, high, low, close and volume."
    )
