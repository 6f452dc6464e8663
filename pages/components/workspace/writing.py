"""What helps with writing in the chat box: names after an @, and a draft that outlives a reload."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypedDict

from pages.components.assets import Component, asset, component


class WritingData(TypedDict):
    """`people` are the names that complete an @; `draft` is under what the browser keeps an unsent text."""

    people: list[str]
    draft: str


_HERE: Final = Path(__file__).parent
_WRITING: Component[WritingData] = component(
    "writing",
    WritingData,
    css=asset("shared.css", _HERE / "writing.css"),
    js=asset("shared.js", _HERE / "writing.js"),
)


def writing(workspace_id: uuid.UUID, person_id: uuid.UUID, people: Sequence[str]) -> None:
    """Attaches itself to the chat box of the page."""
    _WRITING({"people": list(people), "draft": f"patterndesk-draft-{person_id}-{workspace_id}"}, key="writing")
