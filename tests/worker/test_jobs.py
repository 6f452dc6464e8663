"""Background jobs by a real worker: schedules that come due, backups, tidying, tests of connections, notices."""

from __future__ import annotations

import csv
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from services import jobs
from services.database.engine import transaction
from services.jobs import BackupSpec, ConnectionSpec, ExportSpec, JobRow, PruneSpec, Spec
from services.lifecycle import JobStatus
from services.models import Schedule, User
from tests.support.installation import Installation
from tests.support.notice_receiver import receiving
from tests.support.processes import eventually


def done(job_id: uuid.UUID, seconds: float = 60.0) -> JobRow:
    def look() -> JobRow:
        with transaction() as session:
            return jobs.load(session, job_id)

    assert eventually(lambda: look().status in (JobStatus.DONE, JobStatus.FAILED), seconds), look()
    return look()


def ask(installation: Installation, spec: Spec) -> uuid.UUID:
    with transaction() as session:
        return jobs.ask(session, spec, actor=installation.admin)


@pytest.mark.long
def test_jobs_are_done_and_say_what_came_of_them(new_installation: Installation) -> None:
    installation = new_installation
    installation.worker(ANTHROPIC_API_KEY="")
    backup = done(ask(installation, BackupSpec(verify=True)), 120)
    assert backup.status == JobStatus.DONE, installation.workers[0].said()[-4000:]
    assert backup.sentence is not None
    assert "verified by a restore" in backup.sentence
    assert len(list((installation.root / "backups").glob("patterndesk-*.tar"))) == 1
    tidied = done(ask(installation, PruneSpec()))
    assert tidied.status == JobStatus.DONE, tidied.sentence
    for name, status, words in (
        ("database", JobStatus.DONE, "PostgreSQL "),
        ("storage", JobStatus.DONE, "stored and read back"),
        ("repository", JobStatus.DONE, "has its main branch"),
        ("agent:tuner", JobStatus.DONE, "works on this machine"),
        ("agent:claude", JobStatus.FAILED, "ANTHROPIC_API_KEY"),
        ("target:local", JobStatus.DONE, "can be written"),
        ("target:vercel", JobStatus.FAILED, "VERCEL_TOKEN"),
    ):
        tested = done(ask(installation, ConnectionSpec(name=name)))
        assert (tested.status, words in (tested.sentence or "")) == (status, True), tested.sentence


@pytest.mark.long
def test_a_schedule_that_comes_due_writes_its_report(new_installation: Installation) -> None:
    installation = new_installation
    folder = installation.root / "reports"
    with transaction() as session:
        made = jobs.add(
            session, name="People", cron="0 5 * * *", time_zone="Europe/Berlin",
            spec=ExportSpec(report="people", target=f"{folder}/", keep=2), actor=installation.admin,
        )  # fmt: skip
    for day in range(3):
        with transaction() as session:  # as if its time had come
            session.get_one(Schedule, made).next_at = datetime.now(UTC) - timedelta(days=3 - day)
        if day == 0:
            installation.worker()
        assert eventually(lambda: len(history(installation, made)) == day + 1, 30)  # noqa: B023
        assert eventually(lambda: history(installation, made)[0].status == JobStatus.DONE, 30), history(
            installation, made
        )
    files = sorted(folder.glob("people-*.csv"))
    assert len(files) == 2
    with files[-1].open(newline="") as opened:
        assert {row["email"] for row in csv.DictReader(opened)} == {"mara@example.com", "adam@example.com"}
    with transaction() as session:
        rows = {row.name: row for row in jobs.list_schedules(session, actor=installation.admin)}
        assert "Tidy up" in rows
        assert rows["People"].last_good_at is not None
        assert session.scalars(select(Schedule.next_at).where(Schedule.id == made)).one() > datetime.now(UTC)


def history(installation: Installation, schedule_id: uuid.UUID) -> list[JobRow]:
    with transaction() as session:
        return jobs.latest(session, schedule_id=schedule_id, actor=installation.admin)


@pytest.mark.long
def test_a_report_goes_to_a_chat_and_not_for_somebody_shut_out(new_installation: Installation) -> None:
    installation = new_installation
    installation.worker()
    with receiving() as receiver:
        sent = done(ask(installation, ExportSpec(report="people", target=receiver.url("chat"))))
        assert sent.status == JobStatus.DONE, sent.sentence
        [(_, notice)] = receiver.waits_for(1)
        text = json.dumps(notice)
        assert "People: 2 rows" in text
        assert "mara@example.com" in text
        receiver.answers["chat"] = 500
        refused = done(ask(installation, ExportSpec(report="workspaces", target=receiver.url("chat"))))
        assert (refused.status, refused.sentence) == (
            JobStatus.FAILED, f"json://127.0.0.1:{receiver.port} did not take the report: It answered with the error 500.",
        )  # fmt: skip
        receiver.answers["chat"] = 200
        with transaction() as session:
            made = jobs.add(
                session, name="People", cron="0 5 * * *", time_zone="UTC",
                spec=ExportSpec(report="people", target=receiver.url("chat")), actor=installation.admin,
            )  # fmt: skip
            session.get_one(Schedule, made).next_at = datetime.now(UTC)
            session.get_one(User, installation.admin.id).is_active = False
        assert eventually(lambda: [j.status for j in history(installation, made)] == [JobStatus.FAILED], 30)
        assert "no longer active" in (history(installation, made)[0].sentence or "")
        assert len(receiver.taken) == 1
