"""Every number of the statistics page and of the review page, traced to the rows: counted apart with pandas, it is the same."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from pages.components.statistics.cards import Card, cards
from services import feedback, labels, review, sessions, stats
from services.lifecycle import ExecutionStatus, FeedbackState, Verdict, VersionStatus
from services.models import ExecutionAttempt, FeedbackItem, PatternWorkspace
from services.people import Actor
from services.places import Rate
from services.stats import Filters
from services.stats.histogram import ERROR
from services.stats.periods import Period
from tests import factories
from tests.support import scenarios
from tests.support.pandas_recount import placed, recounted
from tests.support.pandas_statistics import Chosen, Recounted, Step

E, F, V = ExecutionStatus, FeedbackState, Verdict
BEGIN = datetime(2026, 2, 23, tzinfo=UTC)  # a Monday before the end of a month
DAYS = 24
PATHS = (
    (), (F.WITHDRAWN,), (F.SENT,), (F.SENT, F.OPEN), (F.ADDRESSED,), (F.SENT, F.ADDRESSED), (F.SENT, F.ADDRESSED, F.VERIFIED),
    (F.SENT, F.ADDRESSED, F.OPEN), (F.SENT, F.ADDRESSED, F.OPEN, F.SENT, F.ADDRESSED), (F.DISPUTED,),
)  # fmt: skip


def some_time(random: Random) -> datetime:
    return BEGIN + timedelta(seconds=random.randrange(DAYS * 86_400))


def launch(session: Session, random: Random, home: Any, actor: Actor, status: ExecutionStatus) -> None:
    at = some_time(random)
    phases = {
        name: {
            "started_at": at.isoformat(),
            "completed_at": (at + timedelta(seconds=random.uniform(0.5, 4000))).isoformat(),
        }
        for name in random.sample(["planning", "implementing", "testing"], 2)
    }
    made = factories.execution(
        session, home, actor, status=status, at=at, canceled=status == E.FAILED and random.random() < 0.3,
        agent=random.choice(["claude", "tuner"]), deploy_target=random.choice(["local", "vercel"]),
        deploy_status=random.choice([None, "ready", "error"]), retry_count=random.randrange(3),
        cost_usd=str(random.choice([0, 0.25, 1.5])), phases=phases,
        deploy_started_at=random.choice([None, at + timedelta(hours=30)]),
    )  # fmt: skip
    for number in range(1, random.randrange(1, 4)):
        outcome, kind = random.choice(
            [("retry", "git.busy"), ("failed", "tests"), ("completed", None), ("failed", None)]
        )
        session.add(ExecutionAttempt(execution_id=made, number=number, started_at=at, ended_at=at + timedelta(days=number),
                                     outcome=outcome, decision={"kind": kind} if kind else {}))  # fmt: skip
    session.flush()


def correct(session: Session, random: Random, home: Any, actor: Actor, trail: list[Step]) -> None:
    item = factories.feedback_item(session, home, actor, at=(at := some_time(random)),
                                   verdict=random.choice([V.FALSE_POSITIVE, V.FALSE_NEGATIVE, V.CONFIRMED]),
                                   made_by=random.choice(["person", "person", "carried"]))  # fmt: skip
    row = session.get_one(FeedbackItem, item)
    for state in random.choice(PATHS):
        at += timedelta(seconds=random.randrange(60, 400_000))
        trail.append(Step(str(item), str(row.state), str(state), at))
        row.state, row.updated_at = state, at
        if state == F.SENT and row.sent_to_claude_at is None:
            row.sent_to_claude_at = at
        session.flush()


def ask(session: Session, random: Random, home: Any, actor: Actor) -> None:
    session.execute(
        text(
            "WITH said AS (INSERT INTO workspace_messages (id, workspace_id, seq, type, author_type, data) SELECT gen_random_uuid(), "
            "id, message_seq + n, 'comment', 'system', '{}' FROM pattern_workspaces, generate_series(1, 2) n WHERE id = :w "
            "RETURNING id), told AS (UPDATE pattern_workspaces SET message_seq = message_seq + 2 WHERE id = :w) "
            "INSERT INTO questions (id, workspace_id, asked_message_id, answer_message_id, asked_by_id, status, cost_usd, "
            "created_at, ended_at) SELECT gen_random_uuid(), :w, (array_agg(id))[1], (array_agg(id))[2], :p, 'done', :cost, "
            ":at, :at FROM said"
        ),
        {"w": home, "p": actor.id, "cost": random.choice([0.02, 0.4]), "at": some_time(random)},
    )


@pytest.fixture
def numbers(session: Session) -> tuple[Recounted, list[Chosen]]:
    """Rows at random, and what the page may be narrowed to."""
    random = Random("numbers")
    people = [factories.person(session) for _ in range(2)]
    factories.dataset(session, people[0], symbol="GOOG")
    homes = [factories.workspace(session, people[0], category=c) for c in ("Zones", "Zones", "Swings")]
    counted = Recounted(session.connection())
    for home, actor in itertools.product(homes, people):
        for _ in range(14):
            launch(session, random, home, actor, random.choice([E.COMPLETED, E.FAILED, E.FAILED]))
            correct(session, random, home, actor, counted.steps)
        for _ in range(3):
            ask(session, random, home, actor)
    for home in homes:
        launch(session, random, home, people[0], E.RUNNING)
    whole = {"since": BEGIN - timedelta(days=1), "until": BEGIN + timedelta(days=40)}
    part: dict[str, Any] = {"since": BEGIN + timedelta(days=3), "until": BEGIN + timedelta(days=17)}
    first, ann = str(homes[0]), str(people[1].id)
    return counted, [
        Chosen(**whole), Chosen(**part), Chosen(**whole, workspace=first), Chosen(**part, category="Zones"),
        Chosen(**whole, person=ann), Chosen(**part, workspace=first, person=ann), Chosen(**whole, agent="claude"),
        Chosen(**part, target="vercel", agent="tuner"), Chosen(**whole, symbol="GOOG"), Chosen(**whole, symbol="NONE"),
        Chosen(since=BEGIN - timedelta(days=100), until=BEGIN + timedelta(days=100), grain="week"),
        Chosen(since=BEGIN + timedelta(days=5), until=BEGIN + timedelta(days=6), grain="hour"),
    ]  # fmt: skip


def filters_of(chosen: Chosen) -> Filters:
    import uuid

    ids = {name: uuid.UUID(value) if value else None for name, value in
           (("workspace_id", chosen.workspace), ("person_id", chosen.person))}  # fmt: skip
    return Filters(since=chosen.since, until=chosen.until, category=chosen.category, agent=chosen.agent,
                   target=chosen.target, symbol=chosen.symbol, **ids)  # fmt: skip


def drawn(session: Session, chosen: Chosen) -> dict[str, Card]:
    """The charts of the page with the rows that they draw, by the first words of their names."""
    period = Period("", "", chosen.since, chosen.until)
    assert period.grain == chosen.grain
    return {card.name.split(" per ")[0]: card for card in cards(session, filters_of(chosen), period)}


def counts(card: Card, *by: str) -> dict[tuple[Any, ...], int]:
    return {tuple(row[name] for name in by): int(row["count"]) for row in card.frame.to_dict("records")}


def test_the_counts_of_every_chart_are_those_of_the_rows(
    session: Session, numbers: tuple[Recounted, list[Chosen]]
) -> None:
    counted, choices = numbers
    for chosen in choices:
        page = drawn(session, chosen)
        assert counts(page["executions"], "day", "outcome") == counted.executions(chosen), chosen
        assert counts(page["executions by retries"], "retries", "outcome") == counted.retries(chosen), chosen
        assert counts(page["failures by cause"], "cause") == counted.causes(chosen), chosen
        by_day = Chosen(**{**chosen.__dict__, "grain": "day" if chosen.grain == "hour" else chosen.grain})
        assert counts(page["deploys"], "day", "target", "status") == counted.deploys(by_day), chosen
        assert counts(page["corrections that moved"], "day", "state") == counted.flow(by_day), chosen
        assert {k[0]: n for k, n in counts(page["what became of corrections"], "stage").items()} == counted.funnel(
            chosen
        )
        spent = {row["day"]: row["cost_usd"] for row in page["cost"].frame.to_dict("records")}
        assert spent == pytest.approx(counted.spent(chosen)), chosen
        if chosen.grain != "week":
            stood = counts(page["corrections by state"], "day", "state")
            every = counted.stock(by_day)
            assert {key: n for key, n in stood.items() if n} == {key: n for key, n in every.items() if n}, chosen


def test_times_are_those_of_the_rows_within_the_error_that_is_said(
    session: Session, numbers: tuple[Recounted, list[Chosen]]
) -> None:
    counted, choices = numbers
    for chosen in choices:
        page = drawn(session, chosen)
        by_phase = counted.phases(chosen)
        rows = {row["phase"]: row for row in page["duration by phase"].frame.to_dict("records")}
        assert rows.keys() == by_phase.keys()
        for phase, took in by_phase.items():
            assert rows[phase]["n"] == len(took) and rows[phase]["mean"] == pytest.approx(
                sum(took) / len(took), rel=1e-6
            )
            for name, share in (
                ("low", 0.05),
                ("quarter", 0.25),
                ("median", 0.5),
                ("three_quarters", 0.75),
                ("high", 0.95),
            ):
                exact = sorted(took)[math.ceil(share * len(took)) - 1]
                assert rows[phase][name] == pytest.approx(exact, rel=ERROR + 1e-9), (chosen, phase, name)
        fixes = page["time to fix"].frame
        assert int(fixes["count"].sum()) == len(counted.fixes(chosen)), chosen
        for row in fixes.to_dict("records"):
            assert row["count"] == sum(row["low"] <= s < row["high"] for s in counted.fixes(chosen)), chosen


def test_the_key_figures_are_those_of_the_rows(session: Session, numbers: tuple[Recounted, list[Chosen]]) -> None:
    counted, choices = numbers
    known = 0
    for chosen in choices:
        figures = stats.summary(session, filters_of(chosen), None)
        runs = counted.runs(chosen)
        runs = runs[(runs["at"] >= chosen.since) & (runs["at"] < chosen.until)]
        assert figures.executions.now.value == len(runs)
        assert figures.cost_usd.now.value == pytest.approx(sum(counted.spent(chosen).values()))
        for figure, took in (
            (figures.time_to_fix_s.now, counted.fixes(chosen)), (figures.wait_s.now, counted.waits(chosen)),
        ):  # fmt: skip
            assert figure.n == len(took), chosen
            if took:
                known += 1
                exact = sorted(took)[math.ceil(len(took) / 2) - 1]
                assert figure.value == pytest.approx(exact, rel=ERROR + 1e-9), chosen
        if fixes := counted.fixes(chosen):
            assert figures.cost_per_fix_usd.now.value == pytest.approx(runs["cost"].sum() / len(fixes))
    assert known > 12


def interval(rate: Rate) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of as many independent draws as the rate says that it is worth."""
    z, worth, p = 1.959963984540054, rate.n_effective, rate.tp / rate.n
    assert 1 <= worth <= rate.n and (rate.blocks >= 4 or worth == pytest.approx(rate.n / 1.5))
    middle, half = p + z * z / (2 * worth), z * math.sqrt(p * (1 - p) / worth + (z / (2 * worth)) ** 2)
    return (middle - half) / (1 + z * z / worth), (middle + half) / (1 + z * z / worth)


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
def test_rates_of_review_and_statistics_are_those_of_the_judgements(session: Session, seed: int) -> None:
    """Two versions, each run on two series and judged by three people, without moves so that each place is a unit."""
    random = Random(f"rates {seed}")
    people = [factories.person(session) for _ in range(3)]
    home = scenarios.in_beta(session, people[0])
    stored = [factories.dataset(session, people[0], seed=n, symbol=f"SYM{n}") for n in (1, 2)]
    of_version: dict[str, list[str]] = {}
    for number in ("0.7.0", "0.8.0"):
        factories.version(session, home, number, status=VersionStatus.DEPLOYED)
        for dataset in stored:
            made = scenarios.run_session(session, home, people[0], dataset, anchors=random.sample(range(60), 12),
                                         coverage=random.choice(["partial", "exhaustive"]))  # fmt: skip
            for actor, detection in itertools.product(people, scenarios.detections(session, made).values()):
                if verdict := random.choice([V.CONFIRMED, V.CONFIRMED, V.FALSE_POSITIVE, V.UNSURE, None]):
                    feedback.judge(session, detection, verdict, actor=actor)
            sessions.complete(session, made, actor=people[0])
            of_version.setdefault(number, []).append(str(made))
    session.flush()
    labels.keep(session, home)
    session.flush()
    by_session = recounted(session.connection())
    expected = {number: by_session.loc[made].sum() for number, made in of_version.items()}
    found = {row.version: row.rate for row in stats.version_rates(session, Filters(workspace_id=home))}
    report = stats.success_by_version(session, Filters(workspace_id=home)).set_index("version")
    evidence = review.evidence(session, home)
    kept = labels.kept_rates(session.get_one(PatternWorkspace, home).rate).all
    assert found.keys() == expected.keys() and sorted(evidence.session_ids) == sorted(of_version["0.8.0"])
    for number, counted in expected.items():
        its = [found[number], *([evidence.total, kept] if number == "0.8.0" else [])]
        n = int(counted["tp"] + counted["fp"] + counted["fn"])
        assert n > 5
        for rate in its:
            assert (rate.tp, rate.fp, rate.fn, rate.unjudged) == tuple(counted[["tp", "fp", "fn", "unjudged"]]), number
            assert (rate.n, rate.rate) == (n, counted["tp"] / n)
            assert (rate.ci_low, rate.ci_high) == pytest.approx(interval(rate))
        row = report.loc[number]
        assert tuple(row[["tp", "fp", "fn", "n"]]) == (*counted[["tp", "fp", "fn"]], n)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(interval(found[number]))
    card = drawn(session, Chosen(since=BEGIN - timedelta(days=400), until=datetime.now(UTC) + timedelta(days=1),
                                 grain="month", workspace=str(home)))["success by version"]  # fmt: skip
    assert list(card.frame["tp"]) == [int(expected[number]["tp"]) for number in of_version]
    assert evidence.seen.n == 0 and 0 < evidence.unseen.n <= evidence.total.n, "no agent has had any of them"
    open_ones = (
        "SELECT count(*) FROM feedback_items WHERE workspace_id = :w AND state = 'open' AND verdict = 'false_positive'"
    )
    assert evidence.open_corrections == session.scalar(text(open_ones), {"w": home}) > 0
    assert evidence.disputes == int((placed(session.connection())["status"] == "disputed").sum()) > 0
