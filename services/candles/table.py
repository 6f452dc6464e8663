"""Delimited text into columns, with the file's row numbers kept, by Arrow's CSV reader."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from services.candles.bars import PRICES, Floats, Ints, RawCandles, rows_text
from services.candles.source import Source
from services.errors import InvalidInput

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_EMPTY = r"^(?i:|nan|null|none|n/?a|-)$"
_INFINITE = r"^[+-]?(?i:inf|infinity)$"
_BLANK_LINE = re.compile(r"\n\s*(?:\n|\Z)")


def read_columns(source: Source, wanted: Mapping[str, int], *, header: bool) -> tuple[dict[str, Any], Ints]:
    """The wanted columns (name to position in the file) as Arrow arrays of trimmed text, and each row's 1-based number.

    Raises InvalidInput for a file without rows, or with rows of another number of columns than the first.
    """
    body, kept = _without_blank_lines(source.text or "")
    rows = kept[1 if header else 0 :] + source.header_row
    if not len(rows):
        raise InvalidInput("The file has a header but no candles.")
    table, ragged = _parse(body, source, wanted, skip=1 if header else 0)
    if ragged:
        number, cells = ragged[0]
        where = rows_text(np.array([kept[n - 1] for n, _ in ragged]) + source.header_row)
        raise InvalidInput(
            f"Every row must have the {len(source.header)} columns of the first one; this does not hold in {where}"
            f" (row {kept[number - 1] + source.header_row} has {cells})."
        )
    if table.num_rows != len(rows):
        raise InvalidInput("The file's quotes do not match up, so its rows cannot be told apart.")
    return {name: pc.utf8_trim_whitespace(table.column(name).combine_chunks()) for name in wanted}, rows


def _without_blank_lines(text: str) -> tuple[str, Ints]:
    """The text's lines that hold something, and their 0-based numbers."""
    if not _BLANK_LINE.search(text):
        return text, np.arange(text.count("\n") + 1, dtype=np.int64)
    lines = text.split("\n")
    kept = [i for i, line in enumerate(lines) if line.strip()]
    return "\n".join(lines[i] for i in kept), np.array(kept, dtype=np.int64)


def _parse(body: str, source: Source, wanted: Mapping[str, int], *, skip: int) -> tuple[Any, list[tuple[int, int]]]:
    ragged: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    names = [f"column {i}" for i in range(len(source.header))]
    for name, position in wanted.items():
        names[position] = name
    try:
        table = pcsv.read_csv(
            io.BytesIO(body.encode()),
            # one thread: only then does Arrow know the number of a ragged row
            read_options=pcsv.ReadOptions(column_names=names, skip_rows=skip, use_threads=False, block_size=1 << 22),
            parse_options=pcsv.ParseOptions(delimiter=source.delimiter, invalid_row_handler=note),
            convert_options=pcsv.ConvertOptions(
                column_types={name: pa.string() for name in wanted}, include_columns=list(wanted)
            ),
        )
    except pa.ArrowException as error:
        raise InvalidInput("The file cannot be read as a table: its rows or quotes are broken.") from error
    return table, ragged


def numbers(name: str, text: Any, rows: Ints) -> Floats:
    """Text cells as float64: empty, `nan` and `null` become NaN. Raises InvalidInput for a cell that is no number."""
    plain = pc.match_substring_regex(text, _NUMBER)
    infinite = pc.match_substring_regex(text, _INFINITE)
    empty = pc.match_substring_regex(text, _EMPTY)
    bad = ~np.asarray(pc.or_(pc.or_(plain, infinite), empty))
    if bad.any():
        cell = str(text[int(np.flatnonzero(bad)[0])].as_py())[:40]
        raise InvalidInput(f'The column "{name}" must hold numbers; it holds "{cell}" in {rows_text(rows[bad])}.')
    values = np.array(pc.cast(pc.if_else(plain, text, pa.scalar(None, pa.string())), pa.float64()), dtype=np.float64)
    values[np.asarray(infinite)] = np.inf
    return values


def find_columns(source: Source, times: tuple[str, ...]) -> dict[str, int]:
    """Positions of time, open, high, low, close and (if there) volume by the header's names, in any case.

    `times` are the names that the time column may have. Raises InvalidInput naming what is missing or there twice.
    """
    names = source.names
    found = {"time": next((names.index(name) for name in times if name in names), -1)}
    for name in (*PRICES, "volume"):
        found[name] = names.index(name) if name in names else -1
    missing = [name for name in ("time", *PRICES) if found[name] < 0]
    if missing:
        columns = f'column "{missing[0]}"' if len(missing) == 1 else f"columns {', '.join(missing)}"
        raise InvalidInput(f"The {columns} cannot be found; a file needs time, open, high, low and close.")
    twice = [name for name in ("time", *PRICES) if names.count(names[found[name]]) > 1]
    if twice:
        raise InvalidInput(f'The column "{twice[0]}" is there twice.')
    return {name: position for name, position in found.items() if position >= 0}


def read_candles_table(
    source: Source,
    wanted: Mapping[str, int],
    *,
    header: bool = True,
    tz: str | None = None,
    price_adjustment: str = "unknown",
) -> RawCandles:
    """Read the wanted columns and turn all but the time into numbers."""
    text, rows = read_columns(source, wanted, header=header)
    return RawCandles(
        time=text["time"],
        prices={name: numbers(name, text[name], rows) for name in PRICES},
        volume=numbers("volume", text["volume"], rows) if "volume" in text else None,
        rows=rows,
        tz=tz,
        price_adjustment=price_adjustment,
    )
