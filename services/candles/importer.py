"""From a file to checked candles in the one canonical form."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from services.candles.bars import Bars, Ints, Mask
from services.candles.checks import QualityReport, SkippedRow, check, find_faults, repair, rounded
from services.candles.columnar import read_columnar
from services.candles.delimited import read_delimited
from services.candles.grid import Grid
from services.candles.json_shapes import looks_like_json, read_json
from services.candles.mapping import Reading, shape_of
from services.candles.naming import minutes_or_unit, read_name
from services.candles.opening import open_file
from services.candles.questions import MAX_LISTED, BadRows, Faults, refuse
from services.candles.reading import ReadBars, read_bars
from services.candles.roles import find_roles
from services.candles.text import to_utf8
from services.candles.times import guess_timeframe, is_timeframe, timeframe_of, timeframe_seconds
from services.candles.vendors import vendor_of
from services.candles.workbook import read_workbook
from services.candles.wrapped import laid_bare
from services.errors import InvalidInput

__all__ = ["ImportedCandles", "Reading", "guess_timeframe", "is_timeframe", "read_candles", "timeframe_seconds"]

Progress = Callable[[float, str], None]  # share of the work that is done, what is done now
PRICE_ADJUSTMENTS = ("raw", "split", "total", "unknown")


@dataclass(frozen=True, slots=True)
class ImportedCandles:
    """Checked candles, oldest first.

    `frame` has `time` (the bar's open, datetime64[us, UTC]) and open, high, low, close, volume (float64).
    `source_sha256` is that of the file, `content_sha256` that of the candles: the same from every format.
    `price_adjustment` is raw, split, total or unknown. `parquet` is the frame as a Parquet file. `decided` says how the
    file was read; `symbol` and `timeframe` are guesses, None where nothing speaks for one; `columns` has the head of
    the column that was taken for each role.
    """

    frame: pd.DataFrame
    source_format: str
    source_sha256: str
    content_sha256: str
    quality: QualityReport
    price_adjustment: str
    parquet: bytes
    decided: tuple[str, ...] = ()
    symbol: str | None = None
    timeframe: str | None = None
    columns: tuple[tuple[str, str], ...] = ()
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Glance:
    """A file's table before its roles are known: heads of the columns, the first rows as they stand, its shape."""

    kind: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shape: str


def look_into(data: bytes, filename: str) -> Glance:
    """The table in a file, without reading it whole. Raises InvalidInput for a file that holds none."""
    grid, _ = _grid(data, filename)
    heads = tuple(grid.name(i) for i in range(grid.width))
    return Glance(grid.kind, heads, grid.sample[:5], shape_of(grid))


def read_candles(
    data: bytes,
    *,
    filename: str,
    tz: str | None = None,
    reading: Reading | None = None,
    skip_bad_rows: bool = False,
    allow_nonpositive: bool = False,
    price_adjustment: str | None = None,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> ImportedCandles:
    """Read a file of candles, recognised by its content.

    `tz` (a zone's name, city or offset) is for times that carry none; dates without a time of day are UTC midnight.
    `reading` are further answers of the person. `skip_bad_rows` leaves out rows that can't be used, up to a half.
    `price_adjustment` overrides what the format tells. `now` decides whether the last bar is finished. `progress` is told
    how far it is, for people who wait.
    Raises Question for what only a person can say, BadRows for rows that can't be used, InvalidInput for the rest, with
    one sentence that names the first rows (1-based, as in the file).
    """
    if price_adjustment is not None and price_adjustment not in PRICE_ADJUSTMENTS:
        raise InvalidInput(f"The price adjustment must be one of {', '.join(PRICE_ADJUSTMENTS)}.")
    answers = reading or Reading()
    answers = replace(answers, tz=tz if tz is not None else answers.tz)
    tell = progress or _silent
    tell(0.05, "Unpacking and finding the table")
    grid, inner_name = _grid(data, filename)
    tell(0.2, "Reading times and prices")
    roles = find_roles(grid, answers.columns)
    vendor = vendor_of(grid, roles, inner_name)
    read = read_bars(grid, roles, vendor, answers)
    tell(0.6, f"Checking {len(read.bars):,} candles")
    bars, mended = rounded(read.bars)
    find_faults(bars, read.faults, allow_nonpositive=allow_nonpositive)
    bars, skipped, listed = _sound(bars, read, grid.width, skip=skip_bad_rows)
    bars, repaired = repair(bars)
    quality = check(bars, now=now)
    named = read_name(inner_name)
    timeframe, note = _timeframe(bars.time, read.timeframe or grid.facts.timeframe, named.timeframe)
    decided = [*grid.decided, *roles.decided, *read.decided, *mended, *repaired]
    if skipped:
        decided.append(
            f"{skipped:,} {'row that cannot' if skipped == 1 else 'rows that cannot'} be used left out, by choice."
        )
    symbol = _symbol(read.symbol or grid.facts.symbol or named.symbol)
    decided += _guesses(symbol, read.symbol or grid.facts.symbol, timeframe, spaced=len(bars) > 1)
    tell(0.8, "Packing the candles")
    frame = bars.frame()
    return ImportedCandles(
        frame=frame,
        source_format=vendor.name,
        source_sha256=hashlib.sha256(data).hexdigest(),
        content_sha256=bars.content_sha256(),
        quality=replace(
            quality,
            warnings=[*mended, *repaired, *read.warnings, *note, *quality.warnings],
            decided=decided,
            skipped=skipped,
            skipped_rows=listed,
        ),
        price_adjustment=price_adjustment or vendor.price_adjustment,
        parquet=to_parquet(frame),
        decided=tuple(decided),
        symbol=symbol,
        timeframe=timeframe,
        columns=_columns(grid, roles.time, roles.clock, roles.prices, roles.volume),
        shape=shape_of(grid),
    )


def _silent(share: float, doing: str) -> None:
    pass


def _grid(data: bytes, filename: str) -> tuple[Grid, str]:
    """The file's grid and the name of what it was read from."""
    opened = open_file(data, filename)
    if opened.kind in ("parquet", "feather"):
        grid = read_columnar(opened.data, opened.kind)
    elif opened.kind == "workbook":
        grid = read_workbook(opened.data)
    else:
        text, notes = to_utf8(opened.data)
        grid = read_json(text) if looks_like_json(text) else read_delimited(text)
        grid = replace(grid, decided=(*notes, *grid.decided))
    return laid_bare(replace(grid, decided=(*opened.decided, *grid.decided))), opened.filename


def _sound(bars: Bars, read: ReadBars, width: int, *, skip: bool) -> tuple[Bars, int, list[SkippedRow]]:
    """Bars without the rows at fault, how many those are, and the first of them; a refusal unless they may be left out."""
    faults = read.faults
    bad: Mask = faults.mask
    whole = _with_ragged(faults, read.ragged, width)
    count = int(bad.sum()) + len(read.ragged)
    if not count:
        return bars, 0, []
    if not skip:
        raise refuse(whole)
    if count * 2 > len(bars) + len(read.ragged):
        raise InvalidInput(
            f"More than half of the rows cannot be used ({count:,} of {len(bars) + len(read.ragged):,}), so the file is "
            f"not left with candles to trust: {whole.sentence()}."
        )
    listed: list[SkippedRow] = [{"row": row, "reason": reason} for row, reason in whole.listed()[:MAX_LISTED]]
    return bars.take(~bad), count, listed


def _with_ragged(faults: Faults, ragged: tuple[int, ...], width: int) -> Faults:
    if not ragged:
        return faults
    rows: Ints = np.concatenate([faults.rows, np.array(ragged, dtype=np.int64)])
    more = np.zeros(len(ragged), dtype=np.bool_)
    whole = Faults(rows, [(reason, np.concatenate([where, more])) for reason, where in faults.found])
    whole.add(
        f"a row has not the {width} columns that the others have",
        np.concatenate([np.zeros(len(faults.rows), dtype=np.bool_), ~more]),
    )
    return whole


def _timeframe(seconds: Ints, said: str | None, named: str | None) -> tuple[str | None, list[str]]:
    """The timeframe by the spacing of the bars, with what file and name say where that leaves doubt."""
    spaced = timeframe_of(seconds)
    claimed = (minutes_or_unit(said) if said else None) or named
    if claimed is None or not is_timeframe(claimed):
        return spaced, []
    if spaced is None:
        return claimed, []
    if spaced == claimed or abs(timeframe_seconds(spaced) - timeframe_seconds(claimed)) < 1:
        return claimed, []
    steps, short = np.diff(seconds), timeframe_seconds(claimed)
    if short < timeframe_seconds(spaced) and not (steps % short).any() and (steps == short).any():
        return claimed, []  # few trades: most bars are missing
    return spaced, [f"The file or its name says {claimed}, but its bars are {spaced} apart; {spaced} was taken."]


def _guesses(symbol: str | None, in_file: str | None, timeframe: str | None, *, spaced: bool) -> list[str]:
    """Where the symbol and the timeframe come from, for those who give none."""
    said = []
    if symbol:
        said.append(f"The symbol {symbol} was taken from {'the file' if in_file else 'the name of the file'}.")
    if timeframe:
        source = "the spacing of the bars" if spaced else "the file or its name"
        said.append(f"The timeframe {timeframe} was told by {source}.")
    return said


def _symbol(text: str | None) -> str | None:
    return text.strip().upper()[:32] if text and text.strip() else None


def _columns(
    grid: Grid, time: int, clock: int | None, prices: tuple[int, ...], volume: tuple[int, ...]
) -> tuple[tuple[str, str], ...]:
    pairs = [("time" if clock is None else "date", grid.name(time))]
    if clock is not None:
        pairs.append(("clock", grid.name(clock)))
    pairs += zip(("open", "high", "low", "close"), (grid.name(i) for i in prices), strict=True)
    pairs += [("volume", grid.name(i)) for i in volume[:1]]
    return tuple(pairs)


def to_parquet(frame: pd.DataFrame) -> bytes:
    """A canonical frame as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink, compression="zstd")
    return sink.getvalue()


def bad_rows(error: BadRows) -> list[SkippedRow]:
    """The rows that a refusal lists, as a table shows them."""
    return [{"row": row, "reason": reason} for row, reason in error.listed]
