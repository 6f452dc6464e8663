"""The statistics' screen on a real database: each chart draws the frame that its button exports."""

from __future__ import annotations

import base64
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pages.components.charts import comparison
from pages.components.links import target
from pages.components.statistics.cards import MOST_PATTERNS, Card, cards
from pages.components.statistics.figures import key_figures
from services import exports, labels, stats
from services.database.engine import transaction
from services.lifecycle import ExecutionStatus, FeedbackState
from services.models import ExecutionAttempt, FeedbackItem, PatternWorkspace
from services.people import Actor
from services.places import rate
from services.stats import Compared, Figure, Filters, Summary
from services.stats.periods import Period, period_of, span
from tests import factories
from tests.support.product import World, open_page, words

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PHASES = {"planning": {"started_at": "2026-01-05T12:00:00+00:00", "completed_at": "2026-01-05T12:00:40+00:00",
                       "status": "completed"}}  # fmt: skip


def period(days: int = 30) -> Period:
    return Period("in these 30 days", "vs the 30 days before", NOW - days * DAY, NOW + DAY)


def judged(made: uuid.UUID, tp: int, fp: int, fn: int) -> None:
    """The rate of what is live, as completing a session keeps it."""
    kept = labels.rate_to_json(rate(tp, fp, fn))
    with transaction() as session:
        session.get_one(PatternWorkspace, made).rate = {"all": kept, "seen": kept, "unseen": kept}


def busy(world: World, name: str) -> uuid.UUID:
    """A pattern with two tested versions, executions of each outcome, and a correction that was fixed."""
    at = NOW - 3 * DAY
    with transaction() as session:
        made = factories.workspace(session, world.member, name=name)
        old = factories.version(session, made, "0.1.0", at=at - DAY)
        factories.completed_session(session, made, old, world.member, tp=3, fp=1, fn=1, at=at)
        new = factories.version(session, made, "0.2.0", at=at)
        factories.completed_session(session, made, new, world.member, tp=30, fp=6, fn=4, at=at + DAY)
        factories.completed_session(session, made, new, world.member, tp=8, fp=2, fn=0, at=at + 2 * DAY, name="Later")
        item = factories.feedback_item(session, made, world.member, at=at)
        fixed = session.get_one(FeedbackItem, item)
        for state, hours in ((FeedbackState.SENT, 1), (FeedbackState.ADDRESSED, 2)):
            fixed.state, fixed.updated_at = state, at + timedelta(hours=hours)
            fixed.sent_to_claude_at = at + timedelta(hours=1)
            session.flush()
        factories.execution(
            session, made, world.member, at=at, feedback_ids=[item], fixed_ids=[item], deploy_status="ready",
            phases=PHASES, cost_usd="1.25", agent="claude",
        )  # fmt: skip
        failed = factories.execution(session, made, world.member, at=at, status=ExecutionStatus.FAILED, retry_count=2)
        session.add(ExecutionAttempt(execution_id=failed, number=3, started_at=at, ended_at=at, outcome="failed",
                                     decision={"kind": "tests"}))  # fmt: skip
        factories.execution(
            session, made, world.member, at=at, status=ExecutionStatus.FAILED, canceled=True, agent="tuner"
        )
    judged(made, 38, 8, 4)
    return made


def cards_of(workspace_id: uuid.UUID | None, wanted: Period) -> dict[str, Card]:
    with transaction() as session:
        return {card.name: card for card in cards(session, Filters(workspace_id, wanted.since, wanted.until), wanted)}


def specs(at: AppTest) -> list[dict[str, Any]]:
    return [json.loads(element.proto.spec) for element in at.get("plotly_chart")]


def numbers(values: object) -> list[float]:
    """A trace's values, which plotly may have packed."""
    if isinstance(values, dict):
        return [float(v) for v in np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"])]
    return [float(v) for v in values]  # type: ignore[attr-defined]


def open_stats(actor: Actor, **query: str) -> AppTest:
    at = open_page("stats.py", actor, **query)
    assert not at.exception
    return at


def test_one_pattern_from_a_shared_address(world: World) -> None:
    busy(world, "Engulfing")
    at = open_stats(world.viewer, pattern="Engulfing", period="90 days")
    assert at.selectbox(key="pattern").value == "Engulfing" and at.selectbox(key="period").value == "90 days"
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures == {
        "Success rate now, v0.2.0": "76%", "Executions": "3", "Median time to fix": "1 h 59 min",
        "Median wait for an agent": "59 min 57 s", "Agent cost": "$1.25", "Cost per fix": "$1.25",
    }  # fmt: skip
    said = words(at).replace("\\", "")
    for title in ("Success rate by version", "Success rate over time", "Executions per day", "Duration by phase",
                  "Corrections by state", "Corrections that moved", "What became of corrections", "Failures by cause",
                  "Deploys per day", "Retries", "Time from correction to fix", "Agent cost"):  # fmt: skip
        assert f"**{title}**" in said


def test_an_address_with_what_nobody_knows_still_opens(world: World) -> None:
    busy(world, "Odd address")
    for query in ({"pattern": "No such", "period": "Aeon"}, {"agent": "x", "person": "Nobody", "places": "?"},
                  {"period": "Custom", "from": "never", "to": "2026-99-99"}):  # fmt: skip
        at = open_stats(world.viewer, **query)
        assert len(at.metric) == 6
    backwards = open_page("stats.py", world.viewer, period="Custom", **{"from": "2026-12-01", "to": "2026-01-01"})
    assert not backwards.exception and not backwards.metric
    assert "ends before it begins" in words(backwards)


def test_filters_narrow_every_number_and_stand_in_the_address(world: World) -> None:
    busy(world, "Narrowed")
    at = open_stats(world.viewer, pattern="Narrowed", agent="Claude")
    figures = {metric.label: metric.value for metric in at.metric}
    if at.selectbox(key="agent").value is None:
        at.selectbox(key="agent").set_value("claude").run()
        figures = {metric.label: metric.value for metric in at.metric}
    assert figures["Executions"] == "1"
    at.selectbox(key="person").set_value("Admin One").run()
    assert {metric.label: metric.value for metric in at.metric}["Executions"] == "0"
    shared = open_stats(world.viewer, pattern="Narrowed", person="Member One", category="Structure", symbol="AAPL")
    assert shared.selectbox(key="person").value == "Member One"
    assert {metric.label: metric.value for metric in shared.metric}["Executions"] == "3"


def test_every_preset_is_whole_days_that_hold_today_or_end_before_it() -> None:
    now = datetime(2026, 3, 31, 15, tzinfo=UTC)
    bounds = {name: (p.since.date().isoformat(), p.until.date().isoformat(), p.grain)
              for name in ("Today", "7 days", "This month", "Last month", "This quarter", "This year", "1 year")
              for p in [period_of(name, now)]}  # fmt: skip
    assert bounds == {
        "Today": ("2026-03-31", "2026-04-01", "hour"), "7 days": ("2026-03-25", "2026-04-01", "day"),
        "This month": ("2026-03-01", "2026-04-01", "day"), "Last month": ("2026-02-01", "2026-03-01", "day"),
        "This quarter": ("2026-01-01", "2026-04-01", "day"), "This year": ("2026-01-01", "2026-04-01", "day"),
        "1 year": ("2025-04-01", "2026-04-01", "week"),
    }  # fmt: skip
    custom = period_of("Custom", now, first=datetime(2020, 1, 1).date(), last=now.date())
    assert custom.grain == "month" and custom.words == "from 1 Jan 2020 to 31 Mar 2026"
    assert [d.isoformat() for d in span(custom.since, "month")] == ["2020-01-01", "2020-02-01"]


def test_patterns_that_are_not_judged_yet_stay_visible(world: World) -> None:
    busy(world, "Pin bar")
    with transaction() as session:
        waits = factories.workspace(session, world.member, name="Flag")
        factories.version(session, waits, "0.3.0")
    at = open_stats(world.viewer)
    assert at.metric[0].label == "Success rate now, deployed" and not at.metric[0].delta
    assert "Not judged yet" in words(at) and "Flag v0.3.0" in words(at).replace("\\", "")
    card = cards_of(None, period())["success by pattern"]
    assert {"Pin bar", "Flag"} <= set(card.frame["workspace"]) or len(card.frame) == MOST_PATTERNS
    assert not card.frame.set_index("workspace").loc["Flag", "judged"]


def test_many_patterns_keep_to_those_with_the_most_judged_places(world: World) -> None:
    for n in range(MOST_PATTERNS + 2):
        with transaction() as session:
            made = factories.workspace(session, world.member, name=f"Many {n:02}")
            factories.version(session, made)
        judged(made, 100 + n, 9, 0)
    card = cards_of(None, period())["success by pattern"]
    assert len(card.frame) == MOST_PATTERNS and "Many 00" not in set(card.frame["workspace"])
    known = card.frame[card.frame["judged"]]["rate"]
    assert list(known) == sorted(known, reverse=True)
    drawn = card.figure(period()).data[0]
    assert list(drawn.x)[::-1][: len(known)] == list(known)  # the first at the top
    assert all(target(str(link)) for link in drawn.customdata)


def test_every_card_exports_exactly_what_it_draws(world: World) -> None:
    shown = cards_of(busy(world, "Harami"), period())
    for card in shown.values():
        read = pd.read_csv(io.BytesIO(exports.to_csv(card.frame)))
        assert list(read.columns) == list(card.frame.columns) and len(read) == len(card.frame)
    runs = shown["executions per day"]
    bars = {trace.name: sum(trace.y) for trace in runs.figure(period()).data}
    assert bars == {"Completed": 1, "Failed": 1, "Canceled": 1}
    assert runs.frame.groupby("outcome")["count"].sum().to_dict() == {"completed": 1, "failed": 1, "canceled": 1}
    assert shown["cost per day"].frame["cost_usd"].sum() == 1.25
    assert {trace.name for trace in shown["executions by retries"].figure(period()).data} == {
        "Completed", "Failed", "Canceled",
    }  # fmt: skip
    funnel = shown["what became of corrections"].frame
    assert dict(zip(funnel["stage"], funnel["count"], strict=True)) == {"given": 1, "sent": 1, "fixed": 1, "held": 0}
    stock = shown["corrections by state"].frame.set_index(["day", "state"])["count"]
    last = stock.index.get_level_values("day").max()
    assert stock[last, "addressed"] == 1 and stock[last, "open"] == 0
    assert list(shown["failures by cause"].frame["cause"]) == ["tests"]


@pytest.mark.long
def test_every_bar_and_point_opens_a_screen_with_the_rows_behind_it(world: World) -> None:
    """The list that a bar opens has as many rows as the bar is high."""
    made = busy(world, "Opened")
    shown = cards_of(made, period())
    links = [
        (card.name, str(link), height)
        for card in shown.values()
        for trace in card.figure(period()).data
        if trace.customdata is not None
        for link, height in zip(trace.customdata, trace.y if trace.orientation != "h" else trace.x, strict=True)
    ]
    assert {name for name, _, _ in links} >= set(shown) - {"success by version"}
    for name, link, height in links:
        address = target(link)
        assert address is not None, link
        if (
            not height
            or address[0] == "session.py"
            or name in ("duration by phase", "cost per day", "success by version")
        ):
            continue
        at = open_page(address[0], world.viewer, **address[1])
        assert not at.exception and "left out" not in words(at), link
        assert len(at.dataframe[0].value) == height, link


def test_a_figure_holds_no_row_per_execution(world: World) -> None:
    with transaction() as session:
        made = factories.workspace(session, world.member, name="Many runs")
        for n in range(200):
            factories.execution(session, made, world.member, at=NOW - (n % 5) * DAY, phases=PHASES, cost_usd="0.01")
    for card in cards_of(made, period()).values():
        assert sum(len(trace.x) for trace in card.figure(period()).data if trace.x is not None) < 100, card.name


def test_a_pattern_without_anything_says_so_in_every_chart(world: World) -> None:
    with transaction() as session:
        factories.workspace(session, world.member, name="Nothing yet")
    at = open_stats(world.viewer, pattern="Nothing yet")
    notes = [spec["layout"]["annotations"][0]["text"] for spec in specs(at)]
    assert notes[0] == "No completed session in these 30 days" and len(notes) == len(specs(at)) == 12
    assert at.metric[0].value == "Not tested" and at.metric[2].value == "–"


def test_patterns_of_the_same_name_can_be_told_apart(world: World) -> None:
    with transaction() as session:
        for kind in ("twin_a", "twin_b"):
            factories.workspace(session, world.member, kind, name="Twin")
    at = open_stats(world.viewer)
    assert {"Twin (twin_a)", "Twin (twin_b)"} <= set(at.selectbox(key="pattern").options)


def test_the_axis_holds_the_period_and_a_week_that_began_before_it() -> None:
    first = NOW - 33 * DAY
    frame = pd.DataFrame({"day": pd.to_datetime([first], utc=True), "state": ["open"], "count": [3]})
    figure = comparison.over_period(comparison.feedback_flow(frame), NOW - 30 * DAY, NOW, step=7 * DAY)
    low, high = (pd.Timestamp(edge) for edge in figure.layout.xaxis.range)
    assert low <= first - 3 * DAY and high >= NOW + 3 * DAY
    assert comparison.whole_counts(figure).layout.yaxis.dtick == 1


def test_a_change_is_coloured_only_when_it_is_more_than_noise() -> None:
    def summary(now: tuple[int, int], before: tuple[int, int]) -> Summary:
        a, b = rate(now[0], now[1], 0), rate(before[0], before[1], 0)
        nothing = Compared(Figure(None, 0))
        compared = Compared(Figure(a.rate, a.n, a.ci_low, a.ci_high), Figure(b.rate, b.n, b.ci_low, b.ci_high))
        fix = Compared(Figure(600, 30, 500, 700), Figure(1260, 30, 1000, 1500))
        return Summary(compared, a, 1, (), nothing, fix, nothing, Compared(Figure(2.5, 4), None), nothing)

    small = key_figures(summary((8, 2), (5, 5)), period(), version="0.2.0")
    assert small[0].delta == "+30 pts (within noise)" and not small[0].real
    large = key_figures(summary((160, 40), (100, 100)), period(), version="0.2.0")
    assert large[0].delta == "+30 pts" and large[0].real
    fix, cost = small[2], small[4]
    assert fix.delta == "-11 min" and fix.rise == "inverse" and fix.real and fix.value == "10 min"
    assert cost.delta is None and cost.value == "$2.50"


def test_the_export_menu_links_to_the_rows_behind_the_charts(world: World) -> None:
    at = open_stats(world.viewer)
    links = {button.proto.label: button.proto.url for button in at.get("link_button")}
    assert {"Sessions", "Judgements", "Executions", "Attempts of executions", "Cost by day and agent"} <= set(links)
    assert links["Sessions"].startswith("/exports/sessions.csv?token=")
    assert stats.ERROR < 0.05
