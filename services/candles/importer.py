"""From an uploaded file to checked candles in the one canonical form."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from services.candles.bars import Bars, RawCandles
from services.candles.checks import QualityReport, check, repair
from services.candles.recognise import recognise
from services.candles.source import open_source
from services.candles.times import guess_timeframe, is_timeframe, timeframe_seconds, to_seconds
from services.errors import InvalidInput

__all__ = ["ImportedCandles", "guess_timeframe", "is_timeframe", "read_candles", "timeframe_seconds"]

PRICE_ADJUSTMENTS = ("raw", "split", "total", "unknown")


@dataclass(frozen=True, slots=True)
class ImportedCandles:
    """Checked candles, oldest first.

    `frame` has `time` (the bar's open, datetime64[us, UTC]) and open, high, low, close, volume (float64).
    `source_sha256` is that of the file, `content_sha256` that of the candles: the same from every format.
    `price_adjustment` is raw, split, total or unknown. `parquet` is the frame as a Parquet file.
    """

    frame: pd.DataFrame
    source_format: str
    source_sha256: str
    content_sha256: str
    quality: QualityReport
    price_adjustment: str
    parquet: bytes


def read_candles(
    data: bytes,
    *,
    filename: str,
    tz: str | None = None,
    allow_nonpositive: bool = False,
    price_adjustment: str | None = None,
    now: datetime | None = None,
) -> ImportedCandles:
    """Read a file of candles, recognised by its content.

    `tz` (a zone name or an offset) is for times that carry none; dates without a time of day are taken as UTC midnight.
    `price_adjustment` overrides what the format tells. `now` decides whether the last bar is finished.
    Raises InvalidInput with one sentence that names the first rows (1-based, as in the file) where it does not hold.
    """
    if price_adjustment is not None and price_adjustment not in PRICE_ADJUSTMENTS:
        raise InvalidInput(f"The price adjustment must be one of {', '.join(PRICE_ADJUSTMENTS)}.")
    source = open_source(data, filename)
    form = recognise(source)
    raw = form.read(source)
    bars, notes = repair(_bars(raw, tz))
    quality = check(bars, allow_nonpositive=allow_nonpositive, now=now)
    if quality.errors:
        raise InvalidInput(f"These candles cannot be used: {'; '.join(quality.errors)}.")
    frame = bars.frame()
    return ImportedCandles(
        frame=frame,
        source_format=form.name,
        source_sha256=hashlib.sha256(data).hexdigest(),
        content_sha256=bars.content_sha256(),
        quality=replace(quality, warnings=[*notes, *quality.warnings]),
        price_adjustment=price_adjustment or raw.price_adjustment,
        parquet=to_parquet(frame),
    )


def _bars(raw: RawCandles, tz: str | None) -> Bars:
    time = to_seconds(raw.time, raw.rows, tz or raw.tz)
    volume = np.zeros(len(raw.rows)) if raw.volume is None else np.nan_to_num(raw.volume, nan=0.0, posinf=np.inf)
    return Bars(time=time, volume=volume, rows=raw.rows, **raw.prices)


def to_parquet(frame: pd.DataFrame) -> bytes:
    """A canonical frame as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()
