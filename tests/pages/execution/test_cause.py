"""A failed run opens on its cause: the place in the repository, whose commit it is, the log there, and what to do."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from pages.components.execution.cause import place_of, source_around
from pages.components.execution.read import origin_of
from services import releases
from services.detectors import repository
from services.detectors.bundle import code_files
from services.detectors.repository_tests import run_tests
from services.errors import DetectorError
from services.lifecycle import ExecutionStatus
from services.models import now
from tests.support.execution_screen import change, made, open_execution, said
from tests.support.product import World, drawn, head

PYTEST = """\
tests/test_swings.py ..F                                                  [100%]
=================================== FAILURES ===================================
    def test_a_high_has_lower_bars_beside_it():
        found = detect(candles)
>       assert len(found) == 3
E       assert 4 == 3

tests/test_swings.py:24: AssertionError
=========================== short test summary info ============================
FAILED tests/test_swings.py::test_a_high_has_lower_bars_beside_it - assert 4 == 3
"""
CRASH = """12:00:01 == testing
12:00:02 Traceback (most recent call last):
  File "/tmp/run/runner.py", line 130, in main
  File "/tmp/x/detectors/swings.py", line 41, in detect
  File "/tmp/x/detectors/common/atr.py", line 7, in average
ZeroDivisionError: division by zero
"""


def failed(world: World, **columns: Any) -> uuid.UUID:
    execution_id = made(world, ExecutionStatus.FAILED, workspace_id=world.swings, phase="testing")
    change(execution_id, **({"errored_at": now()} | columns))
    return execution_id


def test_the_place_is_found_in_the_reason_the_tests_and_the_log() -> None:
    tested = place_of(["Repository tests: 2 passed, 1 failed.", PYTEST])
    assert tested is not None and (tested.words, tested.syntax) == ("tests/test_swings.py, line 24", False)
    assert "assert 4 == 3" in tested.excerpt and "12:00" not in tested.excerpt
    crashed = place_of(["The detector crashed: division by zero.", "", CRASH])
    assert crashed is not None and crashed.words == "detectors/common/atr.py, line 7", "the innermost call"
    told = place_of(["detectors/swings.py has a syntax error in line 3: invalid syntax. Correct it.", PYTEST])
    assert told is not None and (told.words, told.syntax) == ("detectors/swings.py, line 3", True)
    assert place_of(["The budget is used up.", "", "12:00:00 nothing of a file"]) is None


def test_lines_around_the_place_are_numbered() -> None:
    assert source_around("a\nb\nc\nd", 3, around=1) == "     2  b\n→    3  c\n     4  d"
    assert source_around("", 12) == ""


def test_a_syntax_error_is_said_to_be_one_by_the_gates(tmp_path: Path) -> None:
    (tmp_path / "detectors").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "detectors" / "swings.py").write_text("import math\n\ndef detect(:\n")
    (tmp_path / "tests" / "test_swings.py").write_text("def test_a(:\n    pass\n")
    with pytest.raises(DetectorError, match=r"detectors/swings\.py has a syntax error in line 3: ") as crashed:
        code_files(tmp_path, "swings")
    assert place_of([crashed.value.sentence]) is not None
    assert "tests/test_swings.py has a syntax error in line 1: " in run_tests(tmp_path).output


def test_a_failed_test_shows_its_line_its_commit_and_the_log_there(world: World) -> None:
    report = {"passed": False, "total": 3, "failed": 1, "duration_s": 1.0, "output": PYTEST}
    execution_id = failed(
        world, error="Repository tests: 2 passed, 1 failed. Open the log.", test_report=report, commit_hash=head()
    )
    at = open_execution(execution_id, world.viewer)
    assert "tests/test_swings.py, line 24" in said(at) and f"commit {head()[:7]} by " in said(at)
    [excerpt] = [text["text"] for text in drawn(at, "text") if text["label"] == "The log at that line"]
    assert "AssertionError" in excerpt and "[100%]" not in excerpt


def test_a_syntax_error_in_the_repository_names_whose_commit_it_is(world: World, tmp_path: Path) -> None:
    repo = releases.repository()
    tree = repository.create_worktree(repo, head(), tmp_path / "tree")
    (tree / "detectors" / "swings.py").write_text("import math\n\ndef detect(:\n    pass\n")
    broken = repository.commit_all(tree, "Tidy up the imports", "Jane Doe")
    assert broken is not None
    error = "detectors/swings.py has a syntax error in line 3: invalid syntax. Correct the pattern's detector."
    try:
        at = open_execution(failed(world, error=error, base_commit=broken), world.viewer)
    finally:
        repository.remove_worktree(repo, tree)
    assert "There is a syntax error in the pattern repository: detectors/swings.py, line 3" in said(at)
    assert f"commit {broken[:7]} by Jane Doe: Tidy up the imports" in said(at)
    [source] = [text["text"] for text in drawn(at, "text") if text["label"] == "The file at that line"]
    assert "→    3  def detect(:" in source
    assert origin_of("0" * 40, "detectors/swings.py", 3) is None, "a commit that is not here has no origin"
