"""Schedules: five fields of cron in a time zone, and the asking for what is due."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.errors import Conflict, InvalidInput, NotFound
from services.jobs.asking import last_done, put
from services.jobs.specs import PruneSpec, Spec, as_json, check, read_spec
from services.lifecycle import JobKind, JobStatus
from services.models import BackgroundJob, Schedule, new_id, now
from services.people import Actor, record, require

DAILY_PRUNE: Final = "Tidy up"  # made by the first worker; it can be paused and not removed
LONGEST_NAME: Final = 80
MOST: Final = 200
AGAIN: Final = timedelta(hours=1)  # until a schedule that can't be read is looked at again


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule as screens and commands show it. `next_at` None: it is paused."""

    id: uuid.UUID
    name: str
    kind: JobKind
    what: str
    cron: str
    time_zone: str
    next_at: datetime | None
    last_at: datetime | None
    last_status: str | None
    last_sentence: str | None
    last_good_at: datetime | None


def next_time(cron: str, time_zone: str, after: datetime) -> datetime:
    """The first time after `after` that a schedule names, in UTC. Raises InvalidInput for what names none."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"'{time_zone[:60]}' is no time zone; write it as Europe/Berlin or UTC.") from error
    try:
        if len(cron.split()) != 5 or not cron.isascii():
            raise InvalidInput(_no_cron(cron))
        return next(CronSim(cron, after.astimezone(zone))).astimezone(UTC)
    except (CronSimError, StopIteration, OverflowError) as error:
        raise InvalidInput(_no_cron(cron)) from error


def _no_cron(cron: str) -> str:
    return (
        f"'{cron[:60]}' names no time; write minute, hour, day, month and weekday, as '30 6 * * 1-5' "
        "for half past six on working days."
    )


def add(session: Session, *, name: str, cron: str, time_zone: str, spec: Spec, actor: Actor) -> uuid.UUID:
    """A schedule of this name. Raises InvalidInput for what can't work, Conflict for a name that is taken."""
    require(actor, "operate")
    title = " ".join(name.split())
    if not title or len(title) > LONGEST_NAME or not title.isprintable():
        raise InvalidInput(f"Give the schedule a name of 1 to {LONGEST_NAME} letters.")
    if spec.kind == JobKind.CONNECTION_TEST:
        raise InvalidInput("Connections are tested by hand.")
    check(spec)
    cron = " ".join(cron.split())
    at = next_time(cron, time_zone, now())
    if session.scalar(select(Schedule.id).where(Schedule.name == title)) is not None:
        raise Conflict(f"There is a schedule called '{title}' already.")
    if len(session.scalars(select(Schedule.id)).all()) >= MOST:
        raise Conflict(f"There are {MOST} schedules; remove one first.")
    row = Schedule(
        id=new_id(),
        name=title,
        kind=spec.kind,
        cron=cron,
        time_zone=time_zone,
        spec=as_json(spec),
        next_at=at,
        created_by_id=actor.id,
    )
    session.add(row)
    session.flush()
    record(session, actor=actor, action="schedule_added", object_type="schedule", object_id=row.id, after=_audited(row))
    return row.id


def remove(session: Session, name: str, *, actor: Actor) -> None:
    """Ends a schedule; the history of its jobs stays. Raises NotFound, Conflict for the app's own."""
    require(actor, "operate")
    row = _named(session, name)
    if row.name == DAILY_PRUNE:
        raise Conflict(f"'{DAILY_PRUNE}' keeps the disk from filling up; pause it instead.")
    record(
        session, actor=actor, action="schedule_removed", object_type="schedule", object_id=row.id, before=_audited(row)
    )
    session.delete(row)
    session.flush()


def pause(session: Session, name: str, *, actor: Actor) -> None:
    """Nothing of it is done until it is resumed."""
    require(actor, "operate")
    row = _named(session, name)
    row.next_at = None
    record(session, actor=actor, action="schedule_paused", object_type="schedule", object_id=row.id)


def resume(session: Session, name: str, *, actor: Actor) -> None:
    """It is done again from its next time on."""
    require(actor, "operate")
    row = _named(session, name)
    row.next_at = next_time(row.cron, row.time_zone, now())
    record(session, actor=actor, action="schedule_resumed", object_type="schedule", object_id=row.id)


def list_schedules(session: Session, *, actor: Actor) -> list[ScheduleRow]:
    """All of them by name, each with what came of its last job."""
    require(actor, "operate")
    return [_row(session, row) for row in session.scalars(select(Schedule).order_by(Schedule.name))]


def ask_due(session: Session, at: datetime | None = None) -> list[uuid.UUID]:
    """Asks for what is due; of several workers that look at once one asks. Times missed while none ran count once."""
    at = at or now()
    statement = select(Schedule).where(Schedule.next_at <= at).order_by(Schedule.next_at, Schedule.id)
    asked = []
    for row in session.scalars(statement.with_for_update(skip_locked=True)):
        assert row.next_at is not None
        try:
            following, spec = next_time(row.cron, row.time_zone, at), read_spec(row.spec)
        except InvalidInput as error:
            _put_off(session, row, at, error.sentence)
            continue
        planned, row.next_at = row.next_at, following
        asked.append(
            put(
                session,
                spec,
                title=row.name,
                planned_at=planned,
                schedule_id=row.id,
                asked_by=row.created_by_id,
            )
        )
    return asked


def _put_off(session: Session, row: Schedule, at: datetime, reason: str) -> None:
    """A schedule that this release or this machine can't read: said in its history, looked at again later, and in
    nobody else's way."""
    session.add(
        BackgroundJob(
            id=new_id(),
            kind=row.kind,
            spec=row.spec,
            schedule_id=row.id,
            title=row.name,
            asked_by_id=row.created_by_id,
            planned_at=row.next_at,
            status=JobStatus.FAILED,
            sentence=reason,
            ended_at=at,
        )
    )
    row.next_at = at + AGAIN
    session.flush()


def ensure_daily_prune(session: Session) -> None:
    """The app's own schedule, made once; what people change of it stays."""
    values: dict[str, Any] = {
        "id": new_id(),
        "name": DAILY_PRUNE,
        "kind": JobKind.PRUNE,
        "cron": "40 3 * * *",
        "time_zone": "UTC",
        "spec": as_json(PruneSpec()),
        "next_at": next_time("40 3 * * *", "UTC", now()),
    }
    session.execute(insert(Schedule).values(values).on_conflict_do_nothing(index_elements=["name"]))


def _named(session: Session, name: str) -> Schedule:
    row = session.scalar(select(Schedule).where(Schedule.name == " ".join(name.split())).with_for_update())
    if row is None:
        raise NotFound(f"There is no schedule called '{name[:80]}'.")
    return row


def _what(row: Schedule) -> str:
    try:
        return read_spec(row.spec).title()
    except InvalidInput as error:
        return error.sentence


def _audited(row: Schedule) -> dict[str, str]:
    return {"name": row.name, "what": _what(row), "cron": row.cron, "time_zone": row.time_zone}


def _row(session: Session, row: Schedule) -> ScheduleRow:
    last = session.scalars(
        select(BackgroundJob)
        .where(BackgroundJob.schedule_id == row.id)
        .order_by(BackgroundJob.created_at.desc())
        .limit(1)
    ).first()
    return ScheduleRow(
        row.id,
        row.name,
        JobKind(row.kind),
        _what(row),
        row.cron,
        row.time_zone,
        row.next_at,
        last.planned_at if last else None,
        last.status if last else None,
        last.sentence if last else None,
        last_done(session, schedule_id=row.id),
    )
