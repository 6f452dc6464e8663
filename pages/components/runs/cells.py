"""The cells and lists that the drawings of executions take. No streamlit here."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Cell(TypedDict):
    """A cell of a table: its text `t`, and how it looks. `badge` is the colour of a badge, `color` that of a symbol."""

    t: str
    icon: NotRequired[str]
    color: NotRequired[str]
    badge: NotRequired[str]
    mono: NotRequired[bool]
    muted: NotRequired[bool]
    right: NotRequired[bool]
    long: NotRequired[bool]
    title: NotRequired[str | None]


class DiffFile(TypedDict):
    """A file of a diff; its lines are pairs of a kind ("@", "+", "-" or " ") and a text."""

    path: str
    note: str
    added: int
    removed: int
    lines: list[tuple[str, str]]
    tests: bool


class Point(TypedDict):
    """A checkpoint: when it was, in short and in full, and what was done or found."""

    color: str
    symbol: str
    text: str
    details: str | None
    time: str
    title: NotRequired[str]


class PointGroup(TypedDict):
    title: str
    items: list[Point]
