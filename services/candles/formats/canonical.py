"""Our own columns, `time,open,high,low,close,volume`, as CSV (in any order) or Parquet."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.candles.bars import COLUMNS, PRICES, Floats, Ints, RawCandles
from services.candles.source import MAX_ROWS, Source
from services.candles.table import find_columns, numbers, read_candles_table
from services.errors import InvalidInput

CSV_NAME = "csv"
PARQUET_NAME = "parquet"
_TIMES = ("time", "timestamp", "date", "datetime")
_BROKEN = "The Parquet file is damaged and cannot be read."


def recognises_csv(source: Source) -> bool:
    """Any header that names a price; what is missing then gets its own sentence."""
    return source.text is not None and len(source.header) > 1 and bool({*PRICES} & {*source.names})


def read_csv(source: Source) -> RawCandles:
    return read_candles_table(source, find_columns(source, _TIMES))


def recognises_parquet(source: Source) -> bool:
    return source.text is None


def read_parquet(source: Source) -> RawCandles:
    """Rows are counted from 1. Raises InvalidInput for a damaged file, missing columns, too many rows."""
    try:
        file = pq.ParquetFile(io.BytesIO(source.data))
        count = file.metadata.num_rows
        if count > MAX_ROWS:
            raise InvalidInput(f"The file has {count:,} rows; up to {MAX_ROWS:,} can be read.")
        missing = [name for name in COLUMNS[:5] if name not in file.schema_arrow.names]
        if missing:
            raise InvalidInput(
                f"The Parquet file lacks {', '.join(missing)}; it needs time, open, high, low and close."
            )
        wanted = [name for name in COLUMNS if name in file.schema_arrow.names]
        table = file.read(columns=wanted)
        columns = {name: table.column(name).combine_chunks() for name in wanted}
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
        raise InvalidInput(_BROKEN) from error
    rows = np.arange(1, table.num_rows + 1, dtype=np.int64)
    if not len(rows):
        raise InvalidInput("The file has a header but no candles.")
    values = {name: _numbers(name, columns[name], rows) for name in wanted if name != "time"}
    return RawCandles(
        time=columns["time"],
        prices={name: values[name] for name in PRICES},
        volume=values.get("volume"),
        rows=rows,
    )


def _numbers(name: str, column: Any, rows: Ints) -> Floats:
    kind = column.type
    if pa.types.is_string(kind):
        return numbers(name, pc.fill_null(column, ""), rows)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InvalidInput(f'The column "{name}" must hold numbers; it holds {kind} values.')
    return np.array(pc.cast(column, pa.float64(), safe=False), dtype=np.float64)
