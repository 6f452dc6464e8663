"""The drawings of an execution's screen, as one component. Text reaches the page by text nodes alone, never as markup."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from pages.components import looks
from pages.components.assets import asset
from pages.components.runs.cells import Cell

_HERE: Final = Path(__file__).parent
CSS: Final = asset("shared.css", "phases.css", _HERE / "component.css")
JS: Final = asset("shared.js", "timeline_text.js", "timeline_rows.js", "timeline_execution.js", _HERE / "component.js")
_EXECUTION = st.components.v2.component(
    "patterndesk_execution",
    html='<div class="root"></div>',
    css=CSS,
    js=JS,
)


def phases(run: Mapping[str, Any], *, key: str) -> None:
    """Five segments; the current one fills."""
    _draw({"kind": "phases", "run": dict(run), "looks": looks.FOR_COMPONENTS}, key)


def checkpoints(groups: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """Groups of a title and its items: color, symbol, text, details, time."""
    _draw({"kind": "checkpoints", "groups": list(groups)}, key)


def table(head: Sequence[Cell], rows: Sequence[Sequence[Cell]], *, label: str, key: str) -> None:
    """A table of cells that scrolls sideways inside itself where it is wider than its place."""
    _draw({"kind": "table", "head": list(head), "rows": [list(row) for row in rows], "label": label}, key)


def pick_table(
    head: Sequence[Cell], rows: Sequence[Sequence[Cell]], numbers: Sequence[int], *, chosen: int, label: str, key: str
) -> int | None:
    """A table whose rows can be chosen by a click or the keyboard; returns the number of the row chosen in this run."""
    data: dict[str, Any] = {"kind": "table", "head": list(head), "rows": [list(row) for row in rows], "label": label}
    data |= {"numbers": list(numbers), "chosen": chosen}
    picked = getattr(_EXECUTION(data=data, key=key, on_open_change=_nothing), "open", None)
    return next((number for number in numbers if number == picked), None)


def meter(label: str, value: str, fraction: float, *, color: str, key: str) -> None:
    """How much of something is used up, as a bar with words at both its ends."""
    _draw({"kind": "meter", "label": label, "value": value, "fraction": fraction, "color": color}, key)


def facts(rows: Sequence[tuple[str, Cell]], *, key: str, beside: bool = False) -> None:
    """Names at the left, values (badges too) at the right, or `beside` their names where there is much room."""
    _draw({"kind": "facts", "rows": [[name, value] for name, value in rows], "beside": beside}, key)


def diff(files: Sequence[Mapping[str, Any]], *, key: str) -> None:
    """The files with what was added and removed, then each one's coloured lines."""
    _draw({"kind": "diff", "files": list(files)}, key)


def text(content: str, *, label: str, key: str, follow: bool = False, wrap: bool = True, height: str = "30rem") -> None:
    """A text in its own scroller; `follow` keeps a reader who is at its end there while it grows."""
    data = {"kind": "text", "text": content, "label": label, "follow": follow, "wrap": wrap, "height": height}
    _draw(data, key)


def live_runs(runs: Sequence[Mapping[str, Any]], *, key: str) -> uuid.UUID | None:
    """Live executions as cards; returns the id of the one that was opened in this run, if any."""
    data = {"kind": "runs", "runs": list(runs), "looks": looks.FOR_COMPONENTS}
    opened = getattr(_EXECUTION(data=data, key=key, on_open_change=_nothing), "open", None)
    return next((uuid.UUID(run["id"]) for run in runs if run["id"] == opened), None)


def _draw(data: Mapping[str, Any], key: str) -> None:
    _EXECUTION(data=dict(data), key=key)


def _nothing() -> None:
    """Declares a trigger, so that it is always there to be read."""
