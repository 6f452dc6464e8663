"""`patterndesk schedule`: what is taken, what is refused with a sentence, and when the next time is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from services import jobs
from services.database.engine import transaction
from services.errors import InvalidInput
from services.jobs.schedules import next_time
from services.models import BackgroundJob, Schedule
from tests.cli.conftest import Command

AT = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


@pytest.fixture
def admin(command: Command) -> str:
    command("people", "add", "ada@desk.example", "--name", "Ada", "--role", "admin")
    command("people", "add", "mel@desk.example", "--name", "Mel", "--role", "member")
    return "ada@desk.example"


def test_a_schedule_is_added_listed_paused_and_removed(command: Command, admin: str) -> None:
    made = command("schedule", "add", "Nightly people", "--cron", "15 2 * * *", "--report", "people", "--json")
    assert made.code == 0, made.err
    assert datetime.fromisoformat(made.json["next_at"]).strftime("%H:%M") == "02:15"
    backup = command(
        "schedule", "add", "Backup", "--cron", "0 3 * * 0", "--backup", "--keep", "5", "--tz", "Asia/Tokyo"
    )
    assert backup.code == 0, backup.err
    rows = {row["name"]: row for row in command("schedule", "list", "--json").json["schedules"]}
    assert rows["Nightly people"]["what"] == "People to the data folder"
    assert (rows["Backup"]["time_zone"], rows["Backup"]["last_at"]) == ("Asia/Tokyo", None)
    assert "Nightly people" in command("schedule", "list").out
    assert command("schedule", "pause", "Backup").code == 0
    rows = {row["name"]: row for row in command("schedule", "list", "--json").json["schedules"]}
    assert rows["Backup"]["next_at"] is None
    assert command("schedule", "resume", "Backup").code == 0
    assert command("schedule", "remove", "Backup").out == "The schedule Backup is removed.\n"
    assert [row["name"] for row in command("schedule", "list", "--json").json["schedules"]] == ["Nightly people"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--cron", "1 2 3"), "names no time"),
        (("--cron", "61 * * * *", "--report", "people"), "names no time"),
        (("--cron", "0 0 30 2 *", "--report", "people"), "names no time"),
        (("--cron", "0 0 * * *", "--report", "people", "--tz", "Mars/Olympus"), "is no time zone"),
        (("--cron", "0 0 * * *", "--report", "people", "--tz", "../../etc/passwd"), "is no time zone"),
        (("--cron", "0 0 * * *", "--report", "nothing"), "There is no report 'nothing'"),
        (("--cron", "0 0 * * *", "--report", "marks"), "needs to know which session"),
        (("--cron", "0 0 * * *", "--report", "people", "--filter", "colour=red"), "has no filter 'colour'"),
        (("--cron", "0 0 * * *", "--report", "people", "--format", "xlsx"), "The job can't be used at format"),
        (("--cron", "0 0 * * *", "--report", "people", "--to", "/tmp/no-slash"), "ends in a slash"),
        (("--cron", "0 0 * * *", "--report", "people", "--to", "syslog://"), "works on the server itself"),
        (("--cron", "0 0 * * *", "--report", "people", "--keep", "0"), "The job can't be used at keep"),
        (("--cron", "0 0 * * *", "--report", "people", "--as", "mel@desk.example"), "to operate takes a admin"),
        (("--cron", "0 0 * * *"), "Say what to do"),
        (("--cron", "0 0 * * *", "--report", "people", "--backup"), "Say what to do"),
    ],
)
def test_what_can_not_work_is_refused(
    command: Command, admin: str, options: tuple[str, ...], sentence: str
) -> None:  # fmt: skip
    given = options if len(options) > 2 or sentence.startswith("Say") else (*options, "--report", "people")
    answer = command("schedule", "add", "X", *given, *(() if "--as" in options else ("--as", admin)))
    assert answer.code == 2
    assert sentence in answer.err, answer.err


def test_an_address_is_shown_without_what_may_be_a_secret(command: Command, admin: str) -> None:
    for name, target, shown in (
        ("One", "ftp://key:secret@127.0.0.1:1/folder/", "ftp://127.0.0.1:1/folder/"),
        ("Two", "json://user:secret@127.0.0.1:9/hook", "json://127.0.0.1:9"),
    ):
        answer = command("schedule", "add", name, "--cron", "0 0 * * *", "--report", "people", "--to", target)
        everything = answer.out + answer.err + command("schedule", "list", "--json").out
        assert "secret" not in everything
        assert shown in everything


def test_the_daily_tidying_can_be_paused_and_not_removed(command: Command, admin: str) -> None:
    with transaction() as session:
        jobs.ensure_daily_prune(session)
        jobs.ensure_daily_prune(session)
    assert "pause it instead" in command("schedule", "remove", "Tidy up").err
    assert command("schedule", "pause", "Tidy up").code == 0
    with transaction() as session:
        jobs.ensure_daily_prune(session)
    [row] = command("schedule", "list", "--json").json["schedules"]
    assert row["next_at"] is None


def test_times_are_those_of_the_zone_and_of_its_summer() -> None:
    before = next_time("30 6 * * *", "Europe/Berlin", AT)
    after = next_time("30 6 * * *", "Europe/Berlin", before)
    assert (before.hour, after.hour) == (4, 4)  # summer time began that night
    assert next_time("30 6 * * *", "Europe/Berlin", AT.replace(day=26)).hour == 5
    assert next_time("30 2 29 2 *", "UTC", AT).year == 2028
    with pytest.raises(InvalidInput):
        next_time("*/5 * * * * *", "UTC", AT)


def test_what_is_due_is_asked_for_once_however_long_nobody_looked(
    command: Command, admin: str, data_dir: Path
) -> None:  # fmt: skip
    command("schedule", "add", "Often", "--cron", "* * * * *", "--report", "people")
    later = datetime.now(UTC).replace(microsecond=0).replace(year=datetime.now(UTC).year + 1)
    with transaction() as session:
        [asked] = jobs.ask_due(session, later)
        assert jobs.ask_due(session, later) == []
    with transaction() as session:
        job = session.get_one(BackgroundJob, asked)
        assert (job.status, job.title, job.kind) == ("waiting", "Often", "export")


def test_a_schedule_that_can_not_be_read_is_in_nobody_elses_way(command: Command, admin: str, data_dir: Path) -> None:
    """Such as one that a later release wrote, or one in a time zone that this machine does not know."""
    for name in ("Odd", "Elsewhere", "Often"):
        command("schedule", "add", name, "--cron", "* * * * *", "--report", "people")
    later = datetime.now(UTC).replace(microsecond=0).replace(year=datetime.now(UTC).year + 1)
    with transaction() as session:
        odd, elsewhere = (
            session.scalars(select(Schedule).where(Schedule.name == n)).one() for n in ("Odd", "Elsewhere")
        )
        odd.spec, elsewhere.time_zone = {"kind": "teleport"}, "Mars/Olympus"
        odd.next_at = elsewhere.next_at = later.replace(year=later.year - 1, day=1)  # they come first
    with transaction() as session:
        [asked] = jobs.ask_due(session, later)
        assert session.get_one(BackgroundJob, asked).title == "Often"
        assert jobs.ask_due(session, later) == []
    rows = {row["name"]: row for row in command("schedule", "list", "--json").json["schedules"]}
    assert rows["Odd"]["last_status"] == "failed" and rows["Odd"]["what"] == "There is no such kind of job."
    assert "no time zone" in rows["Elsewhere"]["last_sentence"]
    assert command("schedule", "remove", "Odd").code == 0
