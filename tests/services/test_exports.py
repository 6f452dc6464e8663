"""Exports: cells that no spreadsheet runs, reports that stream, people who may have them."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from services import exports, feedback, notifications, people, timeline
from services.database.engine import engine_for, plain_url
from services.database.engine import transaction as unit
from services.errors import InvalidInput, NotAllowed, NotFound
from services.exports import REPORTS, defuse, file_name, reports, restore, streaming, to_csv
from services.exports.cells import defused_column
from services.lifecycle import ExecutionStatus, FeedbackState, Role, Verdict
from services.models import DetectorVersion, Evaluation, ExecutionAttempt
from tests.factories import (
    DAY_ONE,
    active_session,
    completed_session,
    days,
    execution,
    feedback_item,
    person,
    version,
    workspace,
)
from tests.support.databases import Databases

EVIL = '=HYPERLINK("http://evil.example","click")'
RISKY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "|calc", "＝1", "＋1", "－1", "＠x", "｜x", "\t=1", "\tx", "\rx", "\nx", " =1",
    "  -x", "\u00a0=1", "\u200b=1", "\ufeff=1", "\u2060\u3000=1", '"=1', "'=1", "''=1", "' \"=1", "\x0b=1", "\x01@x",
    "\u202e=1", EVIL, "=cmd|' /C calc'!A0", "-", "=",
]  # fmt: skip
HARMLESS = [
    "", "a", "a=1", "1-2", "x\ty", "x\n=1", "'", "'a", "''", "2026-01-01", "é=", "_=1", "(=1)", ",=1", "\u3000", "\\=1",
]  # fmt: skip
# Text as PostgreSQL holds it: no NUL, no lone surrogates; weighted towards what matters here.
CELLS = st.text(
    st.one_of(
        st.sampled_from("=+-@|＝＋－＠｜\t\r\n'\" \u00a0\u200b\ufeff\u2060\u202e\x01\x0b\x7f\x85ax1,;\\]^["),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=8,
)


@pytest.mark.parametrize("cell", RISKY)
def test_risky_cells_get_an_apostrophe(cell: str) -> None:
    assert defuse(cell) == "'" + cell and restore(defuse(cell)) == cell


@pytest.mark.parametrize("cell", HARMLESS)
def test_harmless_cells_stay(cell: str) -> None:
    assert defuse(cell) == cell and restore(cell) == cell


@settings(deadline=None)
@given(st.one_of(st.text(max_size=12), CELLS))
@example("'=1")
@example("\x00=1")
def test_defusing_is_reversible_and_leaves_nothing_risky(cell: str) -> None:
    safe = defuse(cell)
    assert restore(safe) == cell
    assert safe == cell or safe == "'" + cell
    assert not safe.startswith(("=", "+", "-", "@", "|", "\t", "\r", "\n"))


def test_sql_defuses_exactly_as_python(database_url: str) -> None:
    statement = sql.SQL("SELECT x, {} FROM unnest(%s::text[]) AS t(x)").format(defused_column("x"))
    with psycopg.connect(plain_url(database_url)) as connection:

        @settings(deadline=None, max_examples=50)  # a busy machine is no fault
        @given(st.lists(CELLS, min_size=20, max_size=60))
        @example(RISKY + HARMLESS)
        @example([chr(c) + "=1" for c in range(1, 0x3100)])
        @example([chr(c) + "=1" for c in range(0xFE00, 0x10000)])
        def same(cells: list[str]) -> None:
            found = connection.execute(statement, [cells]).fetchall()
            assert found == [(cell, defuse(cell)) for cell in cells]

        same()


def test_a_frame_is_written_as_shown_with_text_defused_and_numbers_left() -> None:
    frame = pd.DataFrame(
        {
            "name": ["=1", "plain", None],
            "n": [-1, 2, 3],
            "rate": [-0.5, np.nan, 1e-9],
            "at": pd.to_datetime(["2026-01-05T12:00", "", "2026-01-06T00:00"], utc=True),
            "mixed": ["@x", -4, {"a": "=b"}],
            "kind": pd.Categorical(["-up", "down", "down"]),
            "=head": [True, False, True],
            "lines": ["a\nb", "a\rb", 'say "x", y'],
        }
    )
    before = frame.copy()
    written = to_csv(frame)
    assert not written.startswith(b"\xef\xbb\xbf") and b"\r\n" not in written
    back = pd.read_csv(io.BytesIO(written))
    assert list(back.columns) == ["name", "n", "rate", "at", "mixed", "kind", "'=head", "lines"]
    assert back["name"].tolist()[:2] == ["'=1", "plain"] and back["name"].isna().tolist()[2]
    assert back["n"].tolist() == [-1, 2, 3] and back["n"].dtype == "int64"
    assert back["rate"].dtype == "float64" and back["rate"].tolist()[::2] == [-0.5, 1e-9]
    assert back["mixed"].tolist() == ["'@x", "-4", '{"a": "=b"}']
    assert back["kind"].tolist() == ["'-up", "down", "down"]
    assert back["lines"].tolist() == frame["lines"].tolist()
    pd.testing.assert_frame_equal(frame, before)


class Desk:
    """A populated database of this module's own, because exports open their own transactions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        with unit(engine) as session:
            self.people = {role: person(session, role, f"{role.value} Person") for role in Role}
            self.member = self.people[Role.MEMBER]
            people.ensure_person(session, email="evil@example.com", name=EVIL, role=Role.VIEWER)
            self.home = workspace(session, self.member, "swings", name="Swings")
            workspace(session, self.member, "bos", name="-BOS")
            first = version(session, self.home, "0.1.0")
            completed_session(session, self.home, first, self.member, tp=9, fp=1, fn=0)
            self.session_id, self.marks = active_session(session, self.home, self.member)
            feedback.judge(session, self.marks[0], Verdict.FALSE_POSITIVE, reason="@not a high", actor=self.member)
            self.comment = 'first line\nsecond, "quoted"\r\n=third'
            timeline.comment(session, self.home, self.comment, actor=self.member)
            timeline.comment(session, self.home, EVIL, actor=self.member)
            notifications.set_urls(session, self.home, ["json://127.0.0.1:9/"], actor=self.member)
            notifications.send_test(session, self.home, actor=self.member)
            self._executions(session, first)

    def _executions(self, session: Session, version_id: uuid.UUID) -> None:
        item = feedback_item(session, self.home, self.member, session_id=self.session_id, state=FeedbackState.ADDRESSED)
        phases = {"planning": {"started_at": DAY_ONE.isoformat(), "completed_at": (DAY_ONE + days(1)).isoformat()}}
        self.execution = execution(
            session, self.home, self.member, phases=phases, feedback_ids=[item], fixed_ids=[item], cost_usd="0.5",
            deploy_status="ready",
        )  # fmt: skip
        execution(session, self.home, self.member, status=ExecutionStatus.FAILED, canceled=True, at=DAY_ONE + days(2))
        session.add(ExecutionAttempt(execution_id=self.execution, number=1, reason="+retry"))
        result = {"case_id": str(item), "before": False, "after": True, "outcome": "fixed", "before_seen": None,
                  "after_seen": "=seen"}  # fmt: skip
        assert session.get(DetectorVersion, version_id)
        session.add(
            Evaluation(workspace_id=self.home, detector_version_id=version_id, execution_id=self.execution,
                       kind="replay", label_set_sha256="0" * 64, case_results=[result])
        )  # fmt: skip

    def csv(self, report: str, filters: dict[str, str] | None = None, role: Role = Role.MEMBER) -> bytes:
        who = self.people[role].id
        return b"".join(exports.stream_csv(report, filters or {}, actor_id=who, engine=self.engine))

    def frame(self, report: str, **filters: str) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(self.csv(report, filters)))

    @property
    def needed(self) -> dict[str, dict[str, str]]:
        return {"timeline": {"workspace": "swings"}, "marks": {"session": str(self.session_id)},
                "replay": {"execution": str(self.execution)}}  # fmt: skip


@pytest.fixture(scope="module")
def desk(databases: Databases, template_database: str) -> Iterator[Desk]:
    name = databases.clone()
    engine = engine_for(databases.address(name))
    yield Desk(engine)
    engine.dispose()
    databases.drop(name)


@pytest.mark.parametrize("report", sorted(REPORTS))
def test_every_report_has_rows_and_no_cell_that_a_spreadsheet_would_run(desk: Desk, report: str) -> None:
    written = desk.csv(report, desk.needed.get(report))
    table = list(csv.reader(io.StringIO(written.decode(), newline="")))
    assert len(table) > 1 and len({len(row) for row in table}) == 1
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in table[0])
    for cell in (cell for row in table[1:] for cell in row):
        assert defuse(cell) == cell or re.fullmatch(r"-?[0-9.e+-]+", cell) or cell.startswith("'"), cell


def test_the_timeline_carries_what_people_wrote_exactly(desk: Desk) -> None:
    table = desk.frame("timeline", workspace=str(desk.home))
    assert table["seq"].tolist() == sorted(table["seq"]) and {"pattern_created", "comment"} <= set(table["type"])
    comments = table.loc[table["type"] == "comment", "content"].tolist()
    assert comments == [desk.comment, "'" + EVIL]
    assert restore(comments[1]) == EVIL
    judged = table[table["type"] == "feedback_added"].iloc[0]
    assert (judged["content"], judged["feedback_verdict"], judged["author"]) == (
        "'@not a high", "false_positive", "member Person",
    )  # fmt: skip
    assert pd.to_datetime(table["created_at"], utc=True, format="ISO8601").is_monotonic_increasing


def test_marks_have_a_row_a_detection_with_its_verdict(desk: Desk) -> None:
    table = desk.frame("marks", session=str(desk.session_id))
    assert table["anchor_index"].tolist() == [10, 20, 30] and table["direction"].tolist() == [1, 1, 1]
    assert table["verdict"].fillna("").tolist() == ["false_positive", "", ""]
    assert table["detection_id"].tolist() == [str(i) for i in desk.marks]


def test_statistics_are_the_same_rows_as_on_the_page(desk: Desk) -> None:
    by_version = desk.frame("success_by_version", workspace="swings")
    assert by_version[["version", "tp", "n", "rate"]].values.tolist() == [["0.1.0", 9, 10, 0.9]]
    days_seen = desk.frame("executions_by_day")
    assert days_seen[["outcome", "count"]].values.tolist() == [["completed", 1], ["canceled", 1]]
    assert desk.frame("duration_by_phase")["seconds"].tolist() == [86400.0]
    assert desk.frame("success_over_time")["version_rate"].tolist() == [0.9]
    replay = desk.frame("replay", execution=str(desk.execution))
    assert replay[["outcome", "after_seen"]].values.tolist() == [["fixed", "'=seen"]]


def test_filters_narrow_a_report(desk: Desk) -> None:
    assert len(desk.frame("executions")) == 2
    assert desk.frame("executions", status="failed")["canceled"].tolist() == [True]
    assert len(desk.frame("executions", workspace="bos")) == 0
    assert len(desk.frame("executions", since="2026-01-06", until="2026-01-08")) == 1
    assert len(desk.frame("executions", since="2026-01-05T12:00:00+00:00", until="2026-01-05T12:00:01Z")) == 1
    assert desk.frame("workspaces", status="soon")["name"].tolist() == ["'-BOS"]
    assert len(desk.frame("feedback", verdict="false_positive", state="open", workspace="swings")) == 1
    assert len(desk.frame("notifications", workspace="swings", status="pending")) == 1
    assert len(desk.frame("notifications", status="sent")) == 0
    assert len(desk.frame("attempts", execution=str(desk.execution))) == 1
    assert len(desk.frame("sessions", status="", since="")) == 2  # an empty filter is none


@pytest.mark.parametrize(
    ("report", "filters", "error"),
    [
        ("nothing", {}, InvalidInput),
        ("../secrets", {}, InvalidInput),
        ("timeline", {}, InvalidInput),
        ("workspaces", {"colour": "red"}, InvalidInput),
        ("people", {"workspace": "swings"}, InvalidInput),
        ("executions", {"status": "canceled"}, InvalidInput),
        ("executions", {"status": "x' OR '1'='1"}, InvalidInput),
        ("executions", {"agent": "gpt"}, InvalidInput),
        ("executions", {"since": "yesterday"}, InvalidInput),
        ("executions", {"since": "0001-01-01T00:00:00+14:00"}, InvalidInput),
        ("executions", {"since": "2026-01-02", "until": "2026-01-01"}, InvalidInput),
        ("marks", {"session": "12"}, InvalidInput),
        ("marks", {"session": str(uuid.UUID(int=1))}, NotFound),
        ("replay", {"execution": str(uuid.UUID(int=1))}, NotFound),
        ("timeline", {"workspace": "no_such"}, NotFound),
    ],
)
def test_what_cannot_be_exported_is_refused_before_a_byte(
    desk: Desk, report: str, filters: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"\.$"):
        exports.stream_csv(report, filters, actor_id=desk.member.id, engine=desk.engine)


def test_everybody_may_export_but_people_notices_and_audit_are_the_members_own(desk: Desk) -> None:
    assert len(desk.csv("workspaces", role=Role.VIEWER)) > 100
    for report in ("people", "notifications", "audit"):
        with pytest.raises(NotAllowed, match="takes a admin or member"):
            desk.csv(report, role=Role.VIEWER)
        assert len(desk.csv(report, role=Role.ADMIN)) > 100
    with pytest.raises(NotAllowed):
        exports.stream_csv("workspaces", {}, actor_id=uuid.uuid4(), engine=desk.engine)


def test_a_person_who_was_shut_out_gets_nothing(desk: Desk) -> None:
    with unit(desk.engine) as session:
        gone = person(session, Role.VIEWER)
        people.set_active(session, gone.id, False, actor=desk.people[Role.ADMIN])
    with pytest.raises(NotAllowed):
        exports.stream_csv("workspaces", {}, actor_id=gone.id, engine=desk.engine)


@pytest.fixture(scope="module")
def long_desk(desk: Desk) -> Desk:
    """50,000 audit rows more, about 6 MB."""
    insert = """INSERT INTO audit_events (id, action, object_type, object_id, after)
                SELECT gen_random_uuid(), 'bulk', 'test', i::text, jsonb_build_object('note', '=x' || repeat('y', 30))
                FROM generate_series(1, 50000) i"""
    with unit(desk.engine) as session:
        session.execute(text(insert))
    return desk


def test_a_long_report_comes_in_small_chunks_with_the_header_first(long_desk: Desk) -> None:
    chunks = exports.stream_csv("audit", {}, actor_id=long_desk.member.id, engine=long_desk.engine)
    assert next(chunks).startswith(b"created_at,actor,")
    sizes, lines = [], 0
    for chunk in chunks:
        sizes.append(len(chunk))
        lines += chunk.count(b"\n")
    assert lines > 50_000 and sum(sizes) > 5_000_000 and max(sizes) < 256 * 1024


def test_a_reader_who_goes_away_leaves_nothing_running(long_desk: Desk) -> None:
    chunks = exports.stream_csv("audit", {}, actor_id=long_desk.member.id, engine=long_desk.engine)
    next(chunks), next(chunks)
    assert _busy(long_desk.engine) == 1
    chunks.close()  # type: ignore[attr-defined]
    assert _busy(long_desk.engine) == 0
    assert len(long_desk.frame("workspaces")) == 2  # the connection went back whole


def test_a_person_who_is_shut_out_meanwhile_gets_no_more_of_it(
    long_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "ASK_EVERY_S", 0.0)
    with unit(long_desk.engine) as session:
        gone = person(session, Role.ADMIN)
    chunks = exports.stream_csv("audit", {}, actor_id=gone.id, engine=long_desk.engine)
    next(chunks), next(chunks)
    with unit(long_desk.engine) as session:
        people.set_active(session, gone.id, False, actor=long_desk.people[Role.ADMIN])
    with pytest.raises(NotAllowed):
        next(chunks)
    assert _busy(long_desk.engine) == 0


def _busy(engine: Engine) -> int:
    asked = """SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()"""
    with engine.connect() as connection:
        return int(connection.scalar(text(asked)) or 0)


def test_exports_run_in_a_read_only_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = exports.Report("Writing", sql="SELECT pg_notify('x', 'y')::text AS a, nextval('s') AS b")
    with unit(desk.engine) as session:
        session.execute(text("CREATE SEQUENCE IF NOT EXISTS s"))
    monkeypatch.setattr(reports, "REPORTS", {**REPORTS, "writing": writing})
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        desk.csv("writing")


def test_a_file_is_written_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "workspaces.csv"
    size = exports.write_csv("workspaces", {}, target, engine=desk.engine)
    assert target.read_bytes() == desk.csv("workspaces") and target.stat().st_size == size
    stream = io.BytesIO()
    assert exports.write_csv("workspaces", {}, stream, engine=desk.engine) == size
    assert stream.getvalue() == target.read_bytes()
    with pytest.raises(InvalidInput):
        exports.write_csv("workspaces", {"x": "y"}, tmp_path / "other.csv", engine=desk.engine)
    with pytest.raises(InvalidInput, match="cannot be written"):
        exports.write_csv("workspaces", {}, tmp_path / "missing" / "a.csv", engine=desk.engine)
    assert [p.name for p in tmp_path.iterdir()] == ["workspaces.csv"]


def test_download_names_hold_plain_characters_only() -> None:
    assert file_name("sessions", {"workspace": "swings", "since": "2026-01-01"}) == (
        "patterndesk-sessions-2026-01-01-swings.csv"
    )
    evil = file_name("timeline", {"workspace": '../../x"; filename=evil.exe\r\nSet-Cookie: a', "since": ""})
    assert re.fullmatch(r"[A-Za-z0-9-]+\.csv", evil)
    assert len(file_name("timeline", {"workspace": "x" * 500})) <= 104
    with pytest.raises(InvalidInput):
        file_name("../x", {})
