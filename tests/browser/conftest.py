"""One server, one browser and one journey through the screens for all tests of this folder."""

from __future__ import annotations

import os
import re
import shutil
import warnings
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.support.batches import assert_batches_agree
from tests.support.journey import VIEWER, Journey, travel
from tests.support.screens import ARTIFACTS, Person, Visit
from tests.support.server import Server, running

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PRESENT = pytest.StashKey[list[Person]]()


def _nobody_to_drive(reason: str) -> None:
    if os.environ.get("PATTERNDESK_REQUIRE_BROWSER") == "1":
        pytest.fail(f"The browser tests must run here, but {reason}", pytrace=False)
    warnings.warn(f"THE BROWSER TESTS ARE LEFT OUT: {reason}", stacklevel=2)
    pytest.skip(reason)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    program = next((found for found in map(shutil.which, PROGRAMS) if found), None)
    if program is None:
        _nobody_to_drive(f"none of {', '.join(PROGRAMS)} is installed.")
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        except Error as error:
            _nobody_to_drive(f"{program} does not start: {error.message.splitlines()[0]}")
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def server(browser: Browser) -> Iterator[Server]:
    """The product with nothing in it: no demo, no people."""
    for picture in ARTIFACTS.glob("*.png"):  # of an earlier run; those of a failure may be another process's, of now
        if not picture.name.startswith("failed"):
            picture.unlink()
    with running(DEMO="false", TUNER_POINTS="60") as started:
        yield started
        assert_batches_agree(started.database_url)  # after everything that people did there


@pytest.fixture(scope="package")
def visit(browser: Browser, pytestconfig: pytest.Config) -> Iterator[Visit]:
    """Lets somebody in, in a browser of their own: `visit(address, name, **settings of the browser)`."""
    present = pytestconfig.stash.setdefault(PRESENT, [])

    def enter(address: str, name: str, **context: Any) -> Person:
        person = Person(browser, address, name, **context)
        present.append(person)
        return person

    yield enter
    for person in present:
        person.leave()
    present.clear()


@pytest.fixture(scope="package")
def reader(server: Server, journey: Journey, visit: Visit) -> Person:
    """A viewer who has signed in, with everything that the journey left to look at."""
    viewer = visit(server.url, VIEWER)
    viewer.open()
    viewer.sign_in()
    return viewer


@pytest.fixture(scope="package")
def journey(server: Server, visit: Visit) -> Journey:
    """What became of one pattern, from nothing to verified, by clicks and keys alone."""
    made = travel(server, visit)
    assert assert_batches_agree(server.database_url) > 0
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps what everybody saw when a test failed."""
    report = yield
    if report.failed and report.when != "teardown":
        for person in item.config.stash.get(PRESENT, []):
            person.keep(re.sub(r"\W+", "-", f"failed {item.name} {person.name}"))
    return report
