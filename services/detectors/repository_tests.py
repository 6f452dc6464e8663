"""The pattern repository's own tests, run in the sandbox, with a result that code under test can't forge.

Each file runs in a process of its own over a copy of the repository. What pytest says there is shown; what counts is
decided here, by the proofs that arrived (`proofs.py`).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.detectors.answers import Answer, read_value
from services.detectors.bundle import unreadable
from services.detectors.proofs import Prepared, prepare
from services.detectors.sandbox import Cancel, Limits, Worker, check_pattern_type
from services.errors import DetectorError

TEST_LIMITS = Limits(wall_s=120.0, cpu_s=120, memory_mb=2048, output_mb=16)
_MAX_TOLD = 20_000  # tests of one file


@dataclass(frozen=True, slots=True)
class TestReport:
    """What the repository's tests came to; `output` is pytest's by file and, at its end, what was not believed."""

    __test__ = False

    passed: bool
    total: int
    failed: int
    duration_s: float
    output: str


@dataclass(frozen=True, slots=True)
class _FileResult:
    total: int
    failed: int
    output: str
    doubt: str  # why the result isn't believed, a sentence


def run_tests(
    root: Path,
    pattern_type: str | None = None,
    *,
    limits: Limits | None = None,
    form: str | None = None,
    cancelled: Cancel | None = None,
) -> TestReport:
    """The repository's tests (or those of one pattern) by pytest, in the sandbox.

    Tests that time out, crash, forge their result or aren't there are a report that didn't pass, not an error.
    """
    started = time.monotonic()
    if pattern_type is None:
        files, missing = sorted(root.glob("tests/**/test_*.py")), "tests"
    else:
        missing = f"tests/test_{check_pattern_type(pattern_type)}.py"
        files = [root / missing] if (root / missing).is_file() else []
    if not files:
        return TestReport(False, 0, 0, 0.0, f"There is no {missing} in the pattern repository.")
    with Worker(root, limits=limits or TEST_LIMITS, form=form, for_tests=True) as worker:
        results = [_run_file(worker, root, file, cancelled) for file in files]
    total, failed = sum(r.total for r in results), sum(r.failed for r in results)
    doubts = [r.doubt for r in results if r.doubt]
    output = "\n".join(filter(None, [*(r.output.rstrip() for r in results), *doubts]))
    passed = failed == 0 and total > 0 and not doubts
    return TestReport(passed, total, failed, time.monotonic() - started, output)


def _run_file(worker: Worker, root: Path, file: Path, cancelled: Cancel | None) -> _FileResult:
    name = file.relative_to(root).as_posix()
    try:
        prepared = prepare(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        return _FileResult(1, 1, unreadable(name, error), "")
    header = {"file": name, "proof": prepared.proof, "never": prepared.never}
    try:
        answer = worker.request("test", header, prepared.source, cancelled=cancelled)
        told = _told(read_value(answer.body))
    except DetectorError as error:
        count = max(1, len(prepared.proofs))
        return _FileResult(count, count, f"{name}: {error}\n{error.log}".rstrip(), "")
    return _judge(name, prepared, answer, told)


def _told(value: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Outcomes and functions by test, as the process under test tells them."""
    if isinstance(value, dict):
        outcomes, functions = value.get("outcomes"), value.get("functions")
        if isinstance(outcomes, dict) and isinstance(functions, dict) and len(outcomes) + len(functions) < _MAX_TOLD:
            return {k: str(v) for k, v in outcomes.items()}, {k: str(v) for k, v in functions.items()}
    raise DetectorError("The tests' report can't be used: it was replaced.", kind="rubbish")


def _judge(name: str, prepared: Prepared, answer: Answer, told: tuple[dict[str, str], dict[str, str]]) -> _FileResult:
    """What the proofs say of each test, against what was told."""
    outcomes, functions = told
    arrived = Counter(answer.proofs.decode("ascii", "replace").split())
    failed = {test for test, outcome in outcomes.items() if outcome not in ("passed", "skipped")}
    skipped = {test for test, outcome in outcomes.items() if outcome == "skipped"}
    ran = Counter(functions.get(test, "") for test, outcome in outcomes.items() if outcome == "passed")
    unproven = [
        test
        for test, number in prepared.proofs.items()
        if arrived[number] < max(1 if test in prepared.expected else 0, ran[test])
    ]
    excused = {functions.get(test, "") for test in failed} | ({functions.get(t, "") for t in skipped})
    doubt = ""
    if any(arrived[trap] for trap in prepared.traps):
        doubt = f"The result of {name} was forged: it holds a number that no test writes."
    elif skipped and not prepared.may_skip:
        doubt = f"In {name} a test was skipped from outside of its file."
    elif missing := [test for test in unproven if test not in excused]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        doubt = f"In {name} the test {missing[0]}{more} did not run to its end, whatever was reported."
    elif strange := [
        test for test, outcome in outcomes.items() if outcome == "passed" and _unknown(functions.get(test), prepared)
    ]:
        doubt = f"In {name} the test {strange[0][-80:]} is not written in the file."
    total = len(outcomes) or len(prepared.proofs)
    return _FileResult(total, len(failed), answer.log, doubt)


def _unknown(function: str | None, prepared: Prepared) -> bool:
    return function not in prepared.proofs
