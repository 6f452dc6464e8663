"""How the tests themselves are laid out."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def imports(path: Path) -> set[str]:
    """Every module that a file imports, with the names it takes: `a.b` and `a.b.c` for `from a.b import c`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def is_test_module(name: str) -> bool:
    parts = name.split(".")
    return parts[0] == "tests" and any(part.startswith("test_") for part in parts)


def test_no_file_imports_from_a_test_module() -> None:
    """What several tests need lives in `tests/support` or in a conftest."""
    files = list(HERE.rglob("*.py"))
    taken = {path.relative_to(HERE).as_posix(): sorted(filter(is_test_module, imports(path))) for path in files}
    assert len(files) > 50
    assert {file: names for file, names in taken.items() if names} == {}


def test_the_rule_sees_both_ways_to_import(tmp_path: Path) -> None:
    file = tmp_path / "file.py"
    file.write_text(
        "import tests.worker.test_loop\nfrom tests.worker import test_deploys\nfrom tests.support import soak\n"
    )
    assert sorted(filter(is_test_module, imports(file))) == ["tests.worker.test_deploys", "tests.worker.test_loop"]
