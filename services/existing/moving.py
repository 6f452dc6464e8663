"""The move itself: table after table, a batch a transaction, so that it can be killed and run again at any moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.database.engine import get_engine
from services.errors import Conflict, InvalidInput
from services.existing import making
from services.existing.desk import Desk
from services.existing.source import LEFT, TABLES, Row, Source, opened
from services.logs import get_logger
from services.models import MovedRow, PatternWorkspace, now
from services.people import record
from services.rules import asks_sql

_MAKE: Final[Mapping[str, Callable[[Desk, Row], uuid.UUID]]] = {
    "User": making.user,
    "PatternWorkspace": making.workspace,
    "PatternSession": making.pattern_session,
    "PatternDetection": making.detection,
    "ClaudeExecution": making.execution,
    "PatternCorrection": making.correction,
    "PatternComment": making.comment,
    "WorkspaceMessage": making.message,
    "ImplementationSession": making.implementation,
}
_LOCK: Final = 7_204_114_203  # one import at a time
MOST_PROBLEMS: Final = 200  # that a report lists of each table; all of them are in the database
log = get_logger(__name__)


@dataclass
class TableReport:
    """`rows` of the existing table; `moved` by this run, `before` by earlier ones; problems by old id."""

    rows: int = 0
    moved: int = 0
    before: int = 0
    failed: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    note: str | None = None


@dataclass
class Report:
    dry_run: bool
    tables: dict[str, TableReport] = field(default_factory=dict)


def import_existing(
    url: str,
    *,
    dry_run: bool,
    storage_root: str,
    say: Callable[[str], None] = lambda _line: None,
    engine: Engine | None = None,
) -> Report:
    """Moves everything that can be moved from the existing database at `url`; what was moved before is left alone.

    A dry run does the same and takes it all back. Raises InvalidInput or Unavailable for the existing database,
    Conflict while another import runs. A row that can't be moved is reported with its id and the reason.
    """
    report = Report(dry_run)
    with opened(url) as source, _alone(engine or get_engine()) as target, _Units(target, dry_run) as units:
        desk_ids: dict[tuple[str, str], uuid.UUID] = {}
        for table in TABLES:
            if source.has(table):
                moving = _Table(source, table, units, desk_ids, None if dry_run else storage_root, say)
                report.tables[table] = moving.move()
        for table, note in LEFT.items():
            if source.has(table):
                report.tables[table] = TableReport(rows=source.count(table), note=f"Not moved: {note}.")
        for table in sorted(source.columns.keys() - {*TABLES, *LEFT, "_prisma_migrations"}):
            report.tables[table] = TableReport(rows=source.count(table), note="Not moved: it is not about patterns.")
        with units.open() as session:
            _settle(session)
    return report


@contextmanager
def _alone(engine: Engine) -> Iterator[Engine]:
    """Holds the import's lock. Raises Conflict while another one has it."""
    with engine.connect() as guard:
        if not guard.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
            raise Conflict("Another import runs already.")
        guard.commit()
        try:
            yield engine
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
            guard.commit()


class _Units:
    """Units of work: transactions of their own, or, in a dry run, parts of one that is taken back at the end."""

    def __init__(self, engine: Engine, dry_run: bool) -> None:
        self._engine, self._whole = engine, engine.connect() if dry_run else None

    def __enter__(self) -> _Units:
        if self._whole is not None:
            self._whole.begin()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._whole is not None:
            self._whole.rollback()
            self._whole.close()

    @contextmanager
    def open(self) -> Iterator[Session]:
        if self._whole is None:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
            return
        with Session(self._whole, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
            session.commit()


class _Table:
    """One table's move."""

    def __init__(
        self,
        source: Source,
        table: str,
        units: _Units,
        ids: dict[tuple[str, str], uuid.UUID],
        storage_root: str | None,
        say: Callable[[str], None],
    ) -> None:
        self._source, self._table, self._units, self._ids = source, table, units, ids
        self._storage_root, self._say = storage_root, say
        self._report = TableReport(rows=source.count(table))
        self._superseded = source.superseded() if table == "PatternCorrection" else frozenset()

    def move(self) -> TableReport:
        self._load_known()
        seen = 0
        for batch in self._source.batches(self._table):
            with self._units.open() as session:
                desk = Desk(session, self._storage_root, self._ids)
                for row in batch:
                    self._one(desk, row)
            seen += len(batch)
            self._say(f"{self._table}: {seen:,} of {self._report.rows:,}")
        return self._report

    def _load_known(self) -> None:
        with self._units.open() as session:
            for old_id, new_id in session.execute(
                select(MovedRow.old_id, MovedRow.new_id).where(
                    MovedRow.old_table == self._table, MovedRow.new_id.is_not(None)
                )
            ):
                assert new_id is not None
                self._ids[self._table, old_id] = new_id

    def _one(self, desk: Desk, row: Row) -> None:
        old_id = str(row["id"])
        row["__superseded"] = old_id in self._superseded
        if (self._table, old_id) in self._ids:
            self._report.before += 1
            return
        note = desk.session.get(MovedRow, (self._table, old_id)) or MovedRow(old_table=self._table, old_id=old_id)
        try:
            with desk.session.begin_nested():
                new_id = _MAKE[self._table](desk, row)
        except InvalidInput as error:
            self._failed(desk, note, error.sentence)
        except (DBAPIError, TypeError, ValueError, AttributeError, KeyError) as error:
            log.warning("row_not_moved", table=self._table, id=old_id, error=repr(error)[:500])
            self._failed(desk, note, "It holds a value that does not fit here; the log says which.")
        else:
            self._ids[self._table, old_id] = new_id
            note.new_id, note.problem, note.moved_at = new_id, None, now()
            desk.session.add(note)
            self._report.moved += 1

    def _failed(self, desk: Desk, note: MovedRow, sentence: str) -> None:
        note.problem, note.moved_at = sentence, now()
        desk.session.add(note)
        self._report.failed += 1
        if len(self._report.problems) < MOST_PROBLEMS:
            self._report.problems[note.old_id] = sentence


def _settle(session: Session) -> None:
    """The counters of the workspaces, from what is there now."""
    count = "(SELECT count(*) FROM {} t WHERE t.workspace_id = pattern_workspaces.id{})"
    asking = count.format("feedback_items", f" AND {asks_sql('t')}")
    session.execute(
        update(PatternWorkspace).values(
            session_count=text(count.format("pattern_sessions", "")), feedback_count=text(asking)
        )
    )
    moved = session.scalar(select(MovedRow.old_id).limit(1))
    if moved is not None:
        record(session, actor=None, action="existing_system_imported", object_type="installation", object_id="all")
