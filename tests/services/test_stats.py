"""Statistics against hand-counted rows."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, LiteralString

import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from services import stats
from services.database.rows import driver, fetch
from services.errors import InvalidInput
from services.lifecycle import ExecutionStatus, FeedbackState, SessionStatus, Verdict, VersionStatus
from services.models import FeedbackItem
from services.people import Actor
from services.places import rate
from services.stats import Filters, filters
from services.stats.runs import _BY_DAY
from tests.factories import (
    DAY_ONE,
    completed_session,
    days,
    execution,
    feedback_item,
    person,
    version,
    workspace,
)
from tests.support import scenarios

E, F, V = ExecutionStatus, FeedbackState, Verdict
HOUR = timedelta(hours=1)


@pytest.fixture
def home(session: Session, member: Actor) -> uuid.UUID:
    return workspace(session, member, "swings", name="Swings")


@pytest.fixture
def other(session: Session, member: Actor) -> uuid.UUID:
    return workspace(session, member, "bos", name="BOS")


def rows(table: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(table[list(columns)].itertuples(index=False, name=None))


def test_success_by_version_sums_completed_sessions_alone(
    session: Session, member: Actor, home: uuid.UUID, other: uuid.UUID
) -> None:
    old = version(session, home, "0.1.0")
    new = version(session, home, "0.2.0", at=DAY_ONE + days(3))
    elsewhere = version(session, other, "0.1.0")
    version(session, home, "0.3.0", status=VersionStatus.CANDIDATE, at=DAY_ONE + days(5))
    completed_session(session, home, old, member, tp=8, fp=1, fn=1)
    completed_session(session, home, old, member, tp=10, fp=0, fn=5, at=DAY_ONE + days(1))
    completed_session(session, home, new, member, tp=3, fp=1, fn=0, at=DAY_ONE + days(4))
    completed_session(session, home, new, member, tp=50, status=SessionStatus.ACTIVE)
    completed_session(session, other, elsewhere, member, tp=0, fp=0, fn=0)
    table = stats.success_by_version(session, Filters(home))
    assert rows(table, "workspace", "version", "status", "sessions", "tp", "fp", "fn", "n", "provisional") == [
        ("Swings", "0.1.0", "retired", 2, 18, 1, 6, 25, False),
        ("Swings", "0.2.0", "deployed", 1, 3, 1, 0, 4, True),
    ]
    expected = rate(18, 1, 6)
    assert rows(table, "rate", "ci_low", "ci_high")[0] == (expected.rate, expected.ci_low, expected.ci_high)
    everywhere = stats.success_by_version(session)
    assert list(everywhere["workspace"]) == ["BOS", "Swings", "Swings"]
    assert everywhere.loc[0, ["rate", "ci_low", "ci_high"]].isna().all() and everywhere.loc[0, "provisional"]
    later = stats.success_by_version(session, Filters(home, DAY_ONE + days(1), DAY_ONE + days(4)))
    assert rows(later, "version", "tp", "fn") == [("0.1.0", 10, 5)]


def test_a_place_in_two_sessions_of_a_version_counts_once(session: Session, member: Actor) -> None:
    """Two people who judge the same window make no second evidence of it; the file says what the page says."""
    mine = scenarios.in_beta(session, member)
    for actor in (member, person(session)):
        scenarios.judged(session, mine, actor, right=9, wrong=3)
    table = stats.success_by_version(session, Filters(mine))
    assert rows(table, "sessions", "tp", "fp", "fn", "n") == [(2, 9, 3, 0, 12)]
    [shown] = stats.version_rates(session, Filters(mine))
    assert rows(table, "rate", "ci_low", "ci_high") == [(shown.rate.rate, shown.rate.ci_low, shown.rate.ci_high)]
    assert "placed" not in table and "workspace_id" not in table


def test_success_over_time_is_a_point_a_session_and_its_version_so_far(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    old = version(session, home, "0.1.0")
    completed_session(session, home, old, member, tp=2, fp=2, fn=0, name="a")
    completed_session(session, home, old, member, tp=0, fp=0, fn=0, at=DAY_ONE + days(1), name="b")
    completed_session(session, home, old, member, tp=9, fp=0, fn=1, at=DAY_ONE + days(2), name="c")
    new = version(session, home, "0.2.0", at=DAY_ONE + days(3))
    completed_session(session, home, new, member, tp=1, fp=0, fn=0, at=DAY_ONE + days(4), name="d")
    table = stats.success_over_time(session, Filters(home))
    assert rows(table, "session", "version", "n", "version_tp", "version_n", "provisional") == [
        ("a", "0.1.0", 4, 2, 4, True),
        ("b", "0.1.0", 0, 2, 4, True),
        ("c", "0.1.0", 10, 11, 14, False),
        ("d", "0.2.0", 1, 1, 1, True),
    ]
    assert table["rate"].isna().tolist() == [False, True, False, False]
    assert table["version_rate"].tolist() == pytest.approx([0.5, 0.5, 11 / 14, 1.0])
    late = stats.success_over_time(session, Filters(home, since=DAY_ONE + days(2)))
    assert rows(late, "session", "version_n") == [("c", 14), ("d", 1)]  # the sums began before the period
    assert table["completed_at"].dtype == "datetime64[us, UTC]"


def test_executions_are_counted_by_utc_day_and_outcome(
    session: Session, member: Actor, home: uuid.UUID, other: uuid.UUID
) -> None:
    midnight = DAY_ONE.replace(hour=0)
    execution(session, home, member, at=midnight)
    execution(session, home, member, at=midnight + timedelta(hours=23, minutes=59))
    execution(session, home, member, at=midnight + HOUR, status=E.FAILED)
    execution(session, home, member, at=midnight + HOUR, status=E.FAILED, canceled=True)
    execution(session, home, member, at=midnight + days(1))
    execution(session, home, member, at=midnight + days(1), status=E.RUNNING)
    execution(session, other, member, at=midnight)
    table = stats.executions_by_day(session, Filters(home))
    first, second = pd.Timestamp(midnight), pd.Timestamp(midnight + days(1))
    assert rows(table, "day", "outcome", "count") == [
        (first, "canceled", 1), (first, "completed", 2), (first, "failed", 1), (second, "completed", 1),
    ]  # fmt: skip
    assert stats.executions_by_day(session)["count"].sum() == 6
    day_two = stats.executions_by_day(session, Filters(since=midnight + days(1), until=midnight + days(2)))
    assert rows(day_two, "count") == [(1,)]


def test_retries_and_cost_and_deploys(session: Session, member: Actor, home: uuid.UUID) -> None:
    started: dict[str, Any] = {"deploy_started_at": DAY_ONE + days(1)}
    execution(session, home, member, retry_count=0, cost_usd="0.25", input_tokens=100, deploy_status="ready", **started)
    execution(session, home, member, retry_count=2, cost_usd="0.5", output_tokens=7, deploy_status="ready", **started)
    execution(session, home, member, retry_count=2, agent="claude", cost_usd="1.5", deploy_status="error")
    execution(session, home, member, retry_count=10, status=E.FAILED)
    assert rows(stats.retries(session, Filters(home)), "retries", "outcome", "count") == [
        (0, "completed", 1), (2, "completed", 2), (10, "failed", 1),
    ]  # fmt: skip
    spent = stats.cost(session, Filters(home))
    assert rows(spent, "agent", "executions", "cost_usd", "input_tokens", "output_tokens") == [
        ("claude", 1, 1.5, 0, 0), ("tuner", 3, 0.75, 100, 7),
    ]  # fmt: skip
    deploys = stats.deploy_outcomes(session, Filters(home))
    day = pd.Timestamp(DAY_ONE.replace(hour=0))
    assert rows(deploys, "day", "target", "status", "count") == [
        (day, "local", "error", 1), (day + pd.Timedelta(days=1), "local", "ready", 2),
    ]  # fmt: skip


def test_phases_last_from_their_start_to_their_end(session: Session, member: Actor, home: uuid.UUID) -> None:
    def phase(start: float, end: float | None, status: str) -> dict[str, object]:
        at = [None if s is None else (DAY_ONE + timedelta(seconds=s)).isoformat() for s in (start, end)]
        return {"started_at": at[0], "completed_at": at[1], "status": status, "attempt": 1}

    execution(session, home, member, phases={
        "planning": phase(0, 2.5, "completed"), "implementing": phase(2.5, 62.5, "completed"),
        "testing": phase(62.5, 63, "failed"),
    })  # fmt: skip
    execution(session, home, member, status=E.RUNNING, phases={"planning": phase(0, None, "running")})
    odd = workspace(session, member)
    vague = {"planning": {"started_at": "soon", "completed_at": "later"}}
    odd_ones: list[Any] = [[], {"planning": "done"}, vague, None]
    for phases in odd_ones:
        execution(session, odd, member, phases=phases)
    table = stats.duration_by_phase(session)
    assert rows(table, "number", "phase", "phase_status", "seconds") == [
        (1, "planning", "completed", 2.5), (1, "implementing", "completed", 60.0), (1, "testing", "failed", 0.5),
    ]  # fmt: skip


def test_feedback_flows_through_the_weeks(session: Session, member: Actor, home: uuid.UUID) -> None:
    give = partial(feedback_item, session, home, member)
    fixed, missed, reopened = give(state=F.ADDRESSED), give(), give(at=DAY_ONE + days(1))
    give(verdict=V.CONFIRMED), give(verdict=V.UNSURE), give(made_by="carried")
    give(state=F.WITHDRAWN, at=DAY_ONE + days(7))
    sent = [fixed, missed, reopened]
    execution(session, home, member, at=DAY_ONE + days(2), feedback_ids=sent, fixed_ids=[fixed, reopened])
    execution(session, home, member, at=DAY_ONE + days(9), feedback_ids=[missed], status=E.RUNNING)
    item = session.get(FeedbackItem, reopened)  # its fix did not hold, said a retest in the second week
    assert item is not None
    item.resolved_version_id, item.updated_at = version(session, home), DAY_ONE + days(8)
    session.flush()
    monday = pd.Timestamp(DAY_ONE.replace(hour=0))
    next_monday = monday + pd.Timedelta(days=7)
    assert rows(stats.feedback_flow(session, Filters(home)), "week", "state", "count") == [
        (monday, "addressed", 2), (monday, "open", 3), (monday, "reopened", 1), (monday, "sent", 3),
        (next_monday, "open", 1), (next_monday, "reopened", 1), (next_monday, "sent", 1), (next_monday, "withdrawn", 1),
    ]  # fmt: skip


def test_time_to_fix_counts_a_correction_once_with_the_fix_that_stands(
    session: Session, member: Actor, home: uuid.UUID
) -> None:
    quick = feedback_item(session, home, member, state=F.VERIFIED)
    twice = feedback_item(session, home, member, state=F.ADDRESSED)
    undone = feedback_item(session, home, member)
    execution(session, home, member, at=DAY_ONE + HOUR, feedback_ids=[quick, twice, undone],
              fixed_ids=[quick, twice, undone])  # fmt: skip
    execution(session, home, member, at=DAY_ONE + days(1), feedback_ids=[twice], fixed_ids=[twice])
    table = stats.time_to_fix(session, Filters(home)).sort_values("seconds")
    assert rows(table, "feedback_id", "execution_number", "seconds") == [
        (str(quick), 1, 2 * 3600.0), (str(twice), 2, 25 * 3600.0),
    ]  # fmt: skip


def test_nothing_at_all_is_empty_frames_and_unknown_numbers(session: Session) -> None:
    nowhere = Filters(uuid.uuid4())
    for function in (
        stats.success_by_version, stats.success_over_time, stats.executions_by_day, stats.retries, stats.cost,
        stats.deploy_outcomes, stats.duration_by_phase, stats.feedback_flow, stats.time_to_fix,
    ):  # fmt: skip
        table = function(session, nowhere)
        assert len(table) == 0 and len(table.columns) > 2
        full_type = {c: str(t) for c, t in table.dtypes.items() if str(t).startswith("datetime")}
        assert set(full_type.values()) <= {"datetime64[us, UTC]"}
    found = stats.summary(session, nowhere, None)
    assert (found.success_rate.now.value, found.executions.now.value, found.cost_usd.now.value) == (None, 0, 0.0)
    assert found.time_to_fix_s.now.value is None


@pytest.mark.parametrize(
    "function",
    [
        stats.success_by_version, stats.success_over_time, stats.executions_by_day, stats.retries, stats.cost,
        stats.deploy_outcomes, stats.duration_by_phase, stats.feedback_flow, stats.time_to_fix,
    ],
)  # fmt: skip
def test_each_statistic_is_one_statement_however_many_rows(
    session: Session, member: Actor, home: uuid.UUID, monkeypatch: pytest.MonkeyPatch,
    function: Callable[[Session, Filters], pd.DataFrame],
) -> None:  # fmt: skip
    detector = version(session, home)
    for i in range(5):
        completed_session(session, home, detector, member, at=DAY_ONE + days(i))
        execution(session, home, member, at=DAY_ONE + days(i), deploy_status="ready")
    sent: list[str] = []

    def counted(session: Session, statement: LiteralString, params: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        sent.append(statement)
        return fetch(session, statement, params)

    monkeypatch.setattr(filters, "fetch", counted)
    event.listen(session.get_bind(), "before_cursor_execute", lambda *call: sent.append(call[2]))
    function(session, Filters(home))
    assert len(sent) == 1


def test_a_period_needs_zones_and_an_order() -> None:
    with pytest.raises(InvalidInput, match="zone"):
        Filters(since=datetime(2026, 1, 1))
    with pytest.raises(InvalidInput, match="before it begins"):
        Filters(since=DAY_ONE, until=DAY_ONE)
    earlier = Filters(since=DAY_ONE, until=DAY_ONE + days(7)).before()
    assert earlier == Filters(since=DAY_ONE - days(7), until=DAY_ONE)
    assert Filters(until=datetime(2026, 1, 1, tzinfo=UTC)).before() is None


_MANY = """
INSERT INTO claude_executions (id, workspace_id, triggered_by, triggered_at, completed_at, status, number)
SELECT gen_random_uuid(), %(w)s, created_by_id, %(at)s + n * interval '1 hour', %(at)s + n * interval '2 hours', 'completed',
       1000 + n
FROM pattern_workspaces, generate_series(1, 3000) n WHERE id = %(w)s
"""


def test_one_workspace_over_a_period_uses_the_index(session: Session, home: uuid.UUID, other: uuid.UUID) -> None:
    session.flush()
    with driver(session).cursor() as cursor:
        cursor.execute(_MANY, {"w": other, "at": DAY_ONE})  # of few rows any index is as good
        cursor.execute("ANALYZE claude_executions")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(b"SET LOCAL plan_cache_mode = force_custom_plan")
        params = Filters(home, DAY_ONE, DAY_ONE + days(30)).params()
        plan = "\n".join(r[0] for r in cursor.execute("EXPLAIN " + _BY_DAY, params).fetchall())
    assert "ix_claude_executions_workspace_id" in plan
