"""Admin: pausing and caps, schedules, backups, what grows, connections, tokens; and what the other pages say of it."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.components import notices
from pages.components.admin.working import worker_columns, working
from pages.components.columns import table
from services import holding, jobs
from services.database.engine import transaction
from services.models import Schedule, now
from services.people import Actor
from services.settings import get_settings
from services.system import WorkerRow
from tests.support.execution_screen import change, running
from tests.support.product import World, drawn, open_page, words


def part(world: World, name: str, actor: Actor | None = None) -> AppTest:
    at = open_page("admin.py", actor or world.admin)
    at.segmented_control(key="admin-part").set_value(name).run()
    assert not at.exception, at.exception
    return at


def press(at: AppTest, label: str) -> AppTest:
    next(button for button in at.button if button.label == label).click().run()
    assert not at.exception, at.exception
    return at


def test_members_see_the_trail_alone_and_viewers_nothing(world: World) -> None:
    assert open_page("admin.py", world.member).segmented_control(key="admin-part").options == ["Audit"]
    assert "This is for members and admins" in words(open_page("admin.py", world.viewer))


def test_pausing_is_said_on_every_page_until_it_is_resumed(world: World) -> None:
    at = part(world, "Runs")
    at.text_input(key="pause-reason").set_value("We move *house*")
    press(at, "Pause all runs")
    assert "Admin One paused all runs" in words(at)
    for page in ("workspaces.py", "executions.py", "stats.py"):
        shown = "\n".join(w.value for w in open_page(page, world.viewer).warning)
        assert "Admin One paused all runs" in shown, page
        assert r"We move \*house\*" in shown
    press(at, "Resume all runs")
    with transaction() as session:
        assert holding.paused(session) is None
    assert not any("paused" in w.value for w in open_page("executions.py", world.viewer).warning)


def test_a_cap_is_set_and_taken_away(world: World) -> None:
    at = part(world, "Runs")
    at.selectbox(key="cap-where").set_value(world.swings)
    at.number_input(key="cap-usd").set_value(2.5)
    press(at, "Set")
    assert "$2.50" in set(at.dataframe[0].value["Cap a day"])
    with transaction() as session:
        assert list(holding.caps(session).own.values()) == [2.5]
    at.selectbox(key="cap-where").set_value(world.swings)
    at.number_input(key="cap-usd").set_value(None)
    press(at, "Set")
    with transaction() as session:
        assert holding.caps(session).own == {}


def test_no_worker_and_a_full_disk_are_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    notices.current.clear()
    at = open_page("executions.py", world.viewer)
    assert any("No worker runs" in w.value for w in at.warning)
    monkeypatch.setenv("DISK_FULL_MB", str(10**9))
    get_settings.cache_clear()
    notices.current.clear()
    at = open_page("executions.py", world.viewer)
    assert any(e.value.startswith("The disk is full") for e in at.error)
    monkeypatch.setenv("DISK_FULL_MB", "0")
    monkeypatch.setenv("DISK_LOW_MB", str(10**9))
    get_settings.cache_clear()
    notices.current.clear()
    assert not any("nearly full" in w.value for w in open_page("executions.py", world.viewer).warning)
    assert any("nearly full" in w.value for w in open_page("executions.py", world.admin).warning)
    monkeypatch.undo()
    get_settings.cache_clear()
    notices.current.clear()


def test_a_schedule_is_added_paused_and_removed(world: World) -> None:
    at = part(world, "Schedules")
    at.text_input(key="sched-name").set_value("Monday sessions")
    at.selectbox(key="sched-report").set_value("sessions")
    at.text_input(key="sched-filters").set_value("workspace=swings")
    at.text_input(key="sched-cron").set_value("0 7 * * 1")
    at.text_input(key="sched-zone").set_value("Europe/Berlin")
    press(at, "Add")
    assert "0 7 \\* \\* 1 Europe/Berlin" in words(at), words(at)
    at.text_input(key="sched-cron").set_value("never")
    press(at, "Add")
    assert any("names no time" in e.value for e in at.error)
    press(at, "Pause")
    with transaction() as session:
        [row] = jobs.list_schedules(session, actor=world.admin)
        assert row.next_at is None
        assert session.query(Schedule).one().spec["filters"] == {"workspace": "swings"}
    press(at, "Resume")
    press(at, "Remove")
    with transaction() as session:
        assert jobs.list_schedules(session, actor=world.admin) == []


def test_a_backup_a_tidying_and_a_test_are_asked_for_once(world: World) -> None:
    at = part(world, "Backups")
    assert "There is no backup yet" in words(at)
    press(at, "Make one now")
    assert list(at.dataframe[0].value["State"]) == ["Waiting for a worker"]
    press(at, "Make one now")
    assert any("being done already" in e.value for e in at.error)
    at = part(world, "Storage")
    press(at, "Tidy up now")
    parts = at.dataframe[0].value
    assert {"Logs of the app", "Worktrees", "Kept commits", "Releases", "Backups"} <= set(parts["What"])
    assert any("for the data folder" in s.value for s in at.success)
    at = part(world, "Connections")
    press(at, "Test connection")
    with transaction() as session:
        kinds = sorted(job.kind for job in jobs.latest(session, actor=world.admin))
        assert kinds == ["backup", "connection_test", "prune"]
        for job in jobs.latest(session, actor=world.admin):
            jobs.end(session, job.id, sentence="Nothing answered *there*.", result=None, failed=True)
    assert r"Nothing answered \*there\*\." in words(part(world, "Connections"))


def test_a_person_makes_a_token_sees_it_once_and_revokes_it(world: World) -> None:
    at = open_page("account.py", world.viewer)
    at.text_input(key="token-name").set_value("Excel")
    assert "audit" not in " ".join(at.multiselect(key="token-reports").options).lower()
    at.multiselect(key="token-reports").set_value(["workspaces"])
    press(at, "Make a token")
    [secret] = [code.value for code in at.code]
    assert re.fullmatch(r"pdt_[A-Za-z0-9_-]{40,}", secret)
    at.run()
    assert [code.value for code in at.code] == []
    assert "never used" in words(at)
    assert "Viewer One" in words(part(world, "Tokens"))
    press(at, "Revoke")
    assert "revoked" in words(at)
    assert "Revoke" not in [button.label for button in part(world, "Tokens").button]
    at.multiselect(key="token-reports").set_value([])
    press(at, "Make a token")
    assert at.error


def test_the_trail_is_told_in_words_and_searched(world: World) -> None:
    at = part(world, "Audit")
    shown = at.dataframe[0].value
    assert list(shown.columns) == ["When", "Who", "What", "Before", "After"]
    assert "created Break of structure" in list(shown["What"])
    assert not any("{" in cell for cell in [*shown["Before"], *shown["After"]]), "no dictionaries"
    at.text_input(key="audit-search").set_value("break of").run()
    assert set(at.dataframe[0].value["What"]) == {"created Break of structure"}
    at.text_input(key="audit-search").set_value("never said").run()
    assert "Nothing fits" in words(at)


def test_why_something_is_not_connected_is_said_and_the_queue_names_its_runs(world: World) -> None:
    execution_id = running(world)
    try:
        at = part(world, "System")
        assert "ANTHROPIC_API_KEY" in words(at).replace("\\", "") and "not connected" in str(drawn(at, "facts"))
        queue = at.dataframe[0].value
        assert queue["Execution"].iloc[0].endswith("· execution 1") and queue["Phase"].iloc[0] == "Implementing"
        for name in ("System", "Connections"):
            said = words(part(world, name)).replace("\\", "")
            assert said.count("Claude is not connected: set ANTHROPIC_API_KEY.") == 1
            assert "Claude: Claude" not in said and "Not connected: Claude" not in said
    finally:
        change(execution_id, status="failed", error="It failed.", errored_at=now())


def test_a_worker_stands_beside_each_of_its_runs() -> None:
    worker = WorkerRow("one", now(), [3], now())
    idle = WorkerRow("two", now(), [], None)
    run = SimpleNamespace(worker_id="one", workspace_name="Swings", number=3, phase="testing")
    rows = working([worker, idle], [run])  # type: ignore[list-item]
    assert [(row.worker.worker_id, row.run is run) for row in rows] == [("one", True), ("two", False)]
    assert list(table(worker_columns(), rows)["Works on"]) == ["Swings · execution 3", "waits for work"]
