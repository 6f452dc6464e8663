"""Changes one thing at a time in the modules that decide, and checks whether the narrowest tests of it fail.

`python -m tests.mutations` runs it over all rooms; `--only review` over one, `--cpu 600` ends it after so many seconds
of processor time, `--each 20` takes a seeded choice of so many mutants a room. It prints what survived. A mutant lives
in a forked process alone: nothing is written to the working tree. See "Mutations" in docs/testing.md.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.abc
import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATES, FEEDBACK, SESSIONS = (
    "tests/services/test_states.py",
    "tests/services/test_feedback.py",
    "tests/services/test_sessions.py",
)
ROOMS: dict[str, tuple[str, ...]] = {  # module, then its narrowest tests as pytest takes them
    "services.lifecycle": ("tests/services/test_lifecycle_tables.py", STATES),
    "services.rules": ("tests/services/test_rules.py",),
    "services.states": (STATES,),
    "services.detectors.scoring": ("tests/detectors/test_scoring.py",),
    "services.worker.decisions": ("tests/worker/test_decisions.py",),
    "services.review": ("tests/services/test_review.py",),
    "services.sessions.carrying": (SESSIONS, "-k", "retest or copy or copies"),
    "services.executions.settling": ("tests/services/test_settling.py",),
    "services.feedback.giving": (FEEDBACK,),
    "services.feedback.reading": (FEEDBACK, "tests/services/test_settling.py"),
}
PRELOADED = ("pytest", "hypothesis", "numpy", "pandas", "scipy.stats", "scipy.optimize", "scipy.sparse.csgraph",
             "sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "psycopg", "pydantic_settings", "structlog", "dbos",
             "pyarrow.parquet", "fsspec", "PIL.Image", "apprise")  # fmt: skip
LIMIT_S = 300  # of one mutant, by the clock
SWAPS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
SQL = (("<>", "="), (" IS NOT NULL", " IS NULL"), ("NOT IN", "IN"), (" DESC", " ASC"), ("NOT EXISTS", "EXISTS"))


@dataclass
class Outcome:
    """What became of the mutants of one module."""

    tried: int = 0
    survivors: list[str] = field(default_factory=list)
    cpu_s: float = 0.0


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """(what was changed, the module's new text), one for each place that can be changed."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            mutated = copy.deepcopy(tree)
            target = next(found for n, found in enumerate(ast.walk(mutated)) if n == number)
            change(target)
            text = ast.unparse(ast.fix_missing_locations(mutated))
            yield f"line {getattr(node, 'lineno', 0)}: {what}", text


def _changes(node: ast.AST) -> Iterator[tuple[str, object]]:  # the second one is called with the node's copy
    line = ast.unparse(node)[:70].replace("\n", " ") if isinstance(node, ast.expr | ast.stmt) else ""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield f"{line} turned", lambda n: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            yield f"{line} without part {i + 1}", lambda n, i=i: n.values.pop(i)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"{line} without not", lambda n: setattr(n, "op", ast.UAdd())
    elif isinstance(node, ast.If | ast.IfExp):
        yield f"if {ast.unparse(node.test)[:60]} always", lambda n: setattr(n, "test", ast.Constant(True))
        yield f"if {ast.unparse(node.test)[:60]} never", lambda n: setattr(n, "test", ast.Constant(False))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "where":
        for i in range(len(node.args) if len(node.args) > 1 else 0):
            yield f"where without {ast.unparse(node.args[i])[:60]}", lambda n, i=i: n.args.pop(i)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield f"{line} left out", lambda n: setattr(n, "value", ast.Constant(None))
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and not _is_text(node):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield f"{line} turned", lambda n: setattr(n, "op", other)
    elif isinstance(node, ast.Constant):
        yield from _constants(node)


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
        for n in ast.walk(node)
    )


def _constants(node: ast.Constant) -> Iterator[tuple[str, object]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} turned", lambda n: setattr(n, "value", not n.value)
    elif isinstance(value, int):
        yield f"{value} and one more", lambda n: setattr(n, "value", n.value + 1)
    elif isinstance(value, str) and "\n" not in value.strip()[:1]:
        for before, after in SQL:
            for place in range(value.count(before)):
                parts = value.split(before)
                new = before.join(parts[: place + 1]) + after + before.join(parts[place + 1 :])
                yield f"SQL{before} number {place + 1} as{after}", lambda n, new=new: setattr(n, "value", new)


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Gives one module with another text, and leaves every other one alone."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self.name, self.path, self.text = name, path, text

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:  # type: ignore[override]
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_filename(self, fullname: str) -> str:  # type: ignore[override]
        return str(self.path)

    def get_data(self, path: object) -> bytes:  # type: ignore[override]
        return self.text.encode()


class _Given:
    """Hands a server and a template to the fixtures, as xdist does to its workers."""

    def __init__(self, url: str, template: str) -> None:
        self.given = {"url": url, "template": template}

    def pytest_configure(self, config: object) -> None:
        config.workerinput = self.given  # type: ignore[attr-defined]


def _try(name: str, text: str, tests: Sequence[str], given: _Given) -> tuple[bool, float]:
    """Whether the tests pass on the mutant, in a process of its own, and the processor time it took."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 3
        try:
            quiet = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(quiet, stream)
            path = ROOT / (name.replace(".", "/") + ".py")
            sys.meta_path.insert(0, _Mutated(name, path, text))
            pytest = importlib.import_module("pytest")
            flags = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=1"]
            code = int(pytest.main([*flags, *tests], plugins=[given]))
        finally:
            os._exit(code)
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            return status == 0, used.ru_utime + used.ru_stime
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    _, _, used = os.wait4(child, 0)
    return False, used.ru_utime + used.ru_stime


_SERVER = """
import sys
from tests.conftest import Databases
made = Databases.prepare()
made.make_template()
print(made.url, made.template, flush=True)
sys.stdin.read()
made.finish()
"""


def run(rooms: Sequence[str], *, cpu_s: float, each: int, seed: int = 1) -> dict[str, Outcome]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None and server.stdin is not None
    outcomes: dict[str, Outcome] = {}
    try:
        url, template = server.stdout.readline().split()
        for module in PRELOADED:
            importlib.import_module(module)
        given, left = _Given(url, template), cpu_s
        for name in rooms:
            outcomes[name] = outcome = Outcome()
            source = (ROOT / (name.replace(".", "/") + ".py")).read_text()
            passes, used = _try(name, source, ROOMS[name], given)
            assert passes, f"the tests of {name} fail without any change"
            chosen = list(mutants(source))
            if len(chosen) > each:
                chosen = random.Random(seed).sample(chosen, each)
            for what, text in chosen:
                if left <= 0:
                    break
                passes, used = _try(name, text, ROOMS[name], given)
                outcome.tried, outcome.cpu_s, left = outcome.tried + 1, outcome.cpu_s + used, left - used
                if passes:
                    outcome.survivors.append(what)
                    print(f"  survived in {name}, {what}", flush=True)
            print(
                f"{name}: {outcome.tried} tried, {len(outcome.survivors)} survived, {outcome.cpu_s:.0f} s", flush=True
            )
    finally:
        server.stdin.close()
        server.wait(60)
    return outcomes


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default="", help="rooms whose name holds this")
    asked.add_argument("--cpu", type=float, default=900, help="seconds of processor time")
    asked.add_argument("--each", type=int, default=1000, help="mutants a room, by a seeded choice")
    options = asked.parse_args()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    run([room for room in ROOMS if options.only in room], cpu_s=options.cpu, each=options.each)


if __name__ == "__main__":
    main()
