"""How long each test took, as a table in Markdown: `--durations-table FILE`. Works with any number of processes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

COMPUTED = "computed_s"  # seconds of processor time of the test's own process and of children that it waited for
SLOWEST = 30


@dataclass
class Spent:
    """Of one test, in seconds: setup, call and teardown together."""

    took: float = 0.0
    computed: float = 0.0


@dataclass
class DurationsTable:
    """Collects the reports of a run, in the controller, and writes the table at its end."""

    path: Path
    tests: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        spent = self.tests[report.nodeid]
        spent.took += report.duration
        if report.when == "teardown":
            spent.computed = sum(float(str(v)) for name, v in report.user_properties if name == COMPUTED)

    def pytest_sessionfinish(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(table(self.tests))


def _processor_time() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


class Meter:
    """In each process: notes what it computed for a test."""

    began = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self.began = _processor_time()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.when == "teardown":
            item.user_properties.append((COMPUTED, f"{_processor_time() - self.began:.3f}"))
        return (yield)


def table(tests: dict[str, Spent]) -> str:
    """The slowest tests, and the sums by folder."""
    folders: dict[str, list[Spent]] = defaultdict(list)
    for nodeid, spent in tests.items():
        parts = nodeid.split("::", 1)[0].split("/")
        folders["/".join(parts[:2]) if len(parts) > 2 else parts[0]].append(spent)
    lines = ["| folder | tests | seconds | of these computed |", "| --- | --- | --- | --- |"]
    for name, all_spent in sorted(folders.items(), key=lambda pair: -sum(s.took for s in pair[1])):
        took, computed = sum(s.took for s in all_spent), sum(s.computed for s in all_spent)
        lines.append(f"| {name} | {len(all_spent)} | {took:.1f} | {computed:.1f} |")
    lines += ["", "| test | seconds | of these computed |", "| --- | --- | --- |"]
    for nodeid, spent in sorted(tests.items(), key=lambda pair: -pair[1].took)[:SLOWEST]:
        lines.append(f"| {nodeid.replace('|', '/')} | {spent.took:.1f} | {spent.computed:.1f} |")
    return "\n".join(lines) + "\n"
