"""A report as one file in a format for machines: CSV, JSON (an array of objects) or Parquet, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import postgres, sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services import stats, workspaces
from services.database.engine import get_engine
from services.database.rows import driver
from services.errors import InvalidInput
from services.exports import overview
from services.exports.reports import Params, Report
from services.exports.streaming import checked, opened, stream
from services.stats.periods import period_of

BATCH: Final = 10_000  # rows in memory at a time


class Format(StrEnum):
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    HTML = "html"  # of the report of a period alone


CONTENT_TYPES: Final[Mapping[Format, str]] = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSON: "application/json",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.HTML: "text/html; charset=utf-8",
}
_ARROW: Final[Mapping[str, pa.DataType]] = {
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "numeric": pa.float64(),
    "bool": pa.bool_(),
    "timestamptz": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}
_BY_OID: Final[Mapping[int, pa.DataType]] = {postgres.types[name].oid: kind for name, kind in _ARROW.items()}


def write(
    report: str,
    filters: Mapping[str, str],
    target: IO[bytes],
    *,
    format: Format,
    actor_id: Any,
    engine: Engine | None = None,
) -> None:
    """The report into an open binary file. CSV cells are defused for spreadsheets; JSON and Parquet hold the values
    themselves, because nothing runs them.

    Raises what `exports.stream_csv` raises, before anything is written.
    """
    engine = engine or get_engine()
    known, params = checked(report, filters, actor_id=actor_id, engine=engine)
    match format:
        case Format.CSV:
            for chunk in stream(known, params, engine):
                target.write(chunk)
        case Format.JSON:
            _write_json(known, params, engine, target)
        case Format.PARQUET:
            _write_parquet(known, params, engine, target)
        case Format.HTML:
            target.write(overview_page(report, params, engine).encode("utf-8", "replace"))


def overview_page(report: str, params: Params, engine: Engine) -> str:
    """The report of a period as one page. Raises InvalidInput for any other report."""
    if report != "overview":
        raise InvalidInput("Only the report of a period (overview) can be written as a page.")
    with opened(engine) as session:
        filters = stats.Filters.of_params(params)
        whole = period_of("30 days", datetime.now(UTC)) if filters.since is None or filters.until is None else None
        if whole is not None:
            filters = replace(filters, since=whole.since, until=whole.until)
        assert filters.since is not None and filters.until is not None
        last = (filters.until - timedelta(microseconds=1)).date()
        name = params["period"]
        first = filters.since.date()
        period = period_of(name or "Custom", datetime.now(UTC), first=first, last=last)
        whose = filters.category or "All patterns"
        if filters.workspace_id:
            whose = workspaces.get(session, filters.workspace_id).name
        return overview.page(session, filters, period, whose=whose, now=datetime.now(UTC))


def _write_json(report: Report, params: Params, engine: Engine, target: IO[bytes]) -> None:
    target.write(b"[")
    separator = b"\n"
    for table in _tables(report, params, engine):
        for row in table.to_pylist():
            target.write(separator + json.dumps(row, default=_plain, ensure_ascii=False).encode("utf-8", "replace"))
            separator = b",\n"
    target.write(b"\n]\n")


def _write_parquet(report: Report, params: Params, engine: Engine, target: IO[bytes]) -> None:
    writer: pq.ParquetWriter | None = None
    for table in _tables(report, params, engine):
        if writer is None:
            writer = pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _tables(report: Report, params: Params, engine: Engine) -> Iterator[pa.Table]:
    """The rows in batches; at least one table, which may be empty, so that the columns are always there."""
    with opened(engine) as session:
        if report.frame is not None:
            yield _from_frame(report, session, params)
        else:
            yield from _from_statement(report, session, params)


def _from_frame(report: Report, session: Session, params: Params) -> pa.Table:
    assert report.frame is not None
    frame = report.frame(session, params)
    columns = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == object:
            column = column.map(lambda value: value if value is None or isinstance(value, str) else _text(value))
        columns[str(name)] = pa.array(column, from_pandas=True)
    return pa.table(columns)


def _from_statement(report: Report, session: Session, params: Params) -> Iterator[pa.Table]:
    assert report.sql is not None
    with driver(session).cursor(name="export") as cursor:
        cursor.itersize = BATCH
        cursor.execute(sql.SQL(report.sql), params)
        schema: pa.Schema | None = None
        while True:
            rows = cursor.fetchmany(BATCH)
            if schema is None:
                schema = pa.schema(
                    [pa.field(c.name, _BY_OID.get(c.type_code, pa.string())) for c in cursor.description or ()]
                )
            elif not rows:
                return
            columns = list(zip(*rows, strict=True)) or [()] * len(schema)
            arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            yield pa.Table.from_arrays(arrays, schema=schema)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        return pa.array([None if value is None else _text(value) for value in values], kind)
    if kind == pa.float64():
        return pa.array([None if value is None else float(value) for value in values], kind)
    return pa.array(values, kind)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=_plain, ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return float(value) if isinstance(value, Decimal) else str(value)
