"""Candles of a source and a range as an import, alone or behind those that are there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from services.candles.bars import Bars
from services.candles.checks import check, find_faults, repair, rounded
from services.candles.importer import ImportedCandles, to_parquet
from services.candles.market.sources import Market, Row
from services.candles.opening import MAX_ROWS, too_many_rows
from services.candles.questions import Faults, refuse
from services.candles.times import is_timeframe, timeframe_seconds
from services.detectors.types import Candles
from services.errors import InvalidInput

Progress = Callable[[int, float], None]  # candles so far, share of the range


def fetch(
    source: Market,
    symbol: str,
    timeframe: str,
    *,
    start: datetime,
    end: datetime | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> ImportedCandles:
    """The finished bars that open between two times. Raises InvalidInput and Unavailable with the source's reason."""
    rows, notes = _rows(source, symbol, timeframe, start, end, progress, now)
    return _imported(source, symbol, timeframe, rows, notes, now)


def extend(
    source: Market,
    symbol: str,
    timeframe: str,
    stored: Candles,
    *,
    end: datetime | None = None,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> ImportedCandles:
    """Stored candles with the bars that came since. The last stored bar is fetched again and must be as it was."""
    last = stored[-1]
    start = datetime.fromtimestamp(int(last["time"]), UTC)
    rows, notes = _rows(source, symbol, timeframe, start, end, progress, now)
    if (
        rows
        and rows[0][0] == int(last["time"])
        and not np.allclose(rows[0][1:5], [last[n] for n in ("open", "high", "low", "close")], rtol=1e-9, atol=0)
    ):
        raise InvalidInput(
            f"{source.name} now gives other prices for {start:%Y-%m-%d %H:%M} UTC than the stored candles have (a split, "
            "a correction, an unfinished bar?); fetch the whole range as a new dataset."
        )
    kept: list[Row] = [
        (int(t), float(o), float(h), float(low), float(c), float(v))
        for t, o, h, low, c, v in stored[["time", "open", "high", "low", "close", "volume"]].tolist()
    ]
    fresh = [row for row in rows if row[0] > int(last["time"])]
    if not fresh:
        raise InvalidInput(f"{source.name} has no finished candles of {symbol} after {start:%Y-%m-%d %H:%M} UTC yet.")
    return _imported(source, symbol, timeframe, [*kept, *fresh], [*notes, f"{len(fresh):,} candles were added."], now)


def _rows(
    source: Market,
    symbol: str,
    timeframe: str,
    start: datetime,
    end: datetime | None,
    progress: Progress | None,
    now: datetime | None,
) -> tuple[list[Row], list[str]]:
    if not is_timeframe(timeframe):
        raise InvalidInput("A timeframe is a number and a unit, such as 1m, 15m, 1h, 4h, 1d or 1w.")
    clock = now or datetime.now(UTC)
    begin, last = int(start.timestamp()), int(min(end or clock, clock).timestamp())
    if begin > last:
        raise InvalidInput("The range ends before it begins.")
    step = timeframe_seconds(timeframe)
    if (last - begin) // step > MAX_ROWS:
        raise too_many_rows((last - begin) // step)
    rows: list[Row] = []
    for page in source.pages(symbol, timeframe, begin, last):
        rows += page
        if progress is not None:
            progress(len(rows), min(1.0, (rows[-1][0] - begin) / max(last - begin, 1)))
    finished = [row for row in rows if row[0] + step <= clock.timestamp()]
    note = ["The last bar was not finished and was left out."] if len(finished) < len(rows) else []
    return finished, note


def _imported(
    source: Market, symbol: str, timeframe: str, rows: list[Row], notes: list[str], now: datetime | None
) -> ImportedCandles:
    if not rows:
        raise InvalidInput(f"{source.name} has no finished candles of {symbol} in this range.")
    time = np.array([row[0] for row in rows], dtype=np.int64)
    first, high, low, last, volume = np.array([row[1:] for row in rows], dtype=np.float64).T
    bars = Bars(time, first, high, low, last, volume, np.arange(1, len(rows) + 1, dtype=np.int64))
    bars, mended = rounded(bars)
    faults = Faults(bars.rows)
    find_faults(bars, faults)
    if faults.found:
        raise refuse(faults)
    bars, repaired = repair(bars)
    decided = [f"Fetched from {source.name}.", *notes, *mended, *repaired]
    frame = bars.frame()
    content = bars.content_sha256()
    return ImportedCandles(
        frame=frame,
        source_format=source.name,
        source_sha256=hashlib.sha256(content.encode()).hexdigest(),
        content_sha256=content,
        quality=replace(check(bars, now=now), decided=decided),
        price_adjustment=source.price_adjustment,
        parquet=to_parquet(frame),
        decided=tuple(decided),
        symbol=symbol.upper(),
        timeframe=timeframe,
    )
