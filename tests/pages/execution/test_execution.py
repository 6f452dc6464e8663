"""One execution's screen on real rows, a real repository and a real store: running, waiting, failed, done, canceled."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from sqlalchemy import update

from pages.components import looks
from services import executions, labels, prompts, releases, storage
from services.database.engine import transaction
from services.detectors import repository
from services.lifecycle import ExecutionPhase, ExecutionStatus
from services.models import ExecutionAttempt, PlaceRow, now
from services.settings import get_settings
from tests.support.execution_screen import HOSTILE, button, change, made, open_execution, running, said
from tests.support.product import World, downloaded, drawn, head


def test_a_running_one_shows_its_phases_its_task_and_its_log(world: World) -> None:
    execution_id = running(world)
    folder = get_settings().data_dir / "work" / str(execution_id)
    folder.mkdir(parents=True)
    (folder / "attempt-1.txt").write_text(f"12:00:01 == planning\n12:00:02 {HOSTILE}\n")
    at = open_execution(execution_id, world.member, tab="Log")
    phases = drawn(at, "phases")[0]["run"]
    assert phases["phases"]["planning"]["status"] == "completed" and phases["progress"] == 50
    assert "Tried 150 of 300 points" in said(at) and "30%" in said(at) and "attempt 1 of 11" in said(at)
    groups = drawn(at, "checkpoints")[0]["groups"]
    assert [g["title"] for g in groups] == ["Planning", "Implementing"]
    assert groups[0]["items"][0]["details"] == "5 wrong, 3 missed" and groups[1]["items"][0]["time"] == "now"
    log = drawn(at, "text")[0]
    assert log["text"].endswith(f"{HOSTILE}\n") and log["follow"]
    assert button(at, "Run again").disabled and not button(at, "Cancel").disabled


def test_canceling_is_asked_for_once_and_shown_until_the_worker_ends_it(world: World) -> None:
    execution_id = running(world)
    at = open_execution(execution_id, world.member)
    button(at, "Cancel").click().run()
    assert not at.exception
    assert "Running it again starts from the beginning." in said(at)
    with transaction() as session:
        assert executions.get(session, execution_id).canceled_at is None, "the dialog only asks"
        executions.cancel(session, execution_id, actor=world.member)
    at = open_execution(execution_id, world.member)
    assert button(at, "Canceling…").disabled and "Cancel was asked for at" in said(at)


def test_a_silent_worker_is_told_of_but_not_while_a_plan_waits(world: World) -> None:
    silent = running(world)
    change(silent, heartbeat_at=now() - timedelta(seconds=40))
    assert "No sign of life since" in said(open_execution(silent, world.member))
    change(silent, heartbeat_at=now())
    assert "No sign of life" not in said(open_execution(silent, world.member))


def test_a_queued_one_waits_for_a_worker(world: World) -> None:
    execution_id = made(world, ExecutionStatus.PENDING)
    change(execution_id, started_at=None)
    at = open_execution(execution_id, world.member)
    assert "Waiting for a worker" in said(at) and "None yet." in said(at)


def test_a_plan_is_shown_and_accepted(world: World) -> None:
    plan = {"summary": "Search 3 parameters.", "steps": ["Try up to 300 points", HOSTILE], "facts": {}}
    execution_id = made(world, stop_after_planning=True, plan=plan, heartbeat_at=now() - timedelta(hours=1))
    with transaction() as session:
        told = {"epoch": 1, "attempt": 1, "phase": ExecutionPhase.PLANNING}
        executions.begin_phase(session, execution_id, task="Reading", **told)
        executions.end_phase(session, execution_id, **told)
    change(execution_id, heartbeat_at=now() - timedelta(hours=1))
    assert button(open_execution(execution_id, world.viewer), "Accept plan") is None
    at = open_execution(execution_id, world.member)
    assert "Search 3 parameters." in said(at) and "No sign of life" not in said(at)
    button(at, "Accept plan").click().run()
    assert not at.exception and button(at, "Accept plan") is None
    with transaction() as session:
        assert executions.get(session, execution_id).plan_accepted_at is not None


def test_a_failed_one_says_why_and_what_to_do(world: World) -> None:
    why = "The tuner has no starter detector for the pattern 'engulfing'; connect Claude to have one written."
    execution_id = made(world, ExecutionStatus.FAILED, phase="planning")
    change(execution_id, error=f"{why} Look at the sentence above.")
    with transaction() as session:
        session.execute(
            update(ExecutionAttempt).where(ExecutionAttempt.execution_id == execution_id)
            .values(reason=why, outcome="failed", ended_at=now())
        )  # fmt: skip
    at = open_execution(execution_id, world.member, tab="Attempts")
    assert why in [t.value for t in at.text] and "Look at the sentence above." in said(at)
    assert "Failed in planning" in said(at)
    row = drawn(at, "table")[0]["rows"][0]
    assert [row[0]["t"], row[3]["t"], row[5]["t"]] == ["1", "Failed", why]
    assert any(b.label.startswith("Open ") for b in at.button)


def test_a_canceled_one_reads_as_canceled(world: World) -> None:
    execution_id = made(world, ExecutionStatus.FAILED, phase="implementing", canceled=True)
    change(execution_id, error="Canceled by Member One.")
    at = open_execution(execution_id, world.member)
    assert "Canceled in implementing" in said(at) and "Canceled by Member One." in said(at)
    assert not button(at, "Run again").disabled


def test_the_replay_has_broken_cases_first_and_the_next_step_shows_them(world: World, judged: uuid.UUID) -> None:
    at = open_execution(judged, world.member, tab="Diff")
    press = button(at, "Show the 1 broken judgement")
    press.click().run()
    assert not at.exception
    rows = drawn(at, "table")[0]["rows"]
    assert [row[-1]["t"] for row in rows][:2] == ["Broken", "Fixed"]
    file = [list(row.values()) for row in downloaded(at, "replay")]
    kept = [[cell["t"].replace(looks.MISSING, "") for cell in row] for row in rows]
    assert [(row[0], row[1], row[2], *row[5:]) for row in file] == [(row[0], row[1], row[2], *row[5:]) for row in kept]
    assert rows[0][5]["t"] == "Right" and rows[0][7] == {"t": "absent", "icon": "close", "color": "red"}
    facts = dict(row for given in drawn(at, "facts") for row in given["rows"])
    assert facts["Evidence"].startswith("1 fixed, 1 broken of 2 seen judged places.")
    assert facts["Seen places"].startswith("0% → 100%") or facts["Seen places"].startswith("50% → 0%")


def test_hold_out_cases_are_only_counted(world: World, judged: uuid.UUID) -> None:
    with transaction() as session:
        labels.keep(session, world.swings)
        session.execute(update(PlaceRow).where(PlaceRow.workspace_id == world.swings).values(split="holdout"))
    at = open_execution(judged, world.member)
    assert not drawn(at, "table")
    assert re.search(
        r"\b[1-9]\d* judgements of places kept for testing are only counted, never shown one by one\.", said(at)
    )
    assert button(at, "Open Swings") is not None and re.search(r"\b[12] broken\b", said(at))


def test_the_diff_is_read_from_the_repository_and_drawn_as_text(world: World) -> None:
    repo, base = releases.repository(), head()
    tree = repository.create_worktree(repo, base, get_settings().data_dir / "work" / "diff-test")
    (tree / "detectors" / "swings.py").write_text(f"# {HOSTILE}\n")
    commit = repository.commit_all(tree, "Change the swings")
    assert commit is not None
    execution_id = made(world, ExecutionStatus.COMPLETED, base_commit=base, commit_hash=commit, summary="Done.",
                        commit_message="Change the swings")  # fmt: skip
    at = open_execution(execution_id, world.viewer, tab="Diff")
    file = drawn(at, "diff")[0]["files"][0]
    assert (file["path"], file["added"]) == ("detectors/swings.py", 1) and file["removed"] > 10
    assert ["+", f"# {HOSTILE}"] in file["lines"]
    assert "Change the swings" in said(at)
    assert button(at, "Run again") is None and button(at, "Cancel") is None, "a viewer only looks"


def test_the_prompt_and_the_tests_are_shown_as_they_were(world: World) -> None:
    context = prompts.PromptContext("bos", HOSTILE, "0.1.0", parameters={"left": 3})
    prompt = prompts.Prompt("repair", context, constraints=("Closed bars only",))
    key = storage.put(get_settings().storage_root, prompts.as_bytes(prompt), suffix=".json")
    report = {"passed": False, "total": 19, "failed": 2, "duration_s": 1.5, "output": "2 failed, 17 passed"}
    execution_id = made(world, ExecutionStatus.FAILED, phase="testing", prompt_file=key, test_report=report)
    at = open_execution(execution_id, world.member, tab="Prompt")
    assert HOSTILE in drawn(at, "text")[0]["text"] and "left = 3" in drawn(at, "text")[0]["text"]
    button(at, "Show the tests").click().run()
    assert drawn(at, "text")[0]["text"] == "2 failed, 17 passed"
    assert "17 passed" in said(at) and "2 failed" in said(at)


def test_a_lost_file_is_one_sentence_in_its_tab_alone(world: World) -> None:
    key = "ab/cd/abcd" + "0" * 60 + ".json"
    at = open_execution(made(world, ExecutionStatus.COMPLETED, prompt_file=key), world.member, tab="Prompt")
    assert "does not exist" in said(at) and drawn(at, "phases")


@pytest.mark.parametrize("address", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_an_address_without_execution_says_so(world: World, address: str) -> None:
    at = open_execution(address, world.member)
    assert "No execution to show" in said(at) and not at.button


def test_the_back_button_finds_what_was_there(world: World) -> None:
    """Between two screens the browser's history holds the first one's path with the second one's id."""
    execution_id = made(world, status=ExecutionStatus.COMPLETED)
    at = open_execution(execution_id, world.member)
    title = [t.value for t in at.title]
    at.query_params["id"] = str(world.swings)
    at.run()
    assert [t.value for t in at.title] == title
    assert at.query_params["id"] == str(execution_id)
