"""What counts as taking a test away."""

from __future__ import annotations

import pytest

from services.worker.own_tests import refusal

BEFORE = """
import pytest

def test_one():
    assert True

class TestMore:
    def test_two(self):
        assert True

def helper():
    pass
"""


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE, None),
        (BEFORE + "\ndef test_three():\n    assert True\n", None),
        (BEFORE.replace("assert True", "assert 1"), None),
        (BEFORE.replace("def helper", "def other"), None),
        (BEFORE.replace("test_one", "test_uno"), "takes away the test test_one;"),
        (BEFORE.replace("class TestMore", "class More"), "takes away the test TestMore::test_two;"),
        (None, "takes away the test TestMore::test_two and 1 more;"),
        ("not python (", "takes away the test TestMore::test_two and 1 more;"),
        (BEFORE.replace("def test_one", "@pytest.mark.skip\ndef test_one"), "skipped or expected to fail"),
        (BEFORE.replace("    assert True", "    pytest.skip('later')", 1), "skipped or expected to fail"),
        (BEFORE.replace("def test_one", "@pytest.mark.xfail\ndef test_one"), "skipped or expected to fail"),
    ],
)
def test_a_change_of_tests(after: str | None, said: str | None) -> None:
    found = refusal(BEFORE, after)
    assert (found is None) if said is None else (said in (found or "")), found


def test_a_pattern_without_tests_may_get_some() -> None:
    assert refusal(None, BEFORE) is None
