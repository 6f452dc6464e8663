"""The line above a title: the way up as links, and buttons that copy ids and commits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

from pages.components.assets import Component, asset, component
from pages.components.links import open_link, target


class StepData(TypedDict):
    """`link` is an address of a screen; the last step, where one is, has none."""

    text: str
    link: str | None


class CopyData(TypedDict):
    """`name` says what it is, `text` is what goes to the clipboard, `shown` its beginning."""

    name: str
    text: str
    shown: str


class TrailData(TypedDict):
    steps: list[StepData]
    copies: list[CopyData]


_HERE: Final = Path(__file__).parent
_TRAIL: Component[TrailData] = component(
    "trail",
    TrailData,
    html='<div class="root"><div class="line"></div></div>',
    css=asset("shared.css", _HERE / "component.css"),
    js=asset("shared.js", _HERE / "component.js"),
    triggers=("open",),
)


def trail(
    steps: Sequence[tuple[str, str]], here: str, *, copies: Sequence[tuple[str, object]] = (), key: str = "trail"
) -> None:
    """Draws the way up, each step as (text, address), and where one is; goes to a step that was clicked.

    `copies` are (what it is, its value), for instance ("Commit", commit): those without a value are left out.
    """
    way: list[StepData] = [{"text": text, "link": link} for text, link in steps]
    data: TrailData = {
        "steps": [*way, {"text": here, "link": None}],
        "copies": [{"name": name, "text": str(text), "shown": str(text)[:7]} for name, text in copies if text],
    }
    opened = getattr(_TRAIL(data, key=key), "open", None)
    if isinstance(opened, str) and target(opened) is not None:
        open_link(opened)
