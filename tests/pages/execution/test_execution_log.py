"""Logs and diffs of an execution, wherever it runs: on this machine, on another one, or ended."""

from __future__ import annotations

from pathlib import Path

from pages.components import looks
from pages.components.execution import logs
from services import executions, releases, storage
from services.database.engine import transaction
from services.detectors import repository
from services.settings import get_settings
from tests.support.execution_screen import HOSTILE, badges, open_execution, running, said
from tests.support.product import World, drawn, head


def test_the_log_of_a_run_on_another_machine_is_shown_from_its_tail(world: World) -> None:
    execution_id = running(world)
    with transaction() as session:
        executions.keep_log(session, execution_id, epoch=1, attempt=1, tail=f"12:00:07 elsewhere {HOSTILE}\n")
    at = open_execution(execution_id, world.viewer, tab="Log")
    shown = drawn(at, "text")[0]
    assert shown["text"] == f"12:00:07 elsewhere {HOSTILE}\n" and shown["follow"] and "All " in said(at)
    folder = get_settings().data_dir / "work" / str(execution_id)
    folder.mkdir(parents=True)
    (folder / "attempt-1.txt").write_text("12:00:01 before another machine took it over\n")
    assert drawn(open_execution(execution_id, world.viewer, tab="Log"), "text")[0]["text"] == shown["text"]
    (folder / "attempt-1.txt").write_text(f"12:00:07 elsewhere {HOSTILE}\n12:00:08 and on\n")
    assert drawn(open_execution(execution_id, world.viewer, tab="Log"), "text")[0]["text"].endswith("and on\n")


def test_a_long_log_is_capped_on_the_page_searched_and_whole_as_a_file(world: World) -> None:
    execution_id = running(world)
    lines = [f"12:00:00 line {n} of a long log, with words\n" for n in range(4000)]
    stored = storage.put(get_settings().storage_root, "".join(lines[:3900]).encode(), suffix=".txt")
    with transaction() as session:
        executions.keep_log(session, execution_id, epoch=1, attempt=1, tail="".join(lines)[-60_000:], key=stored)
    at = open_execution(execution_id, world.viewer, tab="Log")
    shown = drawn(at, "text")[0]["text"]
    assert shown.endswith(lines[-1]) and len(shown) < 65_000 and shown.startswith("12:00:00 line ")
    assert f"The end of {looks.size(len(''.join(lines)))}, as it grows." in said(at), (
        "the stored part and the end are fitted together"
    )
    at.text_input(key="execution-log-attempt-1-find").set_value("LINE 17 of").run()
    found = drawn(at, "text")[0]
    assert found["text"] == lines[17].rstrip() and not found["follow"] and "1 line of 4,000" in said(at)
    at.text_input(key="execution-log-attempt-1-find").set_value("no such words").run()
    assert "No line holds “no such words”." in said(at) and not drawn(at, "text")
    with transaction() as session:
        found = executions.get(session, execution_id)
    assert logs.read(found, 1).all() == "".join(lines), "the file is the whole log"


def test_the_log_of_fifty_megabytes_is_not_read_whole_for_a_page(world: World) -> None:
    execution_id = running(world)
    folder = get_settings().data_dir / "work" / str(execution_id)
    folder.mkdir(parents=True)
    whole = "".join(f"{n:07} a line of a very long log\n" for n in range(100_000))
    (folder / "attempt-1.txt").write_text(whole)
    with transaction() as session:
        found = executions.get(session, execution_id)
    log = logs.read(found, 1)
    assert len(log.text) == logs.HELD < log.size == len(whole) and log.all() == whole
    key = storage.put(get_settings().storage_root, whole.encode(), suffix=".txt")
    kept = logs.of_key(key)
    assert (len(kept.text), kept.size, kept.all()) == (logs.HELD, len(whole), whole)


def test_the_diff_of_a_run_on_another_machine_is_fetched(world: World, tmp_path: Path) -> None:
    repo, base = releases.repository(), head()
    remote, elsewhere = tmp_path / "remote.git", tmp_path / "elsewhere"
    repository.git(repo, "clone", "--bare", str(repo), str(remote))
    repository.git(repo, "clone", str(remote), str(elsewhere))
    (elsewhere / "tests" / "test_swings.py").write_text("# nothing left\n")
    commit = repository.commit_all(elsewhere, "Weaken the tests")
    assert commit is not None
    execution_id = running(world, base_commit=base, commit_hash=commit)
    lacking = open_execution(execution_id, world.viewer, tab="Diff")
    assert not drawn(lacking, "diff") and lacking.error, "this machine does not have it, and there is no remote"
    later = running(world, base_commit=base, commit_hash=commit)
    repository.git(elsewhere, "push", "origin", f"HEAD:{releases.kept_ref(later)}")
    repository.git(repo, "remote", "add", "origin", str(remote))
    try:
        at = open_execution(later, world.viewer, tab="Diff")
    finally:
        repository.git(repo, "remote", "remove", "origin")
    file = drawn(at, "diff")[0]["files"][0]
    assert (file["path"], file["added"], file["tests"]) == ("tests/test_swings.py", 1, True)
    assert "1 file, +1 " in said(at) and "committed so far" in said(at)
    assert "The agent changed the pattern's own tests: tests/test_swings.py. Look at what they still prove." in badges(
        at
    ).replace("]", "").replace(":orange[:material/labs: ", "")
