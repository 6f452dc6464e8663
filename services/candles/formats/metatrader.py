"""MetaTrader: version 5 with a header in angle brackets, version 4 (and HistData in its form) without a header."""

from __future__ import annotations

import re

import pyarrow.compute as pc

from services.candles.bars import PRICES, RawCandles
from services.candles.source import Source
from services.candles.table import numbers, read_columns
from services.errors import InvalidInput

NAME_5 = "metatrader5"
NAME_4 = "metatrader4"
_DATE = re.compile(r"\d{4}\.\d{2}\.\d{2}")
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")


def recognises_5(source: Source) -> bool:
    return source.names[0] == "date" and {"tickvol", "close"} <= {*source.names}


def read_5(source: Source) -> RawCandles:
    """`<DATE> [<TIME>] <OPEN> <HIGH> <LOW> <CLOSE> <TICKVOL> <VOL> <SPREAD>`; times are those of the broker's server.

    The volume is the traded one where the broker gives it, else the number of ticks.
    """
    names = source.names
    missing = [name for name in PRICES if name not in names]
    if missing:
        raise InvalidInput(f'The column "{missing[0]}" cannot be found; a file needs open, high, low and close.')
    wanted = {name: names.index(name) for name in ("date", "time", *PRICES, "tickvol", "vol") if name in names}
    return _read(source, wanted, header=True)


def recognises_4(source: Source) -> bool:
    cells = source.header
    return len(cells) == 7 and bool(_DATE.fullmatch(cells[0]) and _CLOCK.fullmatch(cells[1]))


def read_4(source: Source) -> RawCandles:
    """`2012.02.01,00:00,open,high,low,close,volume`; times are those of the broker's server."""
    return _read(source, {"date": 0, "time": 1, **{n: i + 2 for i, n in enumerate(PRICES)}, "vol": 6}, header=False)


def _read(source: Source, wanted: dict[str, int], *, header: bool) -> RawCandles:
    text, rows = read_columns(source, wanted, header=header)
    time = text["date"]
    if "time" in text:
        time = pc.binary_join_element_wise(time, text["time"], " ")
    volumes = [numbers(name, text[name], rows) for name in ("vol", "tickvol") if name in text]
    volume = next((values for values in volumes if (values > 0).any()), volumes[0] if volumes else None)
    return RawCandles(time, {name: numbers(name, text[name], rows) for name in PRICES}, volume, rows)
