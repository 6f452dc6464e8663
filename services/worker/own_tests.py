"""What a change did to the pattern's own tests: an agent may add and change them, never take them away."""

from __future__ import annotations

import ast

from services.detectors.bundle import parsed

_SKIPS = {"skip", "skipif", "xfail", "importorskip"}


def tests_in(source: str) -> set[str]:
    """Names of the test functions and methods in a file, as pytest names them; empty when it is no Python."""
    try:
        tree = parsed(source)
    except (SyntaxError, ValueError):
        return set()
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            names |= {
                f"{node.name}::{inner.name}"
                for inner in node.body
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name.startswith("test")
            }
    return names


def skips_in(source: str) -> int:
    """How often a file says that a test is to be skipped or may fail."""
    try:
        tree = parsed(source)
    except (SyntaxError, ValueError):
        return 0
    return sum(
        (isinstance(node, ast.Attribute) and node.attr in _SKIPS) or (isinstance(node, ast.Name) and node.id in _SKIPS)
        for node in ast.walk(tree)
    )


def refusal(before: str | None, after: str | None) -> str | None:
    """Why a change of a file of tests is refused, as a sentence; None when nothing was taken away."""
    if before is None:
        return None
    gone = sorted(tests_in(before) - tests_in(after or ""))
    if gone:
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        return f"The change takes away the test {gone[0]}{more}; tests may be added or changed, not removed."
    if skips_in(after or "") > skips_in(before):
        return "The change has tests skipped or expected to fail; they have to run."
    return None
