"""HistData's ASCII bars, without a header: `20120201 000000;open;high;low;close;volume`, in EST without summer time."""

from __future__ import annotations

import re
from dataclasses import replace

import pyarrow.compute as pc

from services.candles.bars import COLUMNS, RawCandles
from services.candles.source import Source
from services.candles.table import read_candles_table

NAME = "histdata"
_STAMP = re.compile(r"\d{8} \d{6}")


def recognises(source: Source) -> bool:
    return source.delimiter == ";" and len(source.header) == 6 and bool(_STAMP.fullmatch(source.header[0]))


def read(source: Source) -> RawCandles:
    raw = read_candles_table(source, {name: i for i, name in enumerate(COLUMNS)}, header=False, tz="-05:00")
    stamp = r"^(\d{4})(\d\d)(\d\d) (\d\d)(\d\d)(\d\d)$"
    return replace(raw, time=pc.replace_substring_regex(raw.time, stamp, r"\1-\2-\3 \4:\5:\6"))
