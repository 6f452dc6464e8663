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
from pages.components.statistics.cards import MOST_PATTERNS, Card, Period, cards, key_figures
from services import exports
from services.database.engine import transaction
from services.lifecycle import ExecutionStatus, FeedbackState
from services.people import Actor
from services.places import rate
from services.stats import Filters, Headline, Metric
from tests import factories
from tests.support.product import World, open_page, words

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PHASES = {"planning": {"started_at": "2026-01-05T12:00:00+00:00", "completed_at": "2026-01-05T12:00:40+00:00",
                       "status": "completed"}}  # fmt: skip


def period(days: int = 30) -> Period:
    return Period("in these 30 days", "vs previous 30 days", NOW - days * DAY, NOW)


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
        item = factories.feedback_item(session, made, world.member, state=FeedbackState.ADDRESSED, at=at)
        factories.execution(
            session, made, world.member, at=at, feedback_ids=[item], fixed_ids=[item], deploy_status="ready",
            phases=PHASES, cost_usd="1.25", agent="claude",
        )  # fmt: skip
        factories.execution(session, made, world.member, at=at, status=ExecutionStatus.FAILED, retry_count=2)
        factories.execution(
            session, made, world.member, at=at, status=ExecutionStatus.FAILED, canceled=True, agent="tuner"
        )
    return made


def cards_of(workspace_id: uuid.UUID | None, wanted: Period) -> dict[str, Card]:
    with transaction() as session:
        return {card.name: card for card in cards(session, Filters(workspace_id, wanted.since), wanted)}


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
    assert at.selectbox(key="pattern").value == "Engulfing" and at.segmented_control(key="period").value == "90 days"
    figures = {metric.label: metric.value for metric in at.metric}
    assert figures == {
        "Success rate, v0.2.0": "76%", "Executions": "3", "Median time to fix": "1 h", "Agent cost": "$1.25",
    }  # fmt: skip
    assert at.metric[0].delta == "+16 pts" and at.metric[0].proto.delta_description == "59–87% · n 50"
    said = words(at).replace("\\", "")
    for title in ("Success rate by version", "Success rate over time", "Executions per day", "Duration by phase",
                  "Corrections by state", "Deploys per day", "Retries", "Time from feedback to fix", "Agent cost"):  # fmt: skip
        assert f"**{title}**" in said
    by_version = specs(at)[0]["data"][0]
    assert numbers(by_version["y"]) == pytest.approx([0.6, 0.76])
    assert by_version["marker"]["symbol"] == ["circle-open", "circle"]  # n 5 is provisional


def test_choosing_a_pattern_and_a_period_draws_them(world: World) -> None:
    busy(world, "Inside bar")
    at = open_stats(world.member)
    assert at.selectbox(key="pattern").value == "All patterns"
    at.selectbox(key="pattern").set_value("Inside bar").run()
    at.segmented_control(key="period").set_value("1 year").run()
    assert not at.exception
    assert at.metric[0].label == "Success rate, v0.2.0"
    assert "**Executions per week**" in words(at).replace("\\", "")


def test_all_patterns_are_compared_not_mixed(world: World) -> None:
    one, two = busy(world, "Pin bar"), busy(world, "Flag")
    at = open_stats(world.viewer)
    said = words(at).replace("\\", "")
    assert "**Success rate by pattern**" in said and "**Success rate by version**" not in said
    assert "**Success rate over time**" not in said
    assert at.metric[0].label == "Success rate, deployed versions" and not at.metric[0].delta
    card = cards_of(None, period())["success by pattern"]
    assert {"Pin bar", "Flag"} <= set(card.frame["workspace"]) and set(card.frame["version"]) == {"0.2.0"}
    assert one != two


def test_many_patterns_keep_to_those_with_the_most_judged_marks(world: World) -> None:
    with transaction() as session:
        for n in range(MOST_PATTERNS + 2):
            made = factories.workspace(session, world.member, name=f"Many {n:02}")
            deployed = factories.version(session, made)
            factories.completed_session(session, made, deployed, world.member, tp=100 + n, fp=9, fn=0, at=NOW - DAY)
    card = cards_of(None, period())["success by pattern"]
    assert len(card.frame) == MOST_PATTERNS and "Many 00" not in set(card.frame["workspace"])
    assert f"the {MOST_PATTERNS} of " in card.note
    rates = list(card.frame["rate"])
    assert rates == sorted(rates, reverse=True)
    drawn = comparison.success_by_pattern(card.frame).data[0]
    assert list(drawn.x) == rates[::-1]  # the first at the top


def test_every_card_exports_exactly_what_it_draws(world: World) -> None:
    shown = cards_of(busy(world, "Harami"), period())
    for card in shown.values():
        read = pd.read_csv(io.BytesIO(exports.to_csv(card.frame)))
        assert list(read.columns) == list(card.frame.columns) and len(read) == len(card.frame)
    versions = shown["success by version"]
    assert list(pd.read_csv(io.BytesIO(exports.to_csv(versions.frame)))["rate"]) == pytest.approx(
        list(versions.figure(period()).data[0].y)
    )
    runs = shown["executions per day"]
    bars = {trace.name: sum(trace.y) for trace in runs.figure(period()).data}
    assert bars == {"Completed": 1, "Failed": 1, "Canceled": 1}
    assert runs.frame.groupby("outcome")["count"].sum().to_dict() == {"completed": 1, "failed": 1, "canceled": 1}
    assert shown["cost per day"].frame["cost_usd"].sum() == 1.25
    assert {trace.name for trace in shown["executions by retries"].figure(period()).data} == {
        "Completed", "Failed", "Canceled",
    }  # fmt: skip


def test_a_pattern_without_anything_says_so_in_every_chart(world: World) -> None:
    with transaction() as session:
        factories.workspace(session, world.member, name="Nothing yet")
    at = open_stats(world.viewer, pattern="Nothing yet")
    notes = [spec["layout"]["annotations"][0]["text"] for spec in specs(at)]
    assert notes[0] == "No completed session in these 30 days" and len(notes) == len(specs(at)) == 9
    assert all(note.endswith("in these 30 days") for note in notes)
    assert at.metric[0].value == "Not tested" and at.metric[2].value == "–"


def test_patterns_of_the_same_name_can_be_told_apart(world: World) -> None:
    with transaction() as session:
        for kind in ("twin_a", "twin_b"):
            factories.workspace(session, world.member, kind, name="Twin")
    at = open_stats(world.viewer)
    assert {"Twin (twin_a)", "Twin (twin_b)"} <= set(at.selectbox(key="pattern").options)


def test_the_period_leaves_out_what_is_older(world: World) -> None:
    with transaction() as session:
        made = factories.workspace(session, world.member)
        deployed = factories.version(session, made)
        factories.completed_session(session, made, deployed, world.member, at=NOW - 40 * DAY)
        factories.completed_session(session, made, deployed, world.member, at=NOW - 2 * DAY)
    assert list(cards_of(made, period(30))["success by version"].frame["n"]) == [10]
    assert list(cards_of(made, period(90))["success by version"].frame["n"]) == [20]


def test_a_long_period_is_summed_by_weeks() -> None:
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    frame = pd.DataFrame({
        "day": pd.to_datetime([monday, monday + 6 * DAY, monday + 7 * DAY], utc=True),
        "outcome": ["failed", "failed", "failed"], "count": [1, 2, 4],
    })  # fmt: skip
    by_week = period(365).summed(frame, ["outcome"], ["count"])
    assert list(by_week["week"]) == [pd.Timestamp(monday), pd.Timestamp(monday + 7 * DAY)]
    assert list(by_week["count"]) == [3, 4]
    assert list(period(30).summed(frame, ["outcome"], ["count"])["count"]) == [1, 2, 4]


def test_the_axis_holds_the_period_and_a_week_that_began_before_it() -> None:
    first = NOW - 33 * DAY
    frame = pd.DataFrame({"week": pd.to_datetime([first], utc=True), "state": ["open"], "count": [3]})
    figure = comparison.over_period(comparison.feedback_flow(frame), NOW - 30 * DAY, NOW, step=7 * DAY)
    low, high = (pd.Timestamp(edge) for edge in figure.layout.xaxis.range)
    assert low <= first - 3 * DAY and high >= NOW + 3 * DAY
    assert comparison.whole_counts(figure).layout.yaxis.dtick == 1


def test_deltas_are_shown_where_they_compare_like_with_like() -> None:
    found = Headline(
        success_rate=Metric(0.8, 0.5, 10), success=rate(8, 2, 0), previous_success=rate(5, 5, 0),
        executions=Metric(4, 4, 4), time_to_fix_s=Metric(600, 1260, 3), cost_usd=Metric(2.5, None, 4),
    )  # fmt: skip
    success, runs, fix, cost = key_figures(found, period(), version="0.2.0")
    assert success.delta == "+30 pts" and str(success.note).endswith("n 10")
    assert runs.delta == 0 and runs.delta_color == "off"
    assert fix.delta == "-11 min" and fix.delta_color == "inverse" and fix.value == "10 min"
    assert cost.delta is None and cost.value == "$2.50"
    assert key_figures(found, period(), version=None)[0].delta is None


def test_times_to_a_fix_choose_their_unit() -> None:
    def unit(*seconds: float) -> str:
        figure = comparison.time_to_fix(pd.DataFrame({"seconds": seconds}))
        return str(figure.layout.xaxis.ticksuffix).strip()

    assert [unit(40), unit(900), unit(5 * 3600), unit(9 * 86400)] == ["s", "min", "h", "d"]


def test_the_export_menu_offers_the_rows_behind_the_charts(world: World) -> None:
    at = open_stats(world.viewer)
    labels = {button.proto.label for button in at.get("download_button")}
    assert {"Sessions", "Feedback", "Executions", "Attempts of executions", "Cost by day and agent"} <= labels
