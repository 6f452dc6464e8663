"""The drawings of executions, as one component. Text reaches the page by text nodes alone, never as markup."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NotRequired, TypedDict

from pages.components import looks
from pages.components.assets import Component, asset, component
from pages.components.looks import LooksData
from pages.components.runs.cells import Cell, DiffFile, PointGroup, Ticking, TickingNotice
from services.timeline import LookJson, PhaseRun

_HERE: Final = Path(__file__).parent
CSS: Final = asset("shared.css", "phases.css", _HERE / "component.css")
JS: Final = asset("shared.js", "timeline_text.js", "timeline_rows.js", "timeline_execution.js", _HERE / "component.js")


class PhaseBarData(TypedDict):
    kind: Literal["phases"]
    run: PhaseRun
    looks: LooksData


class CheckpointsData(TypedDict):
    kind: Literal["checkpoints"]
    groups: list[PointGroup]


class TableData(TypedDict):
    """`numbers`, one a row, make its rows choosable; `chosen` is one of them."""

    kind: Literal["table"]
    head: list[Cell]
    rows: list[list[Cell]]
    label: str
    numbers: NotRequired[list[int]]
    chosen: NotRequired[int]


class MeterData(TypedDict):
    kind: Literal["meter"]
    label: str
    value: str
    fraction: float
    color: str


class NamedCellsData(TypedDict):
    kind: Literal["facts"]
    rows: list[tuple[str, Cell]]
    beside: bool


class DiffData(TypedDict):
    kind: Literal["diff"]
    files: list[DiffFile]


class TextData(TypedDict):
    kind: Literal["text"]
    text: str
    label: str
    follow: bool
    wrap: bool
    height: str


class RunCard(TypedDict):
    id: str
    name: str
    number: int
    look: LookJson
    facts: Ticking
    remark: Ticking | None
    percent: str
    phases: PhaseRun


class RunsData(TypedDict):
    kind: Literal["runs"]
    runs: list[RunCard]
    looks: LooksData


class DoingData(TypedDict):
    """What a run does now, how far it is and for how long, and what a reader should know beside it."""

    kind: Literal["doing"]
    task: str
    percent: str
    figures: Ticking
    notices: list[TickingNotice]


class LineData(TypedDict):
    kind: Literal["line"]
    text: Ticking


ExecutionData = (
    PhaseBarData
    | CheckpointsData
    | TableData
    | MeterData
    | NamedCellsData
    | DiffData
    | TextData
    | RunsData
    | DoingData
    | LineData
)
_EXECUTION: Component[ExecutionData] = component("execution", ExecutionData, css=CSS, js=JS, triggers=("open",))


def phases(run: PhaseRun, *, key: str) -> None:
    """Five segments; the current one fills."""
    _EXECUTION({"kind": "phases", "run": run, "looks": looks.FOR_COMPONENTS}, key=key)


def checkpoints(groups: Sequence[PointGroup], *, key: str) -> None:
    """Groups of a title and its items: color, symbol, text, details, time."""
    _EXECUTION({"kind": "checkpoints", "groups": list(groups)}, key=key)


def table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, label: str, key: str) -> None:
    """A table of cells that scrolls sideways inside itself where it is wider than its place."""
    _EXECUTION({"kind": "table", "head": list(head), "rows": [list(row) for row in rows], "label": label}, key=key)


def pick_table(
    head: Sequence[Cell], rows: Sequence[Sequence[Cell]], numbers: Sequence[int], *, chosen: int, label: str, key: str
) -> int | None:
    """A table whose rows can be chosen by a click or the keyboard; returns the number of the row chosen in this run."""
    data: TableData = {
        "kind": "table",
        "head": list(head),
        "rows": [list(row) for row in rows],
        "label": label,
        "numbers": list(numbers),
        "chosen": chosen,
    }
    picked = getattr(_EXECUTION(data, key=key), "open", None)
    return next((number for number in numbers if number == picked), None)


def meter(label: str, value: str, fraction: float, *, color: str, key: str) -> None:
    """How much of something is used up, as a bar with words at both its ends."""
    _EXECUTION({"kind": "meter", "label": label, "value": value, "fraction": fraction, "color": color}, key=key)


def facts(rows: Sequence[tuple[str, Cell]], *, key: str, beside: bool = False) -> None:
    """Names at the left, values (badges too) at the right, or `beside` their names where there is much room."""
    _EXECUTION({"kind": "facts", "rows": list(rows), "beside": beside}, key=key)


def diff(files: Sequence[DiffFile], *, key: str) -> None:
    """The files with what was added and removed, then each one's coloured lines."""
    _EXECUTION({"kind": "diff", "files": list(files)}, key=key)


def text(content: str, *, label: str, key: str, follow: bool = False, wrap: bool = True, height: str = "30rem") -> None:
    """A text in its own scroller; `follow` keeps a reader who is at its end there while it grows."""
    data: TextData = {"kind": "text", "text": content, "label": label, "follow": follow, "wrap": wrap, "height": height}
    _EXECUTION(data, key=key)


def live_runs(runs: Sequence[RunCard], *, key: str) -> uuid.UUID | None:
    """Live executions as cards; returns the id of the one that was opened in this run, if any."""
    data: RunsData = {"kind": "runs", "runs": list(runs), "looks": looks.FOR_COMPONENTS}
    opened = getattr(_EXECUTION(data, key=key), "open", None)
    return next((uuid.UUID(run["id"]) for run in runs if run["id"] == opened), None)


def doing(task: str, percent: str, figures: Ticking, notices: Sequence[TickingNotice], *, key: str) -> None:
    """The line under the phases, whose time the browser counts, and the notices below it."""
    _EXECUTION(
        {"kind": "doing", "task": task, "percent": percent, "figures": figures, "notices": list(notices)}, key=key
    )


def line(text: Ticking, *, key: str) -> None:
    """One muted line whose time the browser counts."""
    _EXECUTION({"kind": "line", "text": text}, key=key)
