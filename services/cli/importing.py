"""What `import-candles` does with its options, and how it asks for what a file leaves open."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services import actions
from services.candles.importer import Reading, read_candles
from services.candles.mapping import column_pairs
from services.candles.opening import MAX_BYTES, too_large
from services.candles.questions import BadRows, Question
from services.datasets import DatasetRow
from services.errors import InvalidInput
from services.people import Actor

# the option that answers each question, with an example
ANSWERS = {
    "tz": "--tz, for example --tz {first}",
    "date_order": "--date-order dmy, mdy or ymd",
    "decimal": "--decimal , or --decimal .",
    "columns": "--map role=column, for example --map open=Price or --map time=1",
    "symbol": "--symbol, for example --symbol AAPL",
    "timeframe": "--timeframe, for example --timeframe 1d",
}


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The options as given; None leaves it to the file."""

    symbol: str | None = None
    timeframe: str | None = None
    tz: str | None = None
    columns: list[str] = field(default_factory=list)
    date_order: str | None = None
    decimal: str | None = None
    skip_bad_rows: bool = False
    allow_nonpositive: bool = False


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises InvalidInput for one that can't be read or is too large, before it is read."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise too_large(size)
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"The file {path} can't be read: {error.strerror}.") from error


def import_file(path: Path, options: ImportOptions, actor: Actor, *, show: bool = False) -> dict[str, Any]:
    """Imports a file; returns what the command prints. `show` writes how far it is to standard error. Raises InvalidInput, with the option that would help."""
    reading = Reading(column_pairs(options.columns), options.date_order, options.decimal, options.tz)
    data = read_file(path)
    try:
        imported = read_candles(
            data,
            filename=path.name,
            reading=reading,
            skip_bad_rows=options.skip_bad_rows,
            allow_nonpositive=options.allow_nonpositive,
            progress=_progress if show else None,
        )
        row = actions.keep_candles(imported, symbol=options.symbol, timeframe=options.timeframe, actor=actor)
    except Question as question:
        raise InvalidInput(f"{question.sentence} Give {_option(question)}.") from question
    except BadRows as bad:
        raise InvalidInput(f"{bad.sentence} Give --skip-bad-rows to leave {bad.count:,} of them out.") from bad
    if show:
        sys.stderr.write("\r" + " " * 48 + "\r")
    return {
        "dataset_id": str(row.id),
        "symbol": row.symbol,
        "timeframe": row.timeframe,
        "rows": row.rows,
        "start_at": row.start_at.isoformat(),
        "end_at": row.end_at.isoformat(),
        "format": imported.source_format,
        "decided": list(imported.decided),
        "warnings": [*_other_name(row, options), *imported.quality.warnings],
        "skipped": imported.quality.skipped,
        "existed": row.existed,
    }


def _other_name(row: DatasetRow, options: ImportOptions) -> list[str]:
    """Candles that are there already keep the names that they have."""
    asked = (options.symbol or row.symbol).strip().upper()
    if not row.existed or (asked, options.timeframe or row.timeframe) == (row.symbol, row.timeframe):
        return []
    return [
        f"These candles are here already as {row.symbol} {row.timeframe} and keep this name; rename them on their page."
    ]


def _progress(share: float, doing: str) -> None:
    sys.stderr.write(f"\r{share:4.0%}  {doing:40}")
    sys.stderr.flush()


def _option(question: Question) -> str:
    first = question.options[0] if question.options else "America/New_York"
    return ANSWERS[question.asks].format(first=first)


def summary(result: dict[str, Any]) -> str:
    """What the command prints without --json."""
    lines = [
        f"Dataset {result['dataset_id']}: {result['symbol']} {result['timeframe']}, {result['rows']:,} candles from "
        f"{result['start_at']} to {result['end_at']}{', there already' if result['existed'] else ''}.",
        *(f"  {sentence}" for sentence in result["decided"]),
        *(f"  Warning: {sentence}" for sentence in result["warnings"]),
    ]
    return "\n".join(lines)
