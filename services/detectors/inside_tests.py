"""Runs one file of a repository's tests by pytest, inside the sandbox (see `runner.py`). Standard library and pytest only.

Everything in this process can be bent by the code under test: pytest, its plugins, this module. So what it says of
outcomes is only told, never trusted. What counts are the proofs (`services/detectors/proofs.py`): each test was given
a last line by the app that writes a number, unknown before, into a file that the app reads.
"""

from __future__ import annotations

import builtins
import os
import shutil
import sys
from typing import Any


def warm() -> None:
    """Loads pytest before the fork."""
    import pytest  # noqa: F401


def prepare(request: dict[str, Any], proofs: int) -> None:
    """Gives the tests the function that their last lines call."""

    def proof(number: str, value: Any = None) -> Any:
        os.write(proofs, f"{number}\n".encode())
        return value

    builtins.__dict__[request["proof"]] = proof
    builtins.__dict__[request["never"]] = False


class Counter:
    """Outcomes by test, as pytest tells them; a failing set-up or a broken file counts as a failure."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.functions: dict[str, str] = {}

    def pytest_collection_finish(self, session: Any) -> None:
        for item in session.items:
            self.functions[item.nodeid] = getattr(getattr(item, "function", None), "__qualname__", "")

    def pytest_runtest_logreport(self, report: Any) -> None:
        counts = report.when == "call" or report.outcome != "passed"
        if counts and self.outcomes.get(report.nodeid) != "failed":
            self.outcomes[report.nodeid] = report.outcome

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.outcomes[report.nodeid] = "failed"


def copy(root: str, home: str) -> None:
    """A copy of the repository's files: their contents alone, for times and attributes may not be set here."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "__pycache__")]
        place = os.path.join(home, os.path.relpath(folder, root))
        os.makedirs(place, exist_ok=True)
        for name in files:
            source = os.path.join(folder, name)
            if os.path.isfile(source) and not os.path.islink(source):
                shutil.copyfile(source, os.path.join(place, name))


def run_test(request: dict[str, Any], root: str, given: bytes) -> Any:
    """pytest over one file of a copy of the repository, with the app's version of the file in it."""
    import pytest

    home = os.path.join(os.environ["TMPDIR"], f"repository-{os.getpid()}")
    copy(root, home)
    target = os.path.join(home, *request["file"].split("/"))
    os.unlink(target)
    with open(target, "wb") as file:
        file.write(given)
    os.chdir(home)
    sys.path[:0] = [home, os.path.join(home, "tests")]
    config, counter = os.path.join(home, "pytest.ini"), Counter()
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", home, "--color=no"]
    options += ["-c", config if os.path.isfile(config) else os.devnull]
    status = int(pytest.main([*options, target], plugins=[counter]))
    sys.stdout.flush()
    return {"status": status, "outcomes": counter.outcomes, "functions": counter.functions}
