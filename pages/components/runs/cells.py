"""The cells that the drawings of executions take. No streamlit here."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Cell(TypedDict):
    """A text with how it looks. `badge` and `color` are colours of the theme, `icon` is a Material symbol's name."""

    t: str
    icon: NotRequired[str]
    color: NotRequired[str]
    badge: NotRequired[str]
    mono: NotRequired[bool]
    muted: NotRequired[bool]
    right: NotRequired[bool]
    wide: NotRequired[bool]
    long: NotRequired[bool]
    title: NotRequired[str | None]
