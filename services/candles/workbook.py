"""Excel and OpenDocument workbooks as a grid: values only, never a formula or a macro."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import python_calamine as calamine

from services.candles.delimited import read_delimited
from services.candles.grid import Grid
from services.candles.opening import MAX_BYTES
from services.errors import InvalidInput

_STEP: Final = 1 << 20
_BROKEN: Final = "The workbook is damaged and cannot be read; save it again, or as CSV."
_FORMULA: Final = re.compile(rb"<(?:\w+:)?f[\s>/]|table:formula=")


def read_workbook(data: bytes) -> Grid:
    """The first sheet that holds candles. Raises InvalidInput for macros, archives too large, and no such sheet."""
    formulas = _inspected(data)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        names = list(book.sheet_names)
        problem: InvalidInput | None = None
        for name in names:
            rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
            try:
                grid = read_delimited(_as_text(rows))
            except InvalidInput as error:
                problem = problem or error
                continue
            return _noted(grid, name, len(names), formulas)
    except (calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError, OverflowError) as error:
        raise InvalidInput(_BROKEN) from error
    raise problem or InvalidInput("The workbook has no sheet with candles.")


def _noted(grid: Grid, sheet: str, sheets: int, formulas: bool) -> Grid:
    decided = [f"The sheet “{sheet[:60]}” was read{f' of {sheets}' if sheets > 1 else ''}."]
    if formulas:
        decided.append("The workbook has formulas; the values that they had when it was saved were taken.")
    kept = [note for note in grid.decided if not note.startswith("The columns are divided")]
    return Grid("workbook", grid.names, grid.sample, grid.load, grid.facts, (*decided, *kept), False, "\t")


def _inspected(data: bytes) -> bool:
    """Whether the workbook has formulas. What an archive says of its sizes is not believed: it is unpacked and counted."""
    size, formulas = 0, False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = [i.filename.lower() for i in infos]
            if any("vbaproject" in n or n.startswith("basic/") or "macrosheets/" in n for n in names):
                raise InvalidInput("The workbook holds macros; save it as .xlsx without macros, or as CSV.")
            for info in infos:
                with archive.open(info) as file:
                    end = b""
                    while part := file.read(_STEP):
                        size += len(part)
                        if size > MAX_BYTES:
                            raise InvalidInput(
                                f"The workbook unpacks to more than {MAX_BYTES // 1048576} MB, which is too large to read."
                            )
                        if not formulas and info.filename.lower().endswith(".xml"):
                            formulas = "sheet" in info.filename.lower() and bool(_FORMULA.search(end + part))
                            formulas = formulas or b"table:formula=" in part
                            end = part[-16:]
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InvalidInput(_BROKEN) from error
    return formulas


def _as_text(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows of values as tab-separated text, in which every value is written in the one way that has no doubt."""
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter="\t", lineterminator="\n")
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    text = sink.getvalue()
    return text.rstrip("\n").encode() + b"\n"


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        rounded = value + timedelta(milliseconds=500) if value.microsecond else value
        return rounded.replace(microsecond=0).isoformat(sep=" ")
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return re.sub(r"[\t\r\n]+", " ", str(value)).strip()
