"""The move itself: table after table, a batch a transaction, so that it can be killed and run again at any moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Engine, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from services.database.engine import get_engine
from services.errors import Conflict, InvalidInput
from services.existing import making
from services.existing.desk import Desk, Known
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
_UNFIT: Final = (DBAPIError, TypeError, ValueError, AttributeError, KeyError)  # what a row with an odd value raises
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
        self._known = Known()
        self._superseded = source.superseded() if table == "PatternCorrection" else frozenset()

    def move(self) -> TableReport:
        self._load_known()
        seen = 0
        for batch in self._source.batches(self._table):
            rows = [row for row in batch if (self._table, str(row["id"])) not in self._ids]
            self._report.before += len(batch) - len(rows)
            for row in rows:
                row["__superseded"] = str(row["id"]) in self._superseded
            if not self._together(rows):
                self._one_by_one(rows)
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

    def _together(self, rows: list[Row]) -> bool:
        """Moves a batch at once; False when one of its rows does not fit, and then none of them was moved."""
        moved: dict[str, uuid.UUID] = {}
        problems: dict[str, str] = {}
        try:
            with self._units.open() as session:
                desk = Desk(session, self._storage_root, self._ids, self._known)
                desk.fetch(rows)
                for row in rows:
                    old_id = str(row["id"])
                    try:
                        moved[old_id] = self._ids[self._table, old_id] = _MAKE[self._table](desk, row)
                    except InvalidInput as error:
                        problems[old_id] = error.sentence
                session.flush()
                _note(session, self._table, moved, problems)
        except _UNFIT:
            for old_id in moved:
                del self._ids[self._table, old_id]
            self._known = Known()
            return False
        self._count(moved, problems)
        return True

    def _one_by_one(self, rows: list[Row]) -> None:
        """Moves what can be moved of a batch with a row that does not fit, each within a savepoint of its own."""
        moved: dict[str, uuid.UUID] = {}
        problems: dict[str, str] = {}
        with self._units.open() as session:
            for row in rows:
                old_id, desk = str(row["id"]), Desk(session, self._storage_root, self._ids)
                try:
                    with session.begin_nested():
                        new_id = _MAKE[self._table](desk, row)
                except InvalidInput as error:
                    problems[old_id] = error.sentence
                except _UNFIT as error:
                    log.warning("row_not_moved", table=self._table, id=old_id, error=repr(error)[:500])
                    problems[old_id] = "It holds a value that does not fit here; the log says which."
                else:
                    moved[old_id] = self._ids[self._table, old_id] = new_id
            _note(session, self._table, moved, problems)
        self._count(moved, problems)

    def _count(self, moved: Mapping[str, uuid.UUID], problems: Mapping[str, str]) -> None:
        self._report.moved += len(moved)
        self._report.failed += len(problems)
        room = MOST_PROBLEMS - len(self._report.problems)
        self._report.problems |= dict(list(problems.items())[: max(0, room)])


def _note(session: Session, table: str, moved: Mapping[str, uuid.UUID], problems: Mapping[str, str]) -> None:
    """Remembers of each row where it went, or why it could not be moved."""
    ids = [*moved, *problems]
    rows = [
        {"old_table": table, "old_id": i, "new_id": moved.get(i), "problem": problems.get(i), "moved_at": now()}
        for i in ids
    ]
    if rows:
        statement = insert(MovedRow)
        changed = {name: statement.excluded[name] for name in ("new_id", "problem", "moved_at")}
        session.execute(statement.on_conflict_do_update(index_elements=["old_table", "old_id"], set_=changed), rows)


def _settle(session: Session) -> None:
    """The counters of the workspaces, from what is there now; their places are derived again before they are read."""
    count = "(SELECT count(*) FROM {} t WHERE t.workspace_id = pattern_workspaces.id{})"
    asking = count.format("feedback_items", f" AND {asks_sql('t')}")
    session.execute(
        update(PatternWorkspace).values(
            session_count=text(count.format("pattern_sessions", "")), feedback_count=text(asking), places_at=None
        )
    )
    moved = session.scalar(select(MovedRow.old_id).limit(1))
    if moved is not None:
        record(session, actor=None, action="existing_system_imported", object_type="installation", object_id="all")
