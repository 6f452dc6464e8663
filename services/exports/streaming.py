"""Streaming a report. These functions are edges: they open their own read-only transaction and keep it while they run,
so that a reader who is slow or goes away never holds somebody else's."""

from __future__ import annotations

import os
import re
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, Final, LiteralString

from psycopg import postgres, sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from services.database.engine import get_engine, transaction
from services.database.rows import driver
from services.errors import InvalidInput, NotAllowed
from services.exports.cells import defused_column, to_csv
from services.exports.reports import Params, Report, find_report, read_filters
from services.exports.sheets import BYTE_ORDER_MARK, Sheet, columns_of
from services.people import actor_by_id, require
from services.settings import get_settings

CHUNK: Final = 64 * 1024  # bytes, about
ASK_EVERY_S = 1.0  # whether the person may still have what is sent
# Types whose text a spreadsheet can only take for a number, a time or an id; every other column is defused.
_PLAIN_TYPES: Final = frozenset(
    postgres.types[name].oid
    for name in ("int2", "int4", "int8", "float4", "float8", "numeric", "date", "timestamp", "timestamptz", "uuid")
)


_FRACTIONS: Final = frozenset(postgres.types[name].oid for name in ("float4", "float8", "numeric"))


def stream_csv(
    report: str, filters: Mapping[str, str], *, actor_id: uuid.UUID, engine: Engine | None = None
) -> Iterator[bytes]:
    """A report as chunks of CSV: the header row first, at once, then the rows as the database sends them.

    Memory stays bounded whatever the number of rows. The person, the report and its filters are checked before this
    returns: raises NotAllowed, InvalidInput or NotFound. Closing the iterator early ends the statement.
    """
    engine = engine or get_engine()
    known, params = checked(report, filters, actor_id=actor_id, engine=engine)
    return _while_active(stream(known, params, engine), actor_id, engine)


def _while_active(chunks: Iterator[bytes], actor_id: uuid.UUID, engine: Engine) -> Iterator[bytes]:
    """The chunks for as long as the person may have them: raises NotAllowed soon after they were shut out."""
    asked = time.monotonic()
    with closing(chunks):  # type: ignore[type-var]  # a generator, which has `close`
        for chunk in chunks:
            if time.monotonic() - asked > ASK_EVERY_S:
                with transaction(engine) as session:
                    actor_by_id(session, actor_id)
                asked = time.monotonic()
            yield chunk


def checked(report: str, filters: Mapping[str, str], *, actor_id: uuid.UUID, engine: Engine) -> tuple[Report, Params]:
    """The report and the parameters of its statement, for a person who may have it.

    Raises NotAllowed, InvalidInput or NotFound.
    """
    known = find_report(report)
    with transaction(engine) as session:
        actor = actor_by_id(session, actor_id)
        require(actor, "export")
        if actor.role not in known.roles:
            raise NotAllowed(f"To export '{known.title}' takes a {' or '.join(sorted(known.roles))}.")
        params = read_filters(session, known, filters)
        # Who only looks on gives no verdict that could be swayed.
        params["viewer"] = actor.id if actor.may("judge") else None
    return known, params


def write_csv(report: str, filters: Mapping[str, str], target: Path | BinaryIO, *, engine: Engine | None = None) -> int:
    """A report into a file or an open binary stream, for the command line, whose user holds the database anyway.

    A file is there whole or not at all. Returns the number of bytes. Raises InvalidInput for an unknown report, filter
    or a place that cannot be written, NotFound for what does not exist.
    """
    engine = engine or get_engine()
    known = find_report(report)
    with transaction(engine) as session:
        params = read_filters(session, known, filters)
    chunks = stream(known, params, engine)
    return _write_file(chunks, target) if isinstance(target, Path) else sum(target.write(c) for c in chunks)


def file_name(report: str, filters: Mapping[str, str], *, on: date | None = None) -> str:
    """A name for the download, of letters, digits, dots and dashes, with the day on which it was made where it is
    given: `patterndesk-sessions-swings-2026-01-01.csv`."""
    find_report(report)
    values = [str(value) for _, value in sorted(filters.items()) if value]
    values += [f"{on:%Y-%m-%d}"] if on else []
    parts = [re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in ("patterndesk", report, *values)]
    return "-".join(part for part in parts if part)[:100].rstrip("-") + ".csv"


@contextmanager
def opened(engine: Engine) -> Iterator[Session]:
    """A read-only transaction of its own, which sees one state of the database for as long as it lasts."""
    read_only = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    begun = engine.connect().execution_options(**read_only)
    with begun as connection, connection.begin(), Session(bind=connection) as session:
        yield session


def stream(report: Report, params: Params, engine: Engine) -> Iterator[bytes]:
    """The report as chunks of CSV, the header row first."""
    with opened(engine) as session:
        if report.frame is not None:
            yield to_csv(report.frame(session, params))
        else:
            assert report.sql is not None
            yield from _copied(session, sql.SQL(report.sql), params)


def stream_sheet(
    report: str, filters: Mapping[str, str], sheet: Sheet, *, actor_id: uuid.UUID, engine: Engine | None = None
) -> Iterator[bytes]:
    """The report as its screen shows it, for a spreadsheet: a byte order mark, the table's columns in its words, the
    person's separator. A report without a sheet of its own has its own columns. Raises what `stream_csv` raises."""
    engine = engine or get_engine()
    known, params = checked(report, filters, actor_id=actor_id, engine=engine)
    params |= {"zone": sheet.zone, "least_judged": get_settings().min_judged_marks}
    return _while_active(_sheet_chunks(report, known, params, sheet, engine), actor_id, engine)


def _sheet_chunks(name: str, report: Report, params: Params, sheet: Sheet, engine: Engine) -> Iterator[bytes]:
    yield BYTE_ORDER_MARK.encode()
    with opened(engine) as session:
        if report.frame is not None:
            frame = (report.shown or report.frame)(session, params)
            if report.shown is not None and sheet.internal:
                frame = frame.join(report.frame(session, params).drop(columns=list(frame), errors="ignore"))
            yield to_csv(frame, separator=sheet.delimiter, decimal="," if sheet.decimal_comma else ".")
            return
        assert report.sql is not None
        inner: sql.Composable = sql.SQL(report.sql)
        columns = columns_of(name)
        if columns is not None:
            inner = _shown(session, inner, columns, params, internal=sheet.internal)
        yield from _copied(session, inner, params, delimiter=sheet.delimiter, decimal_comma=sheet.decimal_comma)


def _shown(
    session: Session,
    inner: sql.Composable,
    columns: Sequence[tuple[str, LiteralString]],
    params: Params,
    *,
    internal: bool,
) -> sql.Composable:
    """The report's statement with the columns of the table, and the report's own beside them where they are asked for."""
    chosen: list[sql.Composable] = [
        sql.SQL("{} AS {}").format(sql.SQL(words), sql.Identifier(heading)) for heading, words in columns
    ]
    if internal:
        taken = {heading for heading, _ in columns}
        chosen += [sql.Identifier(name) for name, _ in _columns(session, inner, params) if name not in taken]
    return sql.SQL("SELECT {} FROM ({}) AS its").format(sql.SQL(", ").join(chosen), inner)


def _columns(session: Session, inner: sql.Composable, params: Params) -> list[tuple[str, int]]:
    with driver(session).cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM ({}) AS report LIMIT 0").format(inner), params)
        return [(c.name, c.type_code) for c in cursor.description or ()]


def _cell(name: str, kind: int, *, decimal_comma: bool) -> sql.Composable:
    if kind not in _PLAIN_TYPES:
        return defused_column(name)
    if decimal_comma and kind in _FRACTIONS:
        return sql.SQL("replace({0}::text, '.', ',') AS {0}").format(sql.Identifier(name))
    return sql.Identifier(name)


def _copied(
    session: Session, inner: sql.Composable, params: Params, *, delimiter: str = ",", decimal_comma: bool = False
) -> Iterator[bytes]:
    columns = _columns(session, inner, params)
    with driver(session).cursor() as cursor:
        yield (delimiter.join(name for name, _ in columns) + "\n").encode()
        shown = sql.SQL(", ").join(_cell(name, kind, decimal_comma=decimal_comma) for name, kind in columns)
        statement = sql.SQL("COPY (SELECT {} FROM ({}) AS report) TO STDOUT (FORMAT csv, DELIMITER {})").format(
            shown, inner, sql.Literal(delimiter)
        )
        buffer = bytearray()
        with cursor.copy(statement, params) as copy:
            for block in copy:
                buffer += block
                if len(buffer) >= CHUNK:
                    yield bytes(buffer)
                    buffer.clear()
        if buffer:
            yield bytes(buffer)


def _write_file(chunks: Iterator[bytes], path: Path) -> int:
    """Beside the target first, then renamed over it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    except OSError as error:
        raise InvalidInput(f"The file {path} cannot be written ({error.strerror}).") from error
    try:
        with os.fdopen(handle, "wb") as file:
            size = sum(file.write(chunk) for chunk in chunks)
        Path(name).chmod(0o644)
        os.replace(name, path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InvalidInput(f"The file {path} cannot be written ({error.strerror}).") from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return size
