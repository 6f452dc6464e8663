"""The report of a period: its numbers are those of the rows, it stands alone, and it can be asked for by name."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from services import jobs, stats
from services.errors import InvalidInput, PatternDeskError
from services.exports import overview
from services.exports.drawing import stacked, table
from services.exports.reports import find_report, read_filters
from services.lifecycle import JobKind
from services.people import Actor
from services.stats.periods import named, period_of
from tests import factories

NOW = datetime(2026, 4, 10, 12, tzinfo=UTC)


def run(session: Session, home: object, actor: Actor, day: int, status: str, cost: float) -> None:
    session.execute(
        text(
            "INSERT INTO claude_executions (id, workspace_id, number, status, phase, progress, triggered_by, agent, "
            "triggered_at, started_at, completed_at, error, deploy_target, cost_usd) VALUES (gen_random_uuid(), :w, "
            "(SELECT count(*) + 1 FROM claude_executions WHERE workspace_id = :w), :status, 'testing', 9, :p, 'claude', "
            ":at, :at, CASE WHEN :status = 'completed' THEN CAST(:at AS timestamptz) END, "
            "CASE WHEN :status = 'failed' THEN 'x' END, 'local', :cost)"
        ),
        {"w": home, "p": actor.id, "status": status, "at": datetime(2026, 3, day, 9, tzinfo=UTC), "cost": cost},
    )


def test_the_page_says_what_the_rows_say_and_loads_nothing(session: Session, member: Actor) -> None:
    home = factories.workspace(session, member, name="<b>Gaps</b> & co")
    for day, status, cost in ((3, "completed", 1.25), (3, "failed", 0.5), (17, "completed", 0.25)):
        run(session, home, member, day, status, cost)
    period = period_of("Last month", NOW)
    filters = stats.Filters(workspace_id=home, since=period.since, until=period.until)
    page = overview.page(session, filters, period, whose="<b>Gaps</b> & co", now=NOW)
    assert "<b>Gaps" not in page and "&lt;b&gt;Gaps&lt;/b&gt; &amp; co, last month" in page
    assert "Executions<b>3</b>" in page and "Agent cost<b>$2.00</b>" in page
    assert "<title>03 Mar: 1 completed</title>" in page and "<title>03 Mar: 1 failed</title>" in page
    assert "<title>17 Mar: 0.25 cost</title>" in page and "01 Mar 2026 to 31 Mar 2026" in page
    assert not re.search(r"<script|https?:|url\(|@import|src=", page)


def test_bars_are_as_tall_as_their_numbers(session: Session) -> None:
    drawn = stacked([("a", {"x": 4.0, "y": 4.0}), ("b", {"x": 2.0})], {"x": "#111", "y": "#222"})
    tall = [float(h) for h in re.findall(r'<rect [^>]*height="([\d.]+)"', drawn)]
    assert tall[0] == tall[1] == 2 * tall[2] > 0
    assert stacked([], {}) == table(("a",), []) == '<p class="none">Nothing in this period.</p>'


@pytest.mark.parametrize("words", ["last-month", "Last month", "last_month"])
def test_a_period_is_asked_for_by_its_name(session: Session, words: str) -> None:
    assert named(words) == "Last month"
    params = read_filters(session, find_report("overview"), {"period": words})
    assert params["since"].day == params["until"].day == 1 and params["since"] < params["until"]
    with pytest.raises(InvalidInput, match="no period; there are today, 7-days"):
        named("a million years")


def test_only_the_report_of_a_period_is_scheduled_as_a_page(session: Session, admin: Actor) -> None:
    given = {"kind": JobKind.EXPORT, "report": "overview", "format": "html", "filters": {"period": "last-month"}}
    jobs.add(session, name="weekly", cron="0 7 * * 1", time_zone="UTC", spec=jobs.read_spec(given), actor=admin)
    with pytest.raises(InvalidInput, match="Only the report of a period"):
        spec = jobs.read_spec(given | {"report": "sessions", "filters": {}})
        jobs.add(session, name="other", cron="0 7 * * 1", time_zone="UTC", spec=spec, actor=admin)


def test_the_report_is_narrowed_as_the_page_is(session: Session, member: Actor, admin: Actor) -> None:
    home = factories.workspace(session, member, category="Zones & more")
    elsewhere = factories.workspace(session, member)
    for where, who, day in ((home, member, 3), (home, admin, 4), (elsewhere, member, 5)):
        run(session, where, who, day, "completed", 1.0)
    period = {"since": "2026-03-01", "until": "2026-04-01"}

    def runs(**given: str) -> str:
        params = read_filters(session, find_report("overview"), period | given)
        lines = overview.lines_frame(session, stats.Filters.of_params(params)).set_index("figure")
        return str(lines.at["Executions", "value"])

    assert [runs(), runs(category="Zones & more"), runs(person=member.email), runs(person=str(admin.id))] == [
        "3", "2", "2", "1",
    ]  # fmt: skip
    assert [runs(agent="claude"), runs(agent="tuner"), runs(target="vercel")] == ["3", "0", "0"]
    for odd in ({"places": "some"}, {"person": "nobody@example.com"}, {"agent": "gpt"}):
        with pytest.raises(PatternDeskError):
            runs(**odd)
    chosen = stats.Filters(person_id=admin.id, agent="claude", places="unseen")
    first = period_of("Last month", NOW)
    page = overview.page(
        session, replace(chosen, since=first.since, until=first.until), first, whose="All patterns", now=NOW
    )
    assert f"Narrowed to what {admin.name} did, executions of Claude, unseen places." in page
