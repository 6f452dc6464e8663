"""What of a pattern repository belongs to one pattern: its module, what that imports, and its parameters.

Evidence about a detector is bound to `code_sha256` and the parameters, so a change to another pattern leaves it valid.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.detectors.types import check_pattern_type
from services.errors import DetectorError, RepositoryError

_DYNAMIC = {"importlib", "runpy", "pkgutil"}


def module_path(pattern_type: str) -> str:
    """The detector module's path in the repository."""
    return f"detectors/{check_pattern_type(pattern_type)}.py"


def tests_path(pattern_type: str) -> str:
    """The path of the pattern's own tests in the repository."""
    return f"tests/test_{check_pattern_type(pattern_type)}.py"


def owned_paths(pattern_type: str) -> tuple[str, ...]:
    """The files that a change for this pattern may touch."""
    name = check_pattern_type(pattern_type)
    return (f"detectors/{name}.py", f"params/{name}.json", tests_path(name))


def parsed(source: bytes | str) -> ast.Module:
    """The syntax tree of a file. SyntaxError or ValueError when it is no Python, or nested so deeply that nobody reads it."""
    try:
        return ast.parse(source)
    except (RecursionError, MemoryError) as error:
        raise SyntaxError("it is nested too deeply") from error


def patterns(root: Path) -> list[str]:
    """The pattern types that have a detector module: those in detectors/ that define SPEC, sorted."""
    found = []
    for file in sorted((root / "detectors").glob("*.py")):
        try:
            tree = parsed(file.read_bytes())
        except (SyntaxError, ValueError):
            continue
        targets = (t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets)
        if any(isinstance(t, ast.Name) and t.id == "SPEC" for t in targets):
            found.append(file.stem)
    return found


def _file_of(root: Path, module: str) -> Path | None:
    base = root.joinpath(*module.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.is_file():
            return file
    return None


def _absolute(module: str, is_package: bool, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _imports(module: str, file: Path, tree: ast.AST) -> Iterator[str]:
    """Names that may be modules: each imported module, each name imported from one, and their parent packages."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, file.name == "__init__.py", node)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in filter(None, names):
            parts = name.split(".")
            yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


def _is_dynamic(tree: ast.AST) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in {"__import__", "exec", "eval"}:
            return True
        if isinstance(node, ast.Import) and any(a.name.split(".")[0] in _DYNAMIC for a in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in _DYNAMIC and not node.level:
            return True
    return False


def code_files(root: Path, pattern_type: str) -> list[Path]:
    """The detector's module and the repository's own modules that it imports, directly or not, sorted.

    A module that imports by a computed name binds every Python file in the repository's detectors/.
    Raises DetectorError of kind missing, or crash when a file isn't Python.
    """
    root = root.resolve()
    start = root / module_path(pattern_type)
    if not start.is_file():
        raise DetectorError(f"The detector is missing: there is no {module_path(pattern_type)}.", kind="missing")
    waiting, seen = ["detectors", f"detectors.{pattern_type}"], dict[str, Path]()
    while waiting:
        module = waiting.pop()
        file = _file_of(root, module)
        if module in seen or file is None:
            continue
        seen[module] = file
        try:
            tree = parsed(file.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise DetectorError(unreadable(file.relative_to(root).as_posix(), error), kind="crash") from error
        if _is_dynamic(tree):
            return sorted({*seen.values(), *(root / "detectors").rglob("*.py")})
        waiting.extend(_imports(module, file, tree))
    return sorted(set(seen.values()))


def unreadable(name: str, error: SyntaxError | ValueError | RecursionError) -> str:
    """Says why a file of the repository is no Python, with its line where there is one."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{name} has a syntax error in line {error.lineno}: {error.msg}."
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{name} can't be read as Python: {reason}."


def code_sha256(root: Path, pattern_type: str) -> str:
    """The hash of the detector's code: of the paths and contents of `code_files`, without parameters."""
    root, total = root.resolve(), hashlib.sha256()
    for file in code_files(root, pattern_type):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def _params_file(root: Path, pattern_type: str) -> Path:
    return root / "params" / f"{check_pattern_type(pattern_type)}.json"


def read_params(root: Path, pattern_type: str) -> dict[str, Any] | None:
    """The adopted parameters, or None when the pattern hasn't been adopted. RepositoryError when they can't be read."""
    file = _params_file(root, pattern_type)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise RepositoryError(f"The parameters in params/{file.name} can't be read: {error}.") from error
    if not isinstance(values, dict):
        raise RepositoryError(f"The parameters in params/{file.name} are no table of names and values.")
    if not _can_be_kept(values):
        sentence = f"The parameters in params/{file.name} hold a number that is not finite, or half of a character."
        raise RepositoryError(sentence)
    return values


def _can_be_kept(values: Mapping[str, Any]) -> bool:
    """Whether a database takes them: no NaN, no infinity (1e400 reads as one), no zero character, no lone surrogate."""
    try:
        text = json.dumps(values, allow_nan=False, ensure_ascii=False)
        text.encode()
    except ValueError:
        return False
    return "\\u0000" not in text


def write_params(root: Path, pattern_type: str, params: Mapping[str, Any]) -> Path:
    """Write the parameters: keys sorted, one a line, replaced at once. The same values give the same bytes."""
    file = _params_file(root, pattern_type)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    temporary.write_text(json.dumps(dict(params), indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(temporary, file)
    return file
