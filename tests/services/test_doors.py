"""Every status is written by its own function only: all modules of the services are searched for assignments and SQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {"status", "state"}

# The doors: module and function. Each checks its table, or writes what nobody may move but the room itself.
DOORS = {
    ("services/states.py", "move_session"),
    ("services/states.py", "move_sessions"),
    ("services/states.py", "move_version"),
    ("services/states.py", "move_correction"),
    ("services/states.py", "end_switch"),
    ("services/states.py", "move_corrections"),
    ("services/workspaces/changing.py", "move"),
    ("services/executions/ending.py", "set_status"),
    # A phase's message and a notice are records of their own room, and have no other writer.
    ("services/timeline/writing.py", "update_progress"),
    ("services/executions/ending.py", "fail_phase"),
    ("services/notifications/delivering.py", "end_try"),
    ("services/jobs/asking.py", "begin"),
    ("services/jobs/asking.py", "end"),
    ("services/timeline/writing.py", "update_answer"),
    ("services/questions/answering.py", "begin"),
    ("services/questions/answering.py", "end"),
}
# Attributes of this name that are no column: what an HTTP answer said.
OTHER = {"services/agents/claude/faults.py", "services/deploys/vercel_api.py", "services/detectors/runner.py"}
# Our tables alone: the engine's own (`engine.workflow_status`) is moved by services/database/queue.py.
_TABLES = "pattern_workspaces|pattern_sessions|claude_executions|feedback_items|detector_versions|workspace_messages|notifications|background_jobs|questions"
_SQL = re.compile(rf"\bUPDATE\s+(ONLY\s+)?({_TABLES})\b.*?\bSET\b(?P<set>.*?)(\bWHERE\b|\bFROM\b|$)", re.S | re.I)
_SETS = re.compile(r"(^|[,\s])(status|state)\s*=", re.I)


def writes(source: str) -> Iterator[tuple[int, str]]:
    """Where a module writes a status: the line and the function it stands in ("" outside of any)."""
    tree = ast.parse(source)
    yield from _in(tree, "")


def _in(node: ast.AST, function: str) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        inside = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if _writes(child):
            yield child.lineno, inside  # type: ignore[attr-defined]  # statements and expressions have a line
        if not isinstance(child, ast.JoinedStr):  # it was looked at as a whole
            yield from _in(child, inside)


def _writes(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(_is_column(target) for target in node.targets)
    if isinstance(node, ast.AugAssign | ast.AnnAssign):
        return _is_column(node.target)
    if isinstance(node, ast.For):
        return _is_column(node.target)
    if isinstance(node, ast.Call):
        return _sets(node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _in_sql(node.value)
    if isinstance(node, ast.JoinedStr):
        return _in_sql("".join(v.value if isinstance(v, ast.Constant) else " x " for v in node.values))
    return False


def _is_column(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_is_column(part) for part in target.elts)
    if isinstance(target, ast.Starred):
        return _is_column(target.value)
    return isinstance(target, ast.Attribute) and target.attr in COLUMNS


def _sets(call: ast.Call) -> bool:
    """`update(...).values(status=...)`, `.values({"status": ...})`, and `setattr(row, "status", ...)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "setattr":
        return len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value in COLUMNS
    if name != "values":
        return False
    keys = [k for a in call.args if isinstance(a, ast.Dict) for k in a.keys]
    named = {k.value for k in keys if isinstance(k, ast.Constant)} | {
        k.attr for k in keys if isinstance(k, ast.Attribute)
    }
    return bool(COLUMNS & (named | {keyword.arg for keyword in call.keywords}))


def _in_sql(text: str) -> bool:
    return any(_SETS.search(match["set"]) for match in _SQL.finditer(text))


def strangers() -> list[str]:
    found = []
    for path in sorted((ROOT / "services").rglob("*.py")):
        module = path.relative_to(ROOT).as_posix()
        if module in OTHER or module.startswith("services/detectors/starter/"):
            continue
        found += [f"{module}:{line} in {function or 'the module'}" for line, function in writes(path.read_text())
                  if (module, function) not in DOORS]  # fmt: skip
    return found


def test_every_status_is_written_by_its_door() -> None:
    assert strangers() == []


def test_every_door_is_still_there() -> None:
    there = {(m, f) for m in {m for m, _ in DOORS} for _, f in writes((ROOT / m).read_text())}
    assert there >= DOORS


@pytest.mark.parametrize(
    "planted",
    [
        "def f(row): row.status = 'failed'",
        "def f(item): item.state, item.reason = 'open', None",
        "def f(item): item.state: str = 'open'",
        "def f(item, rows):\n    for item.state in rows: pass",
        "def f(row): setattr(row, 'status', 'active')",
        "def f(s): s.execute(update(FeedbackItem).where(x).values(state='open', reason=None))",
        "def f(s): s.execute(update(FeedbackItem).values({FeedbackItem.state: 'open'}))",
        "def f(s): s.execute(update(FeedbackItem).values({'state': 'open'}))",
        "SQL = 'UPDATE pattern_sessions SET run_ms = 1, status = %(s)s WHERE id = %(id)s'",
        "SQL = f'UPDATE feedback_items f SET state = {word!r} WHERE f.id = 1'",
        "SQL = 'WITH a AS (UPDATE detector_versions SET status = 1 RETURNING id) SELECT 1'",
    ],
)
def test_a_write_beside_the_doors_is_seen(planted: str) -> None:
    assert len(list(writes(planted))) == 1


@pytest.mark.parametrize(
    "harmless",
    [
        "if row.status == 'failed' and item.state != 'open': pass",
        "made = PatternSession(status='running')",
        "row.deploy_status = 'ready'",
        "SQL = \"UPDATE claude_executions SET cost_usd = 1 WHERE status = 'running'\"",
        "SQL = \"SELECT status FROM pattern_sessions WHERE status = 'active'\"",
        "select(FeedbackItem).where(FeedbackItem.state == 'open')",
    ],
)
def test_reading_and_making_are_no_writes(harmless: str) -> None:
    assert list(writes(harmless)) == []
