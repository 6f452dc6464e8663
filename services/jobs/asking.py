"""A job's life: asked for in the transaction that queues it, begun and ended by the worker that runs it."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.database import queue
from services.errors import Conflict, InvalidInput, NotFound
from services.jobs.specs import Spec, as_json, check, read_spec
from services.lifecycle import JobKind, JobStatus
from services.models import BackgroundJob, User, new_id, now
from services.people import Actor, record, require

LONGEST_SENTENCE = 500


@dataclass(frozen=True, slots=True)
class JobResult:
    """What a job counted: bytes and rows that it wrote or removed, and how many things it removed."""

    size: int
    rows: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as screens show it."""

    id: uuid.UUID
    kind: JobKind
    title: str
    schedule_id: uuid.UUID | None
    asked_by: str | None
    planned_at: datetime
    status: JobStatus
    sentence: str | None
    started_at: datetime | None
    ended_at: datetime | None
    name: str | None  # of the connection that is tested


def ask(session: Session, spec: Spec, *, actor: Actor) -> uuid.UUID:
    """Queues a job in the caller's transaction. Raises Conflict while one of the same kind and aim is under way."""
    require(actor, "operate")
    check(spec)
    waiting = select(BackgroundJob).where(
        BackgroundJob.kind == spec.kind, BackgroundJob.status.in_([JobStatus.WAITING, JobStatus.RUNNING])
    )
    if any(row.spec == as_json(spec) for row in session.scalars(waiting)):
        raise Conflict("This is being done already; its outcome shows here.")
    job_id = put(session, spec, title=spec.title(), planned_at=now(), asked_by=actor.id)
    record(
        session,
        actor=actor,
        action="job_asked",
        object_type="background_job",
        object_id=job_id,
        after={"title": spec.title()},
    )
    return job_id


def put(
    session: Session,
    spec: Spec,
    *,
    title: str,
    planned_at: datetime,
    schedule_id: uuid.UUID | None = None,
    asked_by: uuid.UUID | None = None,
) -> uuid.UUID:
    """The row and its place in the worker's queue: both, or neither."""
    row = BackgroundJob(
        id=new_id(),
        kind=spec.kind,
        spec=as_json(spec),
        schedule_id=schedule_id,
        title=title,
        asked_by_id=asked_by,
        planned_at=planned_at,
    )
    session.add(row)
    session.flush()
    queue.enqueue_job(session, row.id)
    return row.id


@dataclass(frozen=True, slots=True)
class Begun:
    """A job that a worker has begun: what to do, its planned time, and in whose name reports are read."""

    spec: Spec
    planned_at: datetime
    actor_id: uuid.UUID | None


def begin(session: Session, job_id: uuid.UUID) -> Begun | None:
    """Marks a job as running; None when it has ended already, or is gone. Raises InvalidInput for a broken one."""
    row = session.get(BackgroundJob, job_id, with_for_update=True, populate_existing=True)
    if row is None or row.status in (JobStatus.DONE, JobStatus.FAILED):
        return None
    row.status, row.started_at = JobStatus.RUNNING, now()
    return Begun(read_spec(row.spec), row.planned_at, row.asked_by_id)


def end(session: Session, job_id: uuid.UUID, *, sentence: str, result: JobResult | None, failed: bool) -> None:
    """Records what came of a job. A second call changes nothing."""
    row = session.get(BackgroundJob, job_id, with_for_update=True, populate_existing=True)
    if row is None or row.status in (JobStatus.DONE, JobStatus.FAILED):
        return
    row.status = JobStatus.FAILED if failed else JobStatus.DONE
    row.sentence, row.ended_at = sentence[:LONGEST_SENTENCE], now()
    row.result = asdict(result) if result else None


def load(session: Session, job_id: uuid.UUID) -> JobRow:
    """Raises NotFound."""
    found = session.get(BackgroundJob, job_id)
    if found is None:
        raise NotFound("There is no such job.")
    return _row(found, None)


def latest(
    session: Session,
    *,
    kind: JobKind | None = None,
    schedule_id: uuid.UUID | None = None,
    limit: int = 20,
    actor: Actor,
) -> list[JobRow]:
    """The newest jobs, the newest first."""
    require(actor, "operate")
    statement = select(BackgroundJob, User.name).outerjoin(User, User.id == BackgroundJob.asked_by_id)
    if kind is not None:
        statement = statement.where(BackgroundJob.kind == kind)
    if schedule_id is not None:
        statement = statement.where(BackgroundJob.schedule_id == schedule_id)
    rows = session.execute(statement.order_by(BackgroundJob.created_at.desc(), BackgroundJob.id.desc()).limit(limit))
    return [_row(job, name) for job, name in rows]


def last_done(session: Session, *, schedule_id: uuid.UUID) -> datetime | None:
    """When a schedule's job last went well."""
    statement = select(BackgroundJob.ended_at).where(
        BackgroundJob.schedule_id == schedule_id, BackgroundJob.status == JobStatus.DONE
    )
    return session.scalars(statement.order_by(BackgroundJob.ended_at.desc()).limit(1)).first()


def _row(job: BackgroundJob, asked_by: str | None) -> JobRow:
    try:
        name = getattr(read_spec(job.spec), "name", None)
    except InvalidInput:
        name = None
    return JobRow(
        job.id,
        JobKind(job.kind),
        job.title,
        job.schedule_id,
        asked_by,
        job.planned_at,
        JobStatus(job.status),
        job.sentence,
        job.started_at,
        job.ended_at,
        name,
    )
