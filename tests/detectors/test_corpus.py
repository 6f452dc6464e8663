"""A few of each corpus, on small candles; `make corpus` runs all of them through the full gate in both forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.detectors.gate.plan import Profile
from services.detectors.isolation import isolation
from tests.support.corpus import running, strangers
from tests.support.corpus.honest import HONEST
from tests.support.corpus.hostile import ATTACKS
from tests.support.corpus.hostile_tests import HOSTILE_TESTS
from tests.support.corpus.leaks import LEAKS

FAST = Profile("fast", dense=130, short=64, long=300, long_cuts=6, own_cuts=0, moved_cuts=8, suffixes=2)
SOME_LEAKS = (
    "hidden for one bar", "a confidence that is raised", "told late with an old bar", "under a price of 2", "in weekly candles",
    "on Mondays", "with few candles", "remembers by System V shared memory", "remembers by frames of its callers",
)  # fmt: skip
SOME_HONEST = ("logarithms of returns", "months by a clock", "a move in prices as a parameter")
SOME_STRANGERS = (
    "07_gap_held_confidence",
    "06_pivot_open_leg",
    "23_break_unset_memory",
    "48_inside_shared_base",
)
SLOW = {"no end", "no end against signals", "asleep", "a slow pattern", "threads without end"}
SOME_TESTS = (
    "ends with success in a test", "a conftest that turns outcomes", "a plugin by pytest.ini", "a report written by hand",
    "numbers gathered from the code", "a file outside is written",
)  # fmt: skip


def test_the_corpora_are_as_large_as_they_are_said_to_be() -> None:
    assert len(LEAKS) >= 80 and len({leak.name for leak in LEAKS}) == len(LEAKS)
    assert len(HONEST) >= 20 and len(ATTACKS) >= 100 and len(HOSTILE_TESTS) >= 30


@pytest.mark.parametrize("name", [*SOME_LEAKS[:3], *(pytest.param(n, marks=pytest.mark.long) for n in SOME_LEAKS[3:])])
def test_a_leak_is_refused(name: str, tmp_path: Path) -> None:
    (leak,) = [one for one in LEAKS if one.name == name]
    (row,) = running.run_leaks(tmp_path, FAST, leaks=[leak])
    assert row.good, row


@pytest.mark.parametrize("name", SOME_STRANGERS)
def test_what_somebody_wrote_who_had_not_read_the_gate(name: str, tmp_path: Path) -> None:
    (row,) = strangers.run_strangers(tmp_path, FAST, some=[name])
    assert row.good, row


@pytest.mark.long  # `test_contract.py` has an honest one too
@pytest.mark.parametrize("name", SOME_HONEST)
def test_an_honest_detector_is_not_refused(name: str, tmp_path: Path) -> None:
    (honest,) = [one for one in HONEST if one.name == name]
    (row,) = running.run_honest(tmp_path, FAST, honest=[honest])
    assert row.good, row


@pytest.mark.parametrize("form", ["bubblewrap", pytest.param("reduced", marks=pytest.mark.long)])
def test_attacks_do_not_get_through(form: str, tmp_path: Path) -> None:
    if form == "bubblewrap" and isolation() != form:
        pytest.skip("There is no bubblewrap here; the sandbox's own tests say so aloud.")
    quick = [attack for attack in ATTACKS if attack.name not in SLOW][:: 3 if form == "bubblewrap" else 6]
    rows = list(running.run_attacks(tmp_path, form, attacks=quick))
    assert len(rows) > 15 and [row for row in rows if not row.good] == []


@pytest.mark.long
def test_hostile_tests_are_not_taken_as_passed(tmp_path: Path) -> None:
    rows = list(running.run_hostile_tests(tmp_path, isolation(), names=SOME_TESTS))
    assert len(rows) == len(SOME_TESTS) and [row for row in rows if not row.good] == []
