"""Importing candles: reading outside a transaction, comparing with what is there, recording in another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from services import datasets
from services.candles.bars import frame_to_table
from services.candles.importer import ImportedCandles, Progress, Reading, read_candles
from services.candles.market import Instrument, extend, fetch, market
from services.candles.questions import Question
from services.candles.store import load_array, load_frame, save_parquet
from services.database.engine import transaction
from services.detectors.types import Candles
from services.errors import Conflict, InvalidInput
from services.people import Actor, require
from services.settings import get_settings

Fetched = Callable[[int, float], None]  # candles so far, share of the range
CLOSE = 1e-9  # relative; prices that differ by more are other prices


def import_candles(
    data: bytes,
    *,
    filename: str,
    symbol: str | None = None,
    timeframe: str | None = None,
    tz: str | None = None,
    reading: Reading | None = None,
    skip_bad_rows: bool = False,
    name: str | None = None,
    licence_note: str | None = None,
    price_adjustment: str | None = None,
    allow_nonpositive: bool = False,
    progress: Progress | None = None,
    actor: Actor,
) -> datasets.DatasetRow:
    """Reads, checks and stores a file of candles. The same candles twice are one dataset. Raises InvalidInput."""
    require(actor, "import_candles")
    imported = read_candles(
        data,
        filename=filename,
        tz=tz,
        reading=reading,
        skip_bad_rows=skip_bad_rows,
        allow_nonpositive=allow_nonpositive,
        price_adjustment=price_adjustment,
        progress=progress,
    )
    return keep_candles(
        imported,
        symbol=symbol,
        timeframe=timeframe,
        name=name,
        licence_note=licence_note,
        price_adjustment=price_adjustment,
        actor=actor,
    )


def keep_candles(
    imported: ImportedCandles,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    name: str | None = None,
    licence_note: str | None = None,
    price_adjustment: str | None = None,
    actor: Actor,
) -> datasets.DatasetRow:
    """Stores candles that were read. Symbol and timeframe are the guessed ones when not given.

    Raises Question when they can't be guessed, Conflict when a dataset of the same symbol, timeframe and price
    adjustment has other prices at the same times.
    """
    require(actor, "import_candles")
    symbol = symbol or imported.symbol
    timeframe = timeframe or imported.timeframe
    if not symbol:
        raise Question("The symbol cannot be told from the file or its name; name it.", asks="symbol")
    if not timeframe:
        raise Question("The timeframe cannot be told from a single candle; name it.", asks="timeframe")
    adjustment = price_adjustment or imported.price_adjustment
    _must_agree(imported, symbol.strip().upper(), timeframe.strip(), adjustment)
    key = save_parquet(get_settings().storage_root, imported)
    with transaction() as session:
        return datasets.import_dataset(
            session,
            imported,
            storage_key=key,
            name=name or f"{symbol} {timeframe}",
            symbol=symbol,
            timeframe=timeframe,
            licence_note=licence_note,
            price_adjustment=price_adjustment,
            times_of=lambda path: load_array(get_settings().storage_root, path)["time"],
            actor=actor,
        )


def dataset_candles(dataset: datasets.DatasetRow) -> pd.DataFrame:
    """All candles of a dataset: time (UTC), open, high, low, close, volume."""
    return load_frame(get_settings().storage_root, dataset.storage_path)


def _must_agree(imported: ImportedCandles, symbol: str, timeframe: str, adjustment: str) -> None:
    with transaction() as session:
        known = datasets.list_datasets(session)
    fresh = frame_to_table(imported.frame)
    for row in known:
        if (row.symbol, row.timeframe, row.price_adjustment) != (symbol, timeframe, adjustment):
            continue
        if row.content_sha256 == imported.content_sha256:
            continue
        _compare(row, load_array(get_settings().storage_root, row.storage_path), fresh)


def _compare(row: datasets.DatasetRow, stored: Candles, fresh: Candles) -> None:
    """Two parts of one series must have the same prices where they meet; the last bar of each may be unfinished."""
    _, mine, theirs = np.intersect1d(fresh["time"][:-1], stored["time"][:-1], assume_unique=True, return_indices=True)
    if not len(mine):
        return
    other = np.zeros(len(mine), dtype=np.bool_)
    for price in ("open", "high", "low", "close"):
        other |= ~np.isclose(fresh[price][mine], stored[price][theirs], rtol=CLOSE, atol=0)
    if not other.any():
        return
    first = int(np.flatnonzero(other)[0])
    at = datetime.fromtimestamp(int(fresh["time"][mine[first]]), UTC)
    raise Conflict(
        f"These candles disagree with the dataset {row.name} of the same symbol and timeframe in {int(other.sum()):,} of "
        f"{len(mine):,} common bars; the first is {at:%Y-%m-%d %H:%M} UTC, which closes at {fresh['close'][mine[first]]:g} "
        f"here and at {stored['close'][theirs[first]]:g} there. Look at the time zone and the price adjustment, or give "
        "these candles a symbol of their own."
    )


def find_instruments(source: str, text: str) -> list[Instrument]:
    """What a source of candles has that fits the text. Raises InvalidInput, Unavailable."""
    return market(source, addresses=get_settings().market_urls).search(text)


def fetch_candles(
    source: str,
    symbol: str,
    timeframe: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Fetched | None = None,
    actor: Actor,
) -> datasets.DatasetRow:
    """Candles of an exchange or of Yahoo as a dataset. Without `start`, the newest dataset that was fetched of the same
    source, symbol and timeframe is extended by what came since. Raises InvalidInput, Unavailable, Conflict."""
    require(actor, "import_candles")
    from_there = market(source, addresses=get_settings().market_urls)
    if start is not None:
        found = fetch(from_there, symbol, timeframe, start=start, end=end, progress=progress)
        return keep_candles(found, actor=actor)
    with transaction() as session:
        known = datasets.list_datasets(session)
    mine = [d for d in known if (d.source_format, d.symbol, d.timeframe) == (source.lower(), symbol.upper(), timeframe)]
    if not mine:
        raise InvalidInput("There are no such candles to extend yet; say from when to fetch them.")
    newest = max(mine, key=lambda d: d.end_at)
    stored = load_array(get_settings().storage_root, newest.storage_path)
    found = extend(from_there, symbol, timeframe, stored, end=end, progress=progress)
    return keep_candles(found, name=newest.name, licence_note=newest.licence_note, actor=actor)
