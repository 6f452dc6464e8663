"""Proofs that a repository's tests ran to their end: a number, known to nobody before, written by each test's last line.

A test runs in a process with the code under test, which can bend everything there: end the process, patch pytest,
write a report of its own. So the app rewrites the file of tests before it is run: each test function ends with a call
that writes a number made for this run, in front of every `return` as well. A test counts as passed only when its
number arrived. The function also holds numbers that are never to arrive; whoever gathers numbers instead of running
the tests is found by them.
"""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from services.detectors.bundle import parsed

_SKIPS = {"skip", "skipif", "importorskip", "xfail", "skipTest", "SkipTest", "expectedFailure"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file of tests ready to run: its text, the numbers by test (`name` or `Class.name`), and the names it uses.

    `expected` are the tests that have to run (not those of a class that only others inherit from); `traps` are the
    numbers that never arrive from an honest run; `may_skip` says that the file speaks of skipping.
    """

    source: bytes
    proofs: dict[str, str]
    expected: frozenset[str]
    traps: frozenset[str]
    proof: str
    never: str
    may_skip: bool


@dataclass(frozen=True, slots=True)
class _Edit:
    line: int
    column: int  # in bytes, as ast counts
    text: str


def prepare(source: bytes) -> Prepared:
    """The file with proofs in each of its tests; SyntaxError or ValueError when it is no Python."""
    tree = parsed(source)
    proof, never = f"_proof_{secrets.token_hex(6)}", f"_never_{secrets.token_hex(6)}"
    edits: list[_Edit] = []
    proofs, expected, traps = dict[str, str](), set[str](), set[str]()
    for name, function, runs in _tests(tree.body, "", True):
        if runs:
            expected.add(name)
        number, trap = secrets.token_hex(16), secrets.token_hex(16)
        proofs[name] = number
        traps.add(trap)
        edits += _edits(function, f'{proof}("{number}"', f'{never} and {proof}("{trap}")')
    return Prepared(
        _apply(source, edits), proofs, frozenset(expected), frozenset(traps), proof, never, _speaks_of_skipping(tree)
    )


def _tests(body: list[ast.stmt], owner: str, runs: bool) -> Iterator[tuple[str, ast.FunctionDef, bool]]:
    """Each test function with its name, and whether pytest runs it where it stands."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield owner + node.name, node, runs
        elif isinstance(node, ast.ClassDef):
            here = runs and (node.name.startswith("Test") or _is_unittest(node))
            yield from _tests(node.body, f"{owner}{node.name}.", here)


def _is_unittest(node: ast.ClassDef) -> bool:
    return any(isinstance(b, ast.Attribute | ast.Name) and ast.unparse(b).endswith("TestCase") for b in node.bases)


def _speaks_of_skipping(tree: ast.AST) -> bool:
    return any(
        (isinstance(n, ast.Attribute) and n.attr in _SKIPS) or (isinstance(n, ast.Name) and n.id in _SKIPS)
        for n in ast.walk(tree)
    )


def _returns(function: ast.FunctionDef) -> Iterator[ast.Return]:
    """The returns of the function itself, not those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _edits(function: ast.FunctionDef, call: str, trap: str) -> list[_Edit]:
    last = function.body[-1]
    edits = []
    for node in _returns(function):
        if node.value is None:
            edits.append(_Edit(node.lineno, node.col_offset + len("return"), f" {call})"))
        else:
            edits.append(_Edit(node.lineno, node.col_offset + len("return"), f" {call}, ("))
            edits.append(_Edit(node.end_lineno or 0, node.end_col_offset or 0, "))"))
    if not isinstance(last, ast.Return):
        end_line, end_column = last.end_lineno or 0, last.end_col_offset or 0
        if last.lineno == function.lineno:  # all on one line
            edits.append(_Edit(end_line, end_column, f"; {trap}; {call})"))
        else:
            # A new line behind the last one, whose comment or semicolon may follow.
            edits.append(_Edit(end_line, -1, f"\n{' ' * function.body[0].col_offset}{trap}; {call})"))
    return edits


def _apply(source: bytes, edits: list[_Edit]) -> bytes:
    lines = source.replace(b"\r\n", b"\n").split(b"\n")
    # From the end, so that places before an edit stay; of two at one place the later one is inserted first.
    for edit in sorted(edits, key=lambda e: (e.line, e.column if e.column >= 0 else 1 << 30), reverse=True):
        line = lines[edit.line - 1]
        at = len(line) if edit.column < 0 else edit.column
        lines[edit.line - 1] = line[:at] + edit.text.encode() + line[at:]
    return b"\n".join(lines)
