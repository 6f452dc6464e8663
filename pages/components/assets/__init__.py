"""Our own components: their stylesheets and scripts, read once, and the one door by which they are registered. This
folder holds what several components share; what one alone needs stands beside the Python that mounts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import streamlit as st

_HERE = Path(__file__).parent
Data = TypeVar("Data")


@dataclass(frozen=True, slots=True)
class Component(Generic[Data]):
    """A component of ours. `data_type` is the TypedDict, or the union of several, that its script reads."""

    name: str
    data_type: Any
    triggers: Sequence[str]
    mounted: Any

    def __call__(self, data: Data, *, key: str, on: Mapping[str, Callable[[], None]] | None = None) -> Any:
        """Draws it. The result has an attribute for each trigger: what the browser sent in this run, or None.

        A trigger's function in `on` is called before the run that it begins; there `st.session_state[key]` has what was sent.
        """
        declared: Mapping[str, Any] = {
            f"on_{trigger}_change": (on or {}).get(trigger, _nothing) for trigger in self.triggers
        }
        return self.mounted(data=data, key=key, **declared)


REGISTERED: Final[dict[str, Component[Any]]] = {}


def component(
    name: str,
    data_type: Any,
    *,
    js: str,
    css: str,
    html: str = '<div class="root"></div>',
    triggers: Sequence[str] = (),
) -> Component[Any]:
    """Registers a component. `tools.seam` makes the browser's types from `data_type`, which a test compares."""
    mounted = st.components.v2.component(f"patterndesk_{name}", html=html, css=css, js=js)
    made: Component[Any] = Component(name, data_type, tuple(triggers), mounted)
    REGISTERED[name] = made
    return made


def asset(*files: str | Path) -> str:
    """The files joined, in this order; a component's script is one module. A name is a file of this folder."""
    paths = (_HERE / file if isinstance(file, str) else file for file in files)
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _nothing() -> None:
    """Declares a trigger, so that it is always there to be read."""
