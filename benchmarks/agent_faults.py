"""`python -m benchmarks.agent_faults`: what each answer of Claude's API comes to, by the real SDK and command line.

Runs the tests of the agent's faults against the stand-in API and prints their table: status, kind, decision, seconds
to the decision, requests, sentence.
"""

from __future__ import annotations

import os
import sys

import pytest

from services.settings import ROOT


def main() -> int:
    os.chdir(ROOT)
    return int(pytest.main(["-q", "-s", "--no-header", "tests/agents/claude/test_faults.py"]))


if __name__ == "__main__":
    sys.exit(main())
