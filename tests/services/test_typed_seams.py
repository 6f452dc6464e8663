"""Dictionaries of anything are passed on only where JSON enters or leaves, and ever less of them elsewhere."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("services", "pages", "app.py", "migrations", "benchmarks")
STARTER = "services/detectors/starter/"  # the pattern repository's own code, whose contract is JSON

# Where JSON enters or leaves, or rows of any table do: the only modules in which such a dictionary is the right type.
CODECS = {
    "services/web/changes.py": "the object of a token",
    "services/codec.py": "our records",
    "services/approvals/approved.py": "approved evidence as it is stored",
    "services/database/rows.py": "parameters and rows of SQL",
    "services/deploys/vercel_api.py": "Vercel's answers",
    "services/agents/claude/process.py": "events of the agent's process",
    "services/agents/claude/runner.py": "events of the agent's SDK",
    "services/agents/claude/options.py": "settings of the agent's SDK",
    "services/agents/claude/guard.py": "tool calls of the agent's SDK",
    "services/agents/claude/results.py": "the JSON schema that the agent's API takes",
    "services/agents/claude/spend.py": "usage as the agent's API counts it",
    "services/detectors/runner.py": "requests and answers of the detector's process",
    "services/detectors/frames.py": "requests and answers of the detector's process",
    "services/detectors/outputs.py": "what a detector returns",
    "services/detectors/gate/prefixes.py": "what a detector returns",
    "services/detectors/sandbox.py": "requests and answers of the detector's process",
    "services/detectors/answers.py": "answers of the detector's process",
    "services/detectors/bundle.py": "parameter files",
    "services/detectors/inside_tests.py": "requests of the detector's process",
    "services/timeline/payloads.py": "payloads of messages",
    "services/signing_in.py": "claims of an identity provider",
    "services/logs.py": "events of the log",
    "services/candles/json_shapes.py": "candles as JSON files hold them",
    "services/notifications/sender.py": "jobs of the sender's process",
    "services/cli/common.py": "what --json prints",
    "services/cli/prune.py": "what --json prints",
    "services/jobs/specs.py": "specifications as their rows keep them",
    "services/cli/backup.py": "what --json prints",
    "services/cli/existing.py": "what --json prints",
    "services/cli/importing.py": "what --json prints",
    "services/cli/fetching.py": "what --json prints",
    "services/exports/sheets.py": "the form of a file as tokens and schedules keep it",
    "services/cli/data.py": "what --json prints",
    "services/cli/live_check.py": "what --json prints",
    "services/cli/recount.py": "what --json prints",
    "services/existing/reading.py": "messages as the existing system keeps them",
    "services/existing/desk.py": "messages as the existing system keeps them",
    "services/existing/making.py": "messages as the existing system keeps them",
    "services/existing/source.py": "rows of the existing system",
    "services/labels/rates.py": "rates as sessions and evaluations keep them",
    "services/candles/mapping.py": "mappings as datasets keep them",
    "pages/components/charts/base.py": "plotly's JSON",
    "services/judging/ops.py": "judgements as boards send them",
    "benchmarks/importing.py": "what its own processes print",
}
# What is left elsewhere. The numbers may fall, and whoever lets one fall lowers it here.
MOST = {"services": 21, "pages": 11, "app.py": 0, "benchmarks": 4}
# These have none, and stay so.
TYPED = (
    "services/worker",
    "services/actions",
    "services/executions",
    "services/prompts",
    "services/deployments",
    "services/deploys",
    "services/agents/",
)

_DICTIONARIES = frozenset({"dict", "Dict", "Mapping", "MutableMapping"})
_ANYTHING = frozenset({"Any", "object"})


def untyped(annotation: ast.expr | None, aliases: frozenset[str] = frozenset()) -> bool:
    """Whether a dictionary of anything stands anywhere in an annotation: dict[str, Any], Mapping[str, object], dict."""
    match annotation:
        case ast.Constant(value=str() as text):
            try:
                return untyped(ast.parse(text, mode="eval").body, aliases)
            except SyntaxError:  # a word of a Literal
                return False
        case ast.Name(id=name):
            return name in _DICTIONARIES | aliases
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Tuple(elts=[_, value])) if name in _DICTIONARIES:
            return (isinstance(value, ast.Name) and value.id in _ANYTHING) or untyped(value, aliases)
        case ast.Subscript(slice=inside):
            return untyped(inside, aliases)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return any(untyped(part, aliases) for part in parts)
        case ast.BinOp(left=left, right=right):
            return untyped(left, aliases) or untyped(right, aliases)
    return False


def aliases_of(tree: ast.Module) -> frozenset[str]:
    """Names that a module gives to such a dictionary, as in `Json = dict[str, Any]`."""
    return frozenset(
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and untyped(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    )


def functions(source: str) -> Iterator[tuple[str, bool]]:
    """Each function of a module by its name, and whether it takes or returns a dictionary of anything."""
    tree = ast.parse(source)
    aliases = aliases_of(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            annotations = [*(argument.annotation for argument in arguments), node.returns]
            yield node.name, any(untyped(annotation, aliases) for annotation in annotations)


def modules() -> Iterator[tuple[str, str]]:
    """Every module of the product by its path below the repository, with its source."""
    for place in SOURCES:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            name = file.relative_to(ROOT).as_posix()
            if not name.startswith(STARTER):
                yield name, file.read_text(encoding="utf-8")


def left(place: str) -> list[str]:
    """The functions with a dictionary of anything below a place outside the codecs, as module:function."""
    return [
        f"{name}:{function}"
        for name, source in modules()
        if name.startswith(place) and name not in CODECS
        for function, bad in functions(source)
        if bad
    ]


@pytest.mark.parametrize("place", SOURCES)
def test_nobody_passes_on_more_dictionaries_of_anything_than_before(place: str) -> None:
    found = left(place)
    assert len(found) <= MOST.get(place, 0), f"Give the new ones a record, or a place in a codec: {found}"


def test_the_worker_and_what_it_stands_on_pass_on_none() -> None:
    assert [one for place in TYPED for one in left(place)] == []


def test_each_codec_is_there() -> None:
    assert [name for name in CODECS if not (ROOT / name).is_file()] == []


def test_what_is_counted() -> None:
    source = """
Json = dict[str, Any]
def a(x: dict[str, Any]) -> None: ...
def b() -> list[Mapping[str, object]] | None: ...
def c(x: dict) -> None: ...
def d(x: "Json") -> None: ...
def e(x: dict[str, int]) -> Mapping[str, tuple[str, ...]]: ...
def f(x: dict[str, dict[str, Any]]) -> None: ...
def g(x: Literal["not a type"]) -> None: ...
def h(x: Callable[[dict[str, Any]], None]) -> None: ...
"""
    assert [name for name, bad in functions(source) if bad] == ["a", "b", "c", "d", "f", "h"]
