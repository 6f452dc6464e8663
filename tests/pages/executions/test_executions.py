"""The list of executions, and how an execution's facts read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from streamlit.testing.v1 import AppTest

from pages.components.columns import table
from pages.components.execution import wording
from pages.components.execution.diff import diff_files
from pages.components.execution.replay import replay_cells
from pages.components.executions.rows import columns, live_card
from pages.components.runs.phases import phase_fraction, phase_run
from pages.components.runs.state import moment, spoken
from services.database.engine import transaction
from services.executions import (
    AttemptRow,
    Checkpoint,
    ExecutionRow,
    KeptReplay,
    KeptTestReport,
    PhaseState,
    ReplayRow,
    ReplaySplits,
)
from services.lifecycle import ExecutionStatus
from services.models import now
from tests import factories
from tests.support.product import World, open_page, words

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


def cards(at: AppTest) -> list[dict[str, Any]]:
    given = [json.loads(element.proto.json) for element in at.get("bidi_component") if element.proto.json]
    return [run for data in given if data.get("kind") == "runs" for run in data["runs"]]


def ended(at: AppTest) -> pd.DataFrame:
    return at.dataframe[0].value if at.dataframe else table(columns(NOON), [])


def test_an_empty_list_says_what_to_do_first(world: World) -> None:
    at = open_page("executions.py", world.member)
    assert not at.exception
    assert "No executions yet" in words(at) and "then launch" in words(at)


def test_live_ones_come_first_and_filters_narrow_both(world: World) -> None:
    with transaction() as session:
        a = factories.workspace(session, world.member, name="Alpha")
        b = factories.workspace(session, world.member, name="Beta")
        hours = timedelta(hours=1)
        factories.execution(session, a, world.member, at=now() - 9 * hours, cost_usd=0.5, agent="claude")
        factories.execution(session, a, world.member, status=ExecutionStatus.FAILED, at=now() - 7 * hours)
        factories.execution(
            session, b, world.member, status=ExecutionStatus.FAILED, at=now() - 5 * hours, canceled=True
        )
        factories.execution(session, b, world.member, status=ExecutionStatus.FAILED, at=now() - 4 * hours,
                            deploy_status="error")  # fmt: skip
        factories.execution(session, b, world.member, status=ExecutionStatus.RUNNING, at=now() - 3 * hours,
                            phase="testing", progress=60, heartbeat_at=now())  # fmt: skip
    at = open_page("executions.py", world.viewer)
    assert not at.exception
    assert [(c["name"], c["percent"], c["phases"]["progress"]) for c in cards(at)] == [("Beta", "60%", 40)]
    table = ended(at)
    assert list(table["Pattern"]) == ["Beta", "Beta", "Alpha", "Alpha"]
    assert [s[0] for s in table["Status"]] == ["Failed", "Canceled", "Failed", "Completed"]
    assert table["Cost"].iloc[3] == "$0.50" and table["Took"].iloc[3] == "1 h" and table["Cost"].iloc[2] == "–"

    def narrowed(**chosen: Any) -> tuple[int, list[str]]:
        page = open_page("executions.py", world.viewer)
        for key, value in chosen.items():
            page.session_state[f"executions-{key}"] = value
        page.run()
        assert not page.exception
        return len(cards(page)), [s[0] for s in ended(page)["Status"]]

    assert narrowed(status=["live"]) == (1, [])
    assert narrowed(status=["failed"]) == (0, ["Failed", "Failed"])
    assert narrowed(status=["deploy_failed"]) == (0, ["Failed"])
    assert narrowed(status=["deploy_failed", "canceled"]) == (0, ["Failed", "Canceled"])
    assert narrowed(status=["canceled"]) == (0, ["Canceled"])
    assert narrowed(agent="claude") == (0, ["Completed"])
    assert narrowed(pattern=a) == (0, ["Failed", "Completed"])
    assert narrowed(pattern=a, status=["live"]) == (0, [])


def detail(**changes: Any) -> Any:
    row = {
        "workspace_name": "Swings", "number": 4, "agent": "tuner", "status": "running", "phase": "testing",
        "progress": 60, "retry_count": 0, "triggered_at": NOON, "started_at": NOON, "completed_at": None,
        "errored_at": None, "canceled": False, "triggered_by_name": "Mara", "deploy_status": None, "cost_usd": 0,
        "error": None, "max_retries": 10, "retry_at": None, "retry_reason": None, "heartbeat_at": NOON,
        "worker_id": "one", "waits_for_plan": False, "input_tokens": 0, "output_tokens": 0,
    }  # fmt: skip
    whole = {
        "phases": {"testing": PhaseState("running", current_task="Replaying")}, "checkpoints": [],
        "attempts": [], "canceled_at": None, "canceled_by_name": None, "summary": None, "test_report": None,
        "files_changed": [], "children": (),
    }  # fmt: skip
    row |= {k: v for k, v in changes.items() if k in row}
    whole |= {k: v for k, v in changes.items() if k in whole}
    return SimpleNamespace(row=SimpleNamespace(**row), **whole)


def test_the_current_phase_fills_by_its_own_part_of_the_whole() -> None:
    assert [phase_fraction(*p) for p in (("planning", 5), ("testing", 50), ("deploying", 100))] == [0.5, 0, 1]
    assert phase_fraction("implementing", 80) == 1 and phase_fraction(None, 0) == 0


def test_the_phase_that_ended_a_run_is_red_although_it_ended_well() -> None:
    ended = detail(status="failed", phases={"testing": PhaseState("completed")})
    run = phase_run(ended.row, ended.phases, NOON)
    assert run["phases"]["testing"]["status"] == "failed" and run["states"] == {}
    canceled = phase_run(detail(status="failed", canceled=True).row, ended.phases, NOON)
    assert canceled["states"]["failed"]["color"] == "gray"
    silent = phase_run(detail().row, {}, NOON + timedelta(seconds=11))
    assert silent["states"]["now"]["label"] == "Stalled" and "now" not in phase_run(detail().row, {}, NOON)["states"]


def test_a_retry_says_which_and_why() -> None:
    waits = {"status": "retry", "retry_count": 2, "retry_reason": "The deploy timed out."}
    found = wording.notices(detail(**waits, retry_at=NOON + timedelta(seconds=42)), NOON)
    assert [spoken(n.text, NOON) for n in found] == ["Retry 2 of 10 in 0:42: The deploy timed out."]
    due = wording.notices(detail(**waits, retry_at=NOON), NOON + timedelta(seconds=3))
    assert [spoken(n.text, NOON + timedelta(seconds=3)) for n in due] == [
        "Retry 2 of 10 begins now: The deploy timed out."
    ]
    accepted = wording.notices(detail(worker_id=None), NOON + timedelta(hours=1), 2)
    assert [spoken(n.text, NOON) for n in accepted] == [
        "The plan is accepted. Waiting for a worker; 2 are connected. It starts when one is free."
    ]
    assert wording.notices(detail(status="completed"), NOON + timedelta(hours=1)) == []


def test_checkpoints_of_several_attempts_say_which() -> None:
    points = [
        Checkpoint("key", a, p, t, None, ok, NOON)
        for p, a, t, ok in (("testing", 1, "one", True), ("testing", 1, "two", False), ("refining", 2, "three", True))
    ]
    shown = wording.checkpoint_groups(
        detail(checkpoints=points, attempts=(AttemptRow(1, NOON), AttemptRow(2, NOON)), status="failed"), NOON
    )
    assert [g["title"] for g in shown] == ["Attempt 1 · Testing", "Attempt 2 · Refining"]
    assert [i["color"] for i in shown[0]["items"]] == ["green", "red"]


def test_the_next_step_follows_from_the_failure() -> None:
    failed = {"status": "failed", "error": "It failed."}
    step = wording.next_step(detail(**failed), broken=2)
    assert step is not None and (step.label, step.tab) == ("Show the 2 broken judgements", "Replay")
    tests = wording.next_step(detail(**failed, test_report=KeptTestReport(passed=False)), broken=0)
    deploy = wording.next_step(detail(**failed, deploy_status="error"), broken=0)
    hidden = wording.next_step(detail(**failed), broken=0, hidden=1)
    other = wording.next_step(detail(**failed), broken=0)
    assert [s and s.action for s in (tests, deploy, hidden, other)] == ["tab", "deploy_log", "workspace", "run_again"]
    gone_on = [
        wording.next_step(detail(**failed, **facts), broken=0, may_continue=True)
        for facts in ({"deploy_status": "error"}, {"retry_count": 10}, {"retry_count": 3})
    ]
    assert [s and s.action for s in gone_on] == ["continue", "continue", "run_again"]
    assert wording.next_step(detail(**failed, canceled=True), broken=0) is None


def test_times_are_the_readers_own() -> None:
    now = NOON.astimezone(ZoneInfo("Asia/Tokyo"))
    assert moment(NOON, now) == "21:00" and moment(NOON - timedelta(days=40), now) == "29 Jan 21:00"
    assert moment(None, now) == "–"


def test_a_diff_keeps_its_lines_whatever_they_look_like() -> None:
    text = (
        "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,2 @@\n x\n--- y\n-z\n++++ w\n"
        "diff --git a/new.txt b/new.txt\nnew file mode 100644\n--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+one\n"
    )
    first, second = diff_files(text)
    assert (first["added"], first["removed"], second["note"]) == (1, 2, "new")
    assert first["lines"][1:] == [(" ", "x"), ("-", "-- y"), ("-", "z"), ("+", "+++ w")]
    assert diff_files("") == []


def test_a_moved_mark_says_by_how_much() -> None:
    row = {
        "case_id": "0190-abcd", "kind": "bos", "direction": -1, "candle_index": 188, "price": 152.31,
        "candle_time": datetime(2012, 11, 19), "verdict": "adjustment", "expected_index": 186, "before": None,
        "before_seen": None, "after": True, "after_seen": "exact", "outcome": "unchanged", "session_name": "S", "split": "tune",
    }  # fmt: skip
    cells = replay_cells(KeptReplay("0.2.0", None, (), (ReplayRow(**row),), ReplaySplits()))[0]
    assert [c["t"] for c in cells] == ["abcd", "BOS down", "188", "19 Nov 2012", "152.31", "Moved −2", "–", "exact",
                                       "Unchanged"]  # fmt: skip


def test_a_live_card_of_a_queued_run_has_no_percent() -> None:
    row = SimpleNamespace(**dict.fromkeys(ExecutionRow.__slots__))
    row.status, row.agent, row.number, row.progress, row.triggered_at = "pending", "tuner", 1, 0, NOON
    row.feedback_count, row.canceled, row.triggered_by_name, row.workspace_name = 3, False, "Mara", "BOS"
    later = NOON + timedelta(seconds=5)
    card, lonely = live_card(row, later, 1), live_card(row, NOON, 0)
    assert card["percent"] == "" and spoken(card["facts"], later) == "Tuner · 3 corrections · 5 s · by Mara"
    assert card["remark"] is None and lonely["remark"] and "No worker is connected" in spoken(lonely["remark"], NOON)
