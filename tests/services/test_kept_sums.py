"""The sums that the database keeps for the statistics: equal to the rows, whatever the rows hold and whoever writes."""

from __future__ import annotations

import statistics as plain
import uuid
from datetime import UTC, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from services import stats
from services.cli.recount import recount_statistics
from services.database.engine import engine_for
from services.database.rows import fetch
from services.lifecycle import ExecutionStatus, FeedbackState, Role, Verdict
from services.models import ClaudeExecution, ExecutionAttempt, FeedbackItem, PatternWorkspace
from services.people import Actor
from services.places import rate
from services.stats import Filters, kept
from services.stats.histogram import ERROR, Histogram, bucket, edges, merged
from services.stats.rates import together
from tests.factories import DAY_ONE, days, execution, feedback_item, person, workspace

E, F = ExecutionStatus, FeedbackState


def moved(session: Session, item: uuid.UUID, *steps: tuple[FeedbackState, float]) -> None:
    """Takes a correction through states, each so many hours after it was given."""
    row = session.get_one(FeedbackItem, item)
    for state, hours in steps:
        row.state, row.updated_at = state, row.created_at + timedelta(hours=hours)
        if state == F.SENT:
            row.sent_to_claude_at = row.updated_at
        session.flush()


def test_sums_equal_what_the_rows_say(session: Session, member: Actor) -> None:
    a, b = workspace(session, member), workspace(session, member)
    other = person(session)
    for n in range(12):
        execution(
            session, a if n % 3 else b, member if n % 2 else other, at=DAY_ONE + days(n % 4), cost_usd="0.5",
            retry_count=n % 3, status=E.FAILED if n % 4 == 1 else E.COMPLETED, canceled=n == 5, agent="claude" if n % 5 else "tuner",
            deploy_status="ready" if n % 2 else None,
        )  # fmt: skip
    for wanted in (Filters(), Filters(a), Filters(b, since=DAY_ONE.replace(hour=0) + days(1)), Filters(uuid.uuid4())):
        runs = kept.runs(session, wanted)
        by_rows = stats.executions_by_day(session, wanted)
        columns = ["day", "outcome", "count"]
        assert runs[columns].values.tolist() == by_rows[columns].values.tolist()
        assert runs["cost_usd"].sum() == stats.cost(session, wanted)["cost_usd"].sum()
        assert kept.retries(session, wanted).values.tolist() == stats.retries(session, wanted).values.tolist()
        deploys = stats.deploy_outcomes(session, wanted)
        assert kept.deploys(session, wanted).values.tolist() == deploys.values.tolist()
    of_other = kept.runs(session, Filters(a, person_id=other.id))["count"].sum()
    where = (ClaudeExecution.workspace_id == a, ClaudeExecution.triggered_by == other.id)
    assert of_other == len(session.scalars(select(ClaudeExecution).where(*where)).all()) > 0
    claude = kept.runs(session, Filters(agent="claude", category=session.get_one(PatternWorkspace, a).category))
    assert claude["count"].sum() == 9
    assert recount_statistics(session) == []


def test_a_day_is_drawn_by_its_hours(session: Session, member: Actor) -> None:
    home = workspace(session, member)
    for hours in (1, 1.5, 7):
        execution(session, home, member, at=DAY_ONE.replace(hour=0) + timedelta(hours=hours))
    day = Filters(home, DAY_ONE.replace(hour=0), DAY_ONE.replace(hour=0) + days(1), agent="tuner", person_id=member.id)
    hours_of = kept.runs(session, day, "hour")
    assert [(at.hour, n) for at, n in zip(hours_of["day"], hours_of["count"], strict=True)] == [(1, 2), (7, 1)]


ODD: list[Any] = [
    [], {"planning": "done"}, None, {"planning": {"started_at": "soon", "completed_at": "later"}},
    {"planning": {"started_at": "2026-13-99T99:00:00", "completed_at": "2026-01-01T00:00:00"}},
    {"planning": {"started_at": "2026-01-01T00:00:05+00:00", "completed_at": "2026-01-01T00:00:00+00:00"}},
    {"planning": {"started_at": 5, "completed_at": None}},
]  # fmt: skip


@pytest.mark.parametrize("phases", ODD)
def test_odd_phases_end_neither_the_write_nor_the_page(session: Session, member: Actor, phases: object) -> None:
    home = workspace(session, member)
    made = execution(session, home, member, phases=phases)
    assert kept.phase_times(session, Filters(home)) == {}
    session.get_one(ClaudeExecution, made).phases = {
        "testing": {"started_at": "2026-01-01T00:00:00+00:00", "completed_at": "2026-01-01T00:00:40+00:00"}
    }
    session.flush()
    times = kept.phase_times(session, Filters(home))
    assert times["testing"].n == 1 and times["testing"].mean == 40
    stats.duration_by_phase(session, Filters(home))
    assert recount_statistics(session) == []


def test_a_correction_given_after_its_fix_ends_nothing(session: Session, member: Actor) -> None:
    home = workspace(session, member)
    item = feedback_item(session, home, member)
    moved(session, item, (F.SENT, 1), (F.ADDRESSED, 2))
    session.execute(text("UPDATE correction_moves SET seconds = -5 WHERE target = 'addressed'"))
    assert kept.fix_times(session, Filters(home)).n == 0 and stats.summary(session, Filters(home), None)
    assert recount_statistics(session) == []


def test_corrections_flow_stand_and_are_fixed(session: Session, member: Actor) -> None:
    home = workspace(session, member)
    give = partial(feedback_item, session, home, member)
    held, broke, waits, gone = give(), give(), give(), give()
    feedback_item(session, home, member, verdict=Verdict.CONFIRMED)
    feedback_item(session, home, member, made_by="carried")
    moved(session, held, (F.SENT, 24), (F.ADDRESSED, 48), (F.VERIFIED, 96))
    moved(session, broke, (F.SENT, 24), (F.ADDRESSED, 48), (F.OPEN, 72))
    moved(session, gone, (F.WITHDRAWN, 24))
    wanted = Filters(home)
    flow = kept.flow(session, wanted, "day").set_index(["day", "state"])["count"].to_dict()
    at = [DAY_ONE.astimezone(UTC).replace(hour=0) + days(n) for n in range(5)]
    assert flow == {
        (at[0], "open"): 4, (at[1], "sent"): 2, (at[1], "withdrawn"): 1, (at[2], "addressed"): 2,
        (at[3], "reopened"): 1, (at[4], "verified"): 1,
    }  # fmt: skip
    stock = kept.stock(session, Filters(home, at[0], at[4] + days(1)))
    standing = {state: list(rows["count"]) for state, rows in stock.groupby("state")}
    assert standing["open"] == [4, 1, 1, 2, 2] and standing["sent"] == [0, 2, 0, 0, 0]
    assert standing["addressed"] == [0, 0, 2, 1, 0] and standing["verified"] == [0, 0, 0, 0, 1]
    assert set(standing) == {"open", "sent", "addressed", "verified", "disputed"}
    later = kept.stock(session, Filters(home, at[3], at[4] + days(1)))
    assert list(later[later["state"] == "open"]["count"]) == [2, 2]  # what stood before the period counts
    funnel = kept.funnel(session, wanted)
    assert dict(zip(funnel["stage"], funnel["count"], strict=True)) == {"given": 4, "sent": 2, "fixed": 1, "held": 1}
    fixes = kept.fix_times(session, wanted)
    assert fixes.n == 1 and fixes.mean == 48 * 3600  # the fix that did not hold counts no more
    assert kept.waits(session, wanted).n == 2
    moved(session, broke, (F.SENT, 100), (F.ADDRESSED, 120))
    assert kept.fix_times(session, wanted).n == 2 and kept.waits(session, wanted).n == 2
    assert recount_statistics(session) == []
    session.delete(session.get_one(FeedbackItem, waits))
    session.flush()
    assert recount_statistics(session) == []


def test_failures_are_counted_by_their_cause(session: Session, member: Actor) -> None:
    home = workspace(session, member)
    run = execution(session, home, member, status=E.FAILED)
    for number, (outcome, kind) in enumerate(
        [("retry", "git.busy"), ("retry", "git.busy"), ("failed", "tests"), ("completed", "x")], 1
    ):
        session.add(ExecutionAttempt(execution_id=run, number=number, started_at=DAY_ONE, ended_at=DAY_ONE,
                                     outcome=outcome, decision={"kind": kind}))  # fmt: skip
    session.flush()
    assert kept.causes(session, Filters(home)).values.tolist() == [["git.busy", 2], ["tests", 1]]
    session.delete(session.get_one(ClaudeExecution, run))
    session.flush()
    assert kept.causes(session, Filters(home)).empty and recount_statistics(session) == []


def test_folding_changes_no_sum_and_leaves_no_change(session: Session, member: Actor) -> None:
    home = workspace(session, member)
    made = [execution(session, home, member, at=DAY_ONE + days(n), cost_usd="0.1") for n in range(5)]
    before = kept.runs(session, Filters(home)).values.tolist()
    session.execute(text("SELECT stat_fold()"))
    assert fetch(session, "SELECT count(*) FROM stat_changes") == [(0,)]
    assert kept.runs(session, Filters(home)).values.tolist() == before
    session.get_one(ClaudeExecution, made[0]).status = E.FAILED
    session.get_one(ClaudeExecution, made[0]).error = "It failed."
    session.flush()
    session.execute(text("SELECT stat_fold()"))
    assert kept.run_totals(session, Filters(home)) == {"completed": 4, "failed": 1}
    assert recount_statistics(session) == []
    session.execute(text("UPDATE stat_days SET n = n + 1 WHERE scope = 'all' AND measure = 'run' AND item = 'failed'"))
    assert recount_statistics(session)[0].what.split()[:3] == ["sum", "of", "run"]
    session.execute(text("SELECT stat_refill()"))
    assert recount_statistics(session) == []


def test_writers_of_different_workspaces_wait_for_nobody(clone_url: str) -> None:
    """The sums over everything are one row a day; whoever adds to it must not hold up the others."""
    engine = engine_for(clone_url)
    with Session(engine) as first, Session(engine) as second:
        actor = person(first, Role.MEMBER)
        homes = [workspace(first, actor) for _ in range(2)]
        first.commit()
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        execution(first, homes[0], actor)
        first.execute(text("SELECT stat_fold()"))  # holds the fold until it commits
        execution(second, homes[1], actor)
        second.execute(text("SELECT stat_fold()"))  # the other one is at it, so this one goes on
        second.commit()
        assert kept.run_totals(second, Filters()) == {"completed": 1}
        first.commit()
        assert kept.run_totals(first, Filters()) == {"completed": 2} and recount_statistics(first) == []
    engine.dispose()


SECONDS = st.lists(st.floats(0.01, 10_000_000), min_size=1, max_size=60)


@given(SECONDS)
def test_quantiles_of_a_histogram_are_within_the_error_that_is_said(seconds: list[float]) -> None:
    times = merged((bucket(s), 1, s) for s in seconds)
    assert times.n == len(seconds) and times.mean == pytest.approx(plain.fmean(seconds))
    for share in (0.05, 0.5, 0.95):
        exact = sorted(seconds)[max(0, -(-int(share * 1e9) * len(seconds) // 10**9) - 1)]
        assert abs(times.quantile(share) / exact - 1) <= ERROR + 1e-9  # type: ignore[operator]
    interval = times.median_interval()
    assert interval is None or interval[0] <= times.quantile(0.5) <= interval[1]  # type: ignore[operator]


def test_buckets_are_those_of_the_database(session: Session) -> None:
    for seconds in (0.0, 0.0005, 0.002, 0.5, 1.0, 2.0, 59.9, 3600.0, 1e9):
        ((number,),) = fetch(session, "SELECT stat_bucket(%(s)s)", {"s": seconds})
        assert number == bucket(seconds)
        low, high = edges(number)
        assert low <= seconds < high
    assert Histogram().quantile(0.5) is None and Histogram().mean is None


def test_rates_of_several_patterns_add_up_their_effective_numbers() -> None:
    one, two = rate(8, 2, 0), rate(30, 10, 0)
    both = together([one, two, rate(0, 0, 0)])
    assert (both.tp, both.n) == (38, 50) and both.n_effective == one.n_effective + two.n_effective
    assert both.ci_low is not None and both.ci_high is not None and both.ci_low < 0.76 < both.ci_high
    assert together([]).rate is None
