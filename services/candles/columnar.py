"""Parquet and Feather files as a grid."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.feather as pf
import pyarrow.parquet as pq

from services.candles.grid import Grid, grid_of_arrays
from services.candles.opening import MAX_BYTES, MAX_ROWS, too_many_rows
from services.errors import InvalidInput

_MOST_COLUMNS = 200


def read_columnar(data: bytes, kind: str) -> Grid:
    """Rows are counted from 1. Raises InvalidInput for a damaged file, one without rows, or with too many."""
    try:
        table = _parquet(data) if kind == "parquet" else pf.read_table(io.BytesIO(data))
        if table.num_rows > MAX_ROWS:
            raise too_many_rows(table.num_rows)
        names = [str(name) for name in table.column_names]
        arrays = [_plain(table.column(i)) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError, TypeError) as error:
        raise InvalidInput(f"The {kind.capitalize()} file is damaged and cannot be read.") from error
    if not table.num_rows:
        raise InvalidInput("The file has a header but no candles.")
    heads = [("",) if name.startswith("__index_level_") else (name,) for name in names]
    return grid_of_arrays(kind, heads, arrays, typed=True)


def _parquet(data: bytes) -> Any:
    file = pq.ParquetFile(io.BytesIO(data))
    meta = file.metadata
    if meta.num_rows > MAX_ROWS:
        raise too_many_rows(meta.num_rows)
    if meta.num_columns > _MOST_COLUMNS:
        raise InvalidInput(f"The file has {meta.num_columns:,} columns, which is too many for candles.")
    size = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    if size > 4 * MAX_BYTES:
        raise InvalidInput(
            "The Parquet file unpacks to more than can be read; leave out the columns beside the candles."
        )
    return file.read()


def _plain(column: Any) -> Any:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = column.type
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = pc.cast(column, pa.string())
    if pa.types.is_string(column.type):
        column = pc.utf8_trim_whitespace(column)
    return column.combine_chunks()
