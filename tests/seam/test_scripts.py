"""The unit tests of the scripts, run by node."""

from __future__ import annotations

from tests.support.node import ROOT, node


def test_the_scripts_pass_their_own_tests() -> None:
    files = sorted(path for folder in ("tests", "pages") for path in (ROOT / folder).rglob("*.test.mjs"))
    assert files
    ran = node("--test", *files)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
