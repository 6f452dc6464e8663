"""Following an execution: each state it can be in, on its own screen, on the list and in its workspace."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.components import looks
from pages.components.columns import table
from pages.components.dialogs import ASKED
from pages.components.execution import attempts_data
from pages.components.execution.cards import DEPLOY_LOG_KEY
from pages.components.execution.read import execution_view
from pages.components.runs.state import spoken
from pages.components.workspace import pattern_list
from pages.components.workspaces import grid as workspace_grid
from pages.components.workspaces import rows as workspace_rows
from services import executions, storage, workspaces
from services import words as wording
from services.database.engine import transaction
from services.executions import AttemptRow, FollowUp, UsageRow
from services.lifecycle import ExecutionPhase, ExecutionStatus
from services.models import ClaudeExecution, ExecutionAttempt, now
from services.settings import get_settings
from tests import factories
from tests.support.execution_screen import badges, button, change, made, open_execution, running, said
from tests.support.product import World, downloaded, drawn, given, open_page, ticking

BUILD = 'Vercel\'s build failed: Command "npm run build" exited with 1.'


def refine(pause_s: float = 4.0) -> FollowUp:
    return FollowUp("deploy.failed", "refine", pause_s)


def card(world: World, execution_id: uuid.UUID) -> dict[str, Any]:
    """The live execution's card on the list."""
    at = open_page("executions.py", world.viewer)
    assert not at.exception
    return next(run for data in drawn(at, "runs") for run in data["runs"] if run["id"] == str(execution_id))


def remark(shown: dict[str, Any]) -> str:
    return spoken(shown["remark"], now())


def deploy_failed(execution_id: uuid.UUID, attempt: int, *, pause_s: float = 4.0) -> None:
    """One attempt whose deploy failed, written as its worker writes it."""
    with transaction() as session:
        executions.begin_phase(
            session, execution_id, epoch=1, phase=ExecutionPhase.DEPLOYING, attempt=attempt, task="Building"
        )
    key = storage.put(get_settings().storage_root, f"build {attempt} said no\n".encode(), suffix=".txt")
    log = storage.put(get_settings().storage_root, f"12:00:0{attempt % 10} attempt {attempt}\n".encode(), suffix=".txt")
    with transaction() as session:
        row = session.get_one(ClaudeExecution, execution_id)
        row.commit_hash, row.deploy_status, row.deployment_id = f"{attempt:040x}", "error", f"dpl_{attempt}"
        executions.keep_deploy(session, execution_id, epoch=1, attempt=attempt, log_key=key)
        executions.keep_log(session, execution_id, epoch=1, attempt=attempt, tail=f"tail {attempt}\n", key=log)
    with transaction() as session:
        executions.begin_retry(session, execution_id, epoch=1, attempt=attempt, reason=f"{BUILD} ({attempt})",
                               follow_up=refine(pause_s), announce=False)  # fmt: skip


def test_a_queued_run_says_when_no_worker_is_connected(world: World) -> None:
    execution_id = made(world, ExecutionStatus.PENDING)
    change(execution_id, started_at=None)
    at = open_execution(execution_id, world.member)
    assert "No worker is connected; it starts once `patterndesk worker` runs somewhere." in said(at)
    assert "No worker is connected" in remark(card(world, execution_id))
    url = str(get_settings().database_url).replace("+psycopg", "")
    with psycopg.connect(url, application_name="worker one-1"), psycopg.connect(url, application_name="worker two-2"):
        at = open_execution(execution_id, world.member)
        assert "Waiting for a worker; 2 are connected. It starts when one is free." in said(at)
        assert card(world, execution_id)["remark"] is None


def test_a_stalled_run_is_nowhere_shown_as_running(world: World) -> None:
    execution_id = running(world)
    change(execution_id, heartbeat_at=now() - timedelta(seconds=18))
    at = open_execution(execution_id, world.member)
    told = r"No sign of life since \d\d:\d\d:\d\d \(\d+ s\); no worker is connected to take over"
    assert re.search(told, said(at)) and "Stalled" in badges(at) and "Running" not in badges(at)
    assert drawn(at, "phases")[0]["run"]["states"]["now"]["label"] == "Stalled"
    shown = card(world, execution_id)
    assert shown["look"]["label"] == "Stalled" and remark(shown).startswith("No sign of life since ")
    with transaction() as session:
        workspace_id = executions.get(session, execution_id).row.workspace_id
    page = open_page("workspace.py", world.member, id=str(workspace_id))
    assert not page.exception and "Stalled" in badges(page)
    assert any(text.startswith("No sign of life since") for text in ticking(page))
    entries = [e for data in given(page) if "entries" in data for e in data["entries"] if e["execution"]]
    with transaction() as session:
        listed = next(row for row in workspaces.list_workspaces(session) if row.id == workspace_id)
    assert workspace_grid.card_view(workspace_rows.card(listed, []), now())["live"]["label"] == "Stalled, implementing"
    item = next(i for group in pattern_list.groups([listed]) for i in group["items"])
    assert item["symbol"] == "heart_broken" and "execution 1 is stalled" in item["spoken"]
    assert table(workspace_rows.columns({}), [listed])["Execution"].iloc[0] == "Stalled, implementing"
    assert entries and all(e["execution"]["look"]["label"] == "Stalled" for e in entries)
    change(execution_id, heartbeat_at=now())
    assert "Running" in badges(open_execution(execution_id, world.member))


def test_a_retry_counts_down_and_says_why(world: World) -> None:
    execution_id = running(world)
    deploy_failed(execution_id, 1, pause_s=3000)
    at = open_execution(execution_id, world.member, tab="Attempts")
    assert re.search(r"Retry 1 of 10 in (50:00|49:\d\d): Vercel's build failed", said(at))
    assert "Attempt 1 failed in deploying; the next one begins after a pause" in said(at)
    first, second = drawn(at, "table")[0]["rows"]
    assert first[3]["t"] == "Retried" and (second[2]["t"], second[3]["t"]) == ("–", "Not begun")
    shown = card(world, execution_id)
    assert shown["look"]["label"] == "Retrying" and remark(shown).startswith("Retry 1 of 10 in ")
    assert shown["phases"]["phases"] == {"deploying": {"status": "failed"}}, "no phase spins while it waits"


def test_a_run_that_waits_for_its_plan_says_so_on_the_list(world: World) -> None:
    execution_id = made(world, stop_after_planning=True, plan={"summary": "Search.", "steps": []})
    with transaction() as session:
        told = {"epoch": 1, "attempt": 1, "phase": ExecutionPhase.PLANNING}
        executions.begin_phase(session, execution_id, task="Reading", **told)
        assert not executions.get(session, execution_id).row.waits_for_plan, "it is still planning"
        executions.end_phase(session, execution_id, **told)
    change(execution_id, heartbeat_at=now() - timedelta(hours=1))
    shown = card(world, execution_id)
    assert (shown["look"]["label"], remark(shown)) == ("Waits for its plan", "Waits until somebody accepts its plan.")


def test_eleven_attempts_each_open_with_their_own_logs(world: World) -> None:
    execution_id = running(world, agent="claude", deploy_target="vercel")
    for attempt in range(1, 11):
        deploy_failed(execution_id, attempt)
    with transaction() as session:
        row = session.get_one(ClaudeExecution, execution_id)
        follow_up = FollowUp("deploy.failed", "fail", 0.0, "All 10 retries are spent.")
        executions.fail(session, row, error=BUILD, advice="All 10 retries are spent.", follow_up=follow_up)
    at = open_execution(execution_id, world.member, tab="Attempts")
    table = drawn(at, "table")[0]
    assert table["numbers"] == list(range(1, 12)) and table["chosen"] == 11
    assert [row[3]["t"] for row in table["rows"]] == ["Retried"] * 10 + ["Failed"]
    assert attempt_facts(at)["Then"] == "Failed for good: All 10 retries are spent."
    assert button(at, "Continue from here").proto.type == "primary", "the one thing to do, in the error's own card"
    at.session_state[f"execution-attempt-{execution_id}"] = 3
    at.run()
    shown = attempt_facts(at)
    assert shown["Then"] == "Went back to the agent after 4 s, with the deploy's log"
    assert (shown["Ended in"], shown["Deployment"], shown["Deploy"]) == ("Deploying", "dpl_3", "Failed")
    assert f"{BUILD} (3)" in said(at)
    assert drawn(at, "text")[0]["text"] == "12:00:03 attempt 3\n"
    at.segmented_control(key="execution-attempt-which-3").set_value("Deploy log").run()
    assert drawn(at, "text")[0]["text"] == "build 3 said no\n"
    at.session_state[DEPLOY_LOG_KEY] = True
    at.run()
    assert [t["text"] for t in drawn(at, "text") if t["label"] == "The deploy's log"] == ["build 10 said no\n"]
    head = [cell["t"] for cell in table["head"]]
    lines = [dict(zip(head, (cell["t"] for cell in row), strict=True)) for row in table["rows"]]
    file = downloaded(at, "attempts")
    assert [row["Attempt"] for row in file] == [str(n) for n in range(1, 12)] == [row["Attempt"] for row in lines]
    for name in ("Outcome", "Ended in", "Why", "Commit"):
        assert [row[name] for row in file] == [row[name].replace(looks.MISSING, "") for row in lines], name


def attempt_facts(at: AppTest) -> dict[str, str]:
    return {name: cell["t"] for data in drawn(at, "facts") if data.get("beside") for name, cell in data["rows"]}


def test_what_claude_spends_is_shown_live_and_the_tuner_has_no_cost(world: World) -> None:
    execution_id = running(world, agent="claude")
    used = [
        UsageRow("m1", 1, "plan", "claude-sonnet-5-5", 0.12, 11_000, 800),
        UsageRow("m2", 1, "implement", "claude-sonnet-5-5", 0.2, 12_400, 900),
        UsageRow("m3", 1, "implement", "claude-sonnet-5-5", 0.1, 7_600, 300),
    ]
    for row in used:
        with transaction() as session:
            executions.add_usage(session, execution_id, epoch=1, rows=[row])
    at = open_execution(execution_id, world.viewer, tab="Cost")
    assert "$0.42 · 31k in · 2k out" in said(at)
    meter = drawn(at, "meter")[0]
    assert (meter["value"], meter["color"]) == ("8% of $5.00", "blue") and meter["fraction"] == pytest.approx(0.084)
    table = [[cell["t"] for cell in row] for row in drawn(at, "table")[0]["rows"]]
    assert table == [
        ["1", "Planning", "claude-sonnet-5-5", "1", "11k", "800", "$0.12"],
        ["1", "Implementing", "claude-sonnet-5-5", "2", "20k", "1k", "$0.30"],
        ["All", "", "", "3", "31k", "2k", "$0.42"],
    ]
    file = [tuple(row.values()) for row in downloaded(at, "usage")]
    assert file == [
        ("1", "Planning", "claude-sonnet-5-5", "1", "11000", "800", "0.12"),
        ("1", "Implementing", "claude-sonnet-5-5", "2", "20000", "1200", "0.3"),
        ("All", "", "", "3", "31000", "2000", "0.42"),
    ]
    tuner = open_execution(running(world), world.viewer)
    assert [t.label for t in at.tabs][-1] == "Cost" and "Cost" not in [t.label for t in tuner.tabs]
    assert "$" not in said(tuner)


def test_a_canceled_run_is_continued_and_the_two_are_linked(world: World) -> None:
    execution_id = running(world, commit_hash="c" * 40, base_commit="b" * 40, plan={"summary": "Closes alone."},
                           files_changed=["detectors/a.py", "tests/test_a.py"])  # fmt: skip
    with transaction() as session:
        row = session.get_one(ClaudeExecution, execution_id)
        row.canceled_at, row.canceled_by_id = now(), world.member.id
        executions.end_canceled(session, row)
    at = open_execution(execution_id, world.member)
    assert "The agent changed the pattern's own tests: tests/test_a.py. See them in Diff." in said(at)
    button(at, "Continue from here").click().run()
    assert not at.exception
    kept = attempt_facts(at)
    assert kept["Keeps the commit"] == "ccccccc · 2 changed files" and kept["Keeps the plan"] == "Closes alone."
    assert kept["Begins with"] == "testing the kept change again, then deploying it"
    at.session_state[ASKED] = ("continue", (execution_id,))  # here the whole page runs again, which ends a dialog
    at.button(key="continue-send").click().run()
    assert not at.exception and not at.error, [e.value for e in at.error]
    with transaction() as session:
        child = executions.get(session, execution_id).children[0]
        found = executions.get(session, child.id)
    assert found.continues and found.row.commit_hash == "c" * 40 and found.parent is not None
    at = open_execution(execution_id, world.member)
    assert button(at, f"Continued by execution {child.number}") is not None
    again = button(at, "Continue from here")
    assert again.disabled and "follows it already" in again.help
    assert button(open_execution(child.id, world.member), f"Continues execution {found.parent.number}") is not None
    assert button(open_execution(execution_id, world.viewer), "Continue from here") is None


def test_a_decision_reads_as_what_was_done() -> None:
    def text(action: str | None, **facts: Any) -> str:
        follow_up = None if action is None else FollowUp("deploy.failed", action, **facts)
        return attempts_data.decision_text(AttemptRow(1, now(), follow_up=follow_up))

    assert text("retry", pause_s=4.0) == "Tried again after 4 s"
    assert text("refine") == "Went back to the agent, with the reason"
    assert text("fail", advice="Look at the tests.") == "Failed for good: Look at the tests."
    assert text(None) == "–"
    assert wording.turn("refine-deploy.failed-2") == "Refining after a failed deploy, round 2"
    assert [wording.turn(turn) for turn in ("plan", "testing", "odd")] == ["Planning", "Testing", "odd"]


def test_a_page_in_view_reads_a_fixed_number_of_times(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def count(execution_id: uuid.UUID) -> int:
        seen: list[object] = []
        execute = psycopg.Cursor.execute

        def noting(self: Any, query: Any, *args: Any, **options: Any) -> Any:
            seen.append(query)
            return execute(self, query, *args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", noting)
            execution_view(execution_id, world.member)
        return len(seen)

    few, many = running(world), running(world)
    with transaction() as session:
        for number in range(2, 12):
            session.add(ExecutionAttempt(execution_id=many, number=number))
        workspace_id = executions.get(session, many).row.workspace_id
        for _ in range(5):
            factories.execution(session, workspace_id, world.member, parent_execution_id=many)
        session.execute(
            update(ClaudeExecution).where(ClaudeExecution.id == many).values(triggered_at=now() - timedelta(days=900))
        )
    assert count(few) == count(many) > 0


def test_broken_places_are_waived_with_a_reason(world: World, judged: uuid.UUID) -> None:
    assert button(open_execution(judged, world.member, tab="Replay"), "Deploy anyway…") is None, "it failed otherwise"
    decision = {"kind": "replay", "action": "fail", "pause_s": 0.0, "advice": None}
    change(judged, plan={"summary": "Look further left.", "steps": []}, prompt_file="ab/cd/prompt.json")
    with transaction() as session:
        session.execute(
            update(ExecutionAttempt).where(ExecutionAttempt.execution_id == judged)
            .values(decision=decision, outcome="failed", ended_at=now())
        )  # fmt: skip
    assert button(open_execution(judged, world.viewer, tab="Replay"), "Deploy anyway…") is None
    at = open_execution(judged, world.member, tab="Replay")
    button(at, "Deploy anyway…").click().run()
    assert not at.exception and "breaks 1 judged place that held before" in said(at)
    at.session_state[ASKED] = ("waive", (judged,))
    at.button(key="waive-send").click().run()
    assert "A reason is required" in at.error[0].value
    at.session_state[ASKED] = ("waive", (judged,))
    at.run()
    at.text_area(key="waive-reason").set_value("That mark was judged on the wrong bar.")
    at.session_state[ASKED] = ("waive", (judged,))
    at.button(key="waive-send").click().run()
    assert not at.exception
    with transaction() as session:
        child = executions.get(session, judged).children[0]
        assert len(executions.waived_ids(session, child.id)) == 1 and child.continues
