"""The files for people: read back, each equals what the list reads and what SQL says, for ten filters each."""

from __future__ import annotations

import csv
import io
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pages.components import looks
from pages.components.runs.state import agent_name
from services import executions, exports, feedback, sessions, words
from services.database.engine import engine_for, transaction
from services.errors import InvalidInput
from services.executions import ExecutionFilter
from services.exports.sheets import SHEETS
from services.feedback import CorrectionFilter
from services.lifecycle import Role
from tests import factories

ODD = ['=cmd|"/c calc"!A1', "two\nlines, and a comma", 'a "quote"; and more', "🟢 émoji\ttab", "-1+1", "plain"]
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def engine(clone_url: str) -> Iterator[Engine]:
    made = engine_for(clone_url)
    yield made
    made.dispose()


@pytest.fixture
def filled(engine: Engine) -> dict[str, Any]:
    """Two patterns with executions, sessions and corrections whose texts are as odd as people's."""
    rnd = random.Random(11)
    with transaction(engine) as session:
        admin = factories.person(session, Role.ADMIN, name='Ann "=A1" Lee; x')
        other = factories.person(session, Role.MEMBER, name="Bo")
        homes = [factories.workspace(session, admin, name=name) for name in ("=Gaps, odd", "Swings")]
        for n in range(60):
            _execution(session, rnd, homes[n % 2], (admin.id, other.id)[n % 3 == 0], n)
            _session(session, rnd, homes[n % 2], (admin.id, other.id)[n % 4 == 0], n)
        _corrections(session, rnd)
    return {"homes": homes, "admin": admin, "other": other}


def _execution(session: Session, rnd: random.Random, home: uuid.UUID, by: uuid.UUID, n: int) -> None:
    status = ("completed", "failed", "failed")[n % 3]
    at = DAY + timedelta(hours=7 * n)
    session.execute(
        text(
            "INSERT INTO claude_executions (id, workspace_id, number, status, phase, progress, triggered_by, triggered_at, "
            "started_at, completed_at, errored_at, canceled_at, error, agent, deploy_target, deploy_status, retry_count, "
            "cost_usd, commit_hash) VALUES (:id, :w, :n, :status, 'testing', 50, :by, :at, :at, "
            "CASE WHEN :status = 'completed' THEN CAST(:end AS timestamptz) END, "
            "CASE WHEN :status = 'failed' THEN CAST(:end AS timestamptz) END, CAST(:canceled AS timestamptz), :error, "
            ":agent, 'local', :deploy, :retries, :cost, :commit)"
        ),
        {
            "id": uuid.UUID(int=rnd.getrandbits(128)), "w": home, "n": n + 1, "status": status, "by": by, "at": at,
            "end": at + timedelta(seconds=30 + n), "canceled": at if n % 6 == 1 else None,
            "error": ODD[n % 6] if status == "failed" else None, "agent": ("tuner", "claude")[n % 2],
            "deploy": (None, "ready", "error")[n % 3], "retries": n % 4, "cost": n / 100 if n % 2 else 0,
            "commit": f"{n:07d}abc" if n % 2 else None,
        },
    )  # fmt: skip


def _session(session: Session, rnd: random.Random, home: uuid.UUID, by: uuid.UUID, n: int) -> None:
    session.execute(
        text(
            "INSERT INTO pattern_sessions (id, workspace_id, pattern_type, pattern_version, name, status, symbol, "
            "timeframe, start_index, end_index, start_time, end_time, created_by_id, created_at, completed_at, tp, fp, fn, "
            "success_rate, ci_low, ci_high) VALUES (:id, :w, 'x', :version, :name, :status, 'GOOG', '1d', 10, :end, :at, "
            ":at, :by, :at, CASE WHEN :status = 'completed' THEN CAST(:at AS timestamptz) END, 3, 1, 0, :rate, 0.3, 0.95)"
        ),
        {
            "id": uuid.UUID(int=rnd.getrandbits(128)), "w": home, "version": f"0.{n % 3}.0", "name": f"{ODD[n % 6]} {n}",
            "status": ("active", "completed", "failed")[n % 3], "end": 100 + n, "at": DAY + timedelta(hours=5 * n),
            "by": by, "rate": 0.75 if n % 2 else None,
        },
    )  # fmt: skip


def _corrections(session: Session, rnd: random.Random) -> None:
    rows = session.execute(
        text("SELECT id, workspace_id, created_by_id FROM pattern_sessions ORDER BY created_at")
    ).all()
    for n, row in enumerate(rows):
        session.execute(
            text(
                "INSERT INTO feedback_items (id, workspace_id, session_id, author_id, verdict, state, reason, candle_index, "
                "candle_time, price, expected_kind, expected_direction, created_at, made_by) VALUES (:id, :w, :s, :by, "
                ":verdict, :state, :reason, :at_bar, :at, 1.5, 'swing', :direction, :at, 'person')"
            ),
            {
                "id": uuid.UUID(int=rnd.getrandbits(128)), "w": row.workspace_id, "s": row.id, "by": row.created_by_id,
                "verdict": ("false_positive", "false_negative", "comment", "confirmed")[n % 4],
                "state": ("open", "addressed", "withdrawn")[n % 3], "reason": ODD[n % 6], "at_bar": n, "direction": 1,
                "at": DAY + timedelta(hours=5 * n),
            },
        )  # fmt: skip


def read(engine: Engine, report: str, filters: dict[str, Any], actor: Any, **sheet: Any) -> list[dict[str, str]]:
    chunks = exports.stream_sheet(
        report, {k: str(v) for k, v in filters.items()}, exports.Sheet(**sheet), actor_id=actor.id, engine=engine
    )
    whole = b"".join(chunks)
    assert whole.startswith(b"\xef\xbb\xbf")
    lines = io.StringIO(whole.decode("utf-8-sig"), newline="")
    rows = list(csv.DictReader(lines, delimiter=exports.SEPARATORS[sheet.get("separator", "comma")]))
    return [{name: exports.restore(value) for name, value in row.items()} for row in rows]


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at else ""


def execution_filters(of: dict[str, Any]) -> list[tuple[dict[str, Any], ExecutionFilter]]:
    home, other = of["homes"][0], of["other"].id
    since, until = DAY.date() + timedelta(days=3), DAY.date() + timedelta(days=9)
    return [
        ({}, ExecutionFilter()),
        ({"workspace": home}, ExecutionFilter(workspace_id=home)),
        ({"outcome": "completed"}, ExecutionFilter(outcomes=["completed"])),
        ({"outcome": "failed,canceled"}, ExecutionFilter(outcomes=["failed", "canceled"])),
        ({"outcome": "canceled"}, ExecutionFilter(outcomes=["canceled"])),
        ({"agent": "claude"}, ExecutionFilter(agent="claude")),
        ({"person": other}, ExecutionFilter(person_id=other)),
        ({"retries": 2}, ExecutionFilter(retries=2)),
        ({"deploy": "error", "workspace": home}, ExecutionFilter(deploy="error", workspace_id=home)),
        ({"since": since, "until": until, "agent": "tuner"}, ExecutionFilter(since=since, until=until, agent="tuner")),
        ({"outcome": "deploy_failed"}, ExecutionFilter(outcomes=["deploy_failed"])),
    ]


def test_executions_read_back_are_the_list(engine: Engine, filled: dict[str, Any]) -> None:
    seen = set()
    for filters, wanted in execution_filters(filled):
        with transaction(engine) as session:
            rows = executions.page_of(session, wanted, limit=1000)
        seen.add(len(rows))
        expected = [
            (
                str(row.number), row.workspace_name, looks.execution_look(row.status, canceled=row.canceled).label,
                looks.look(looks.PHASES, row.phase).label if row.status == "failed" else "", agent_name(row.agent),
                _when(row.started_at), row.triggered_by_name, row.error or "", (row.commit_hash or "")[:7],
                looks.look(looks.DEPLOYS, row.deploy_status).label if row.deploy_status else "", str(row.retry_count),
            )
            for row in rows
        ]  # fmt: skip
        names = ("Execution", "Pattern", "Status", "Ended in", "Agent", "Started", "By", "Why", "Commit", "Deploy",
                 "Retries")  # fmt: skip
        file = read(engine, "executions", filters, filled["admin"])
        assert [tuple(row[name] for name in names) for row in file] == expected, filters
    assert len(seen) > 5  # the filters tell apart


def test_sessions_read_back_are_the_list(engine: Engine, filled: dict[str, Any]) -> None:
    home = filled["homes"][1]
    cases: list[dict[str, Any]] = [{}, {"workspace": home}, {"workspace": filled["homes"][0]}]
    cases += [{"status": status} for status in ("active", "completed", "failed")]
    cases += [{"version": version} for version in ("0.0.0", "0.1.0", "9.9.9")]
    cases += [{"workspace": home, "status": "completed", "version": "0.1.0"}]
    for filters in cases:
        with transaction(engine) as session:
            rows = sessions.list_sessions(
                session, workspace_id=filters.get("workspace"), status=filters.get("status"),
                version=filters.get("version"), limit=1000,
            )  # fmt: skip
        expected = [
            (row.name, row.workspace_name, row.version, looks.look(looks.SESSIONS, row.status).label,
             row.created_by_name, _when(row.created_at), row.success_rate)
            for row in rows
        ]  # fmt: skip
        file = read(engine, "sessions", filters, filled["admin"], separator="semicolon")
        found = [
            (r["Session"], r["Pattern"], r["Version"], r["Status"], r["By"], r["Made"],
             float(r["Success"]) if r["Success"] else None)
            for r in file
        ]  # fmt: skip
        assert found == expected, filters


def test_corrections_read_back_are_the_list(engine: Engine, filled: dict[str, Any]) -> None:
    home, other = filled["homes"][0], filled["other"].id
    since = DAY.date() + timedelta(days=4)
    cases: list[tuple[dict[str, Any], CorrectionFilter]] = [
        ({}, CorrectionFilter()),
        ({"workspace": home}, CorrectionFilter(workspace_id=home)),
        ({"state": "open"}, CorrectionFilter(states=["open"])),
        ({"state": "open,addressed"}, CorrectionFilter(states=["open", "addressed"])),
        ({"verdict": "false_positive"}, CorrectionFilter(verdicts=["false_positive"])),
        ({"verdict": "false_positive,comment"}, CorrectionFilter(verdicts=["false_positive", "comment"])),
        ({"person": other}, CorrectionFilter(person_id=other)),
        ({"since": since}, CorrectionFilter(since=since)),
        ({"until": since, "state": "withdrawn"}, CorrectionFilter(until=since, states=["withdrawn"])),
        ({"stage": "fixed"}, CorrectionFilter(stage="fixed")),
    ]
    for filters, wanted in cases:
        with transaction(engine) as session:
            rows = feedback.corrections(session, wanted, limit=1000)
        expected = [
            (row.workspace_name, looks.look(looks.VERDICTS, row.verdict).label, row.reason or "", row.author_name,
             looks.look(looks.FEEDBACK_STATES, row.state).label, f"#{row.candle_index}", "Swing high")
            for row in rows
        ]  # fmt: skip
        names = ("Pattern", "Verdict", "Reason", "By", "State", "Where", "What")
        file = read(engine, "corrections", filters, filled["admin"], separator="tab")
        assert [tuple(row[name] for name in names) for row in file] == expected, filters


def test_internal_columns_stand_beside_those_of_the_table(engine: Engine, filled: dict[str, Any]) -> None:
    for report in ("executions", "corrections", "sessions"):
        plain = b"".join(exports.stream_csv(report, {}, actor_id=filled["admin"].id, engine=engine)).decode()
        own = list(csv.DictReader(io.StringIO(plain, newline="")))
        both = read(engine, report, {}, filled["admin"], internal=True)
        assert [row["id"] for row in both] == [row["id"] for row in own]
        assert list(both[0])[: len(SHEETS[report])] == [heading for heading, _ in SHEETS[report]]


def test_a_language_with_a_decimal_comma_gets_one(engine: Engine, filled: dict[str, Any]) -> None:
    file = read(engine, "sessions", {}, filled["admin"], separator="semicolon", decimal_comma=True)
    assert {row["Interval from"] for row in file} == {"0,3"} and {row["Success"] for row in file} == {"", "0,75"}


def test_times_are_in_the_readers_zone(engine: Engine, filled: dict[str, Any]) -> None:
    utc, tokyo = (
        read(engine, "sessions", {}, filled["admin"], zone=zone)[-1]["Made"] for zone in ("UTC", "Asia/Tokyo")
    )
    assert (utc, tokyo) == ("2026-03-01 00:00:00", "2026-03-01 09:00:00")


@pytest.mark.long
@pytest.mark.parametrize("report", sorted(SHEETS))
def test_every_sheet_can_be_written(engine: Engine, filled: dict[str, Any], report: str) -> None:
    filters: dict[str, Any] = {"workspace": filled["homes"][0]} if report in ("timeline", "notifications") else {}
    if report == "marks":
        with transaction(engine) as session:
            filters = {"session": session.scalar(text("SELECT id FROM pattern_sessions LIMIT 1"))}
    for separator in exports.SEPARATORS:
        chunks = exports.stream_sheet(
            report, {k: str(v) for k, v in filters.items()}, exports.Sheet(separator, True, True),
            actor_id=filled["admin"].id, engine=engine,
        )  # fmt: skip
        assert b"".join(chunks)


def test_a_forged_sheet_is_a_sentence() -> None:
    for given in ({"separator": "x"}, {"zone": "Mars/Base"}, {"zone": "'; DROP TABLE users; --"}):
        with pytest.raises(InvalidInput):
            exports.read_sheet(given)


def test_screens_and_files_use_the_same_words() -> None:
    for table in ("STATUSES", "VERDICTS", "EXECUTIONS", "PHASES", "SESSIONS", "FEEDBACK_STATES", "DEPLOYS", "NOTICES"):
        assert {name: look.label for name, look in getattr(looks, table).items()} == dict(getattr(words, table))
