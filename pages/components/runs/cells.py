"""The cells and lists that the drawings of executions take. No streamlit here."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Ticking(TypedDict):
    """A text around a time that the browser counts by itself: from `since` up, or down to `until`; none without both."""

    before: str
    since: str | None
    until: str | None
    after: str


class TickingNotice(TypedDict):
    color: str
    symbol: str
    text: Ticking


class Cell(TypedDict):
    """A cell of a table: its text `t`, and how it looks. `badge` is the colour of a badge, `color` that of a symbol.
    `since` makes the text a clock that the browser counts on."""

    t: str
    icon: NotRequired[str]
    color: NotRequired[str]
    badge: NotRequired[str]
    mono: NotRequired[bool]
    muted: NotRequired[bool]
    right: NotRequired[bool]
    long: NotRequired[bool]
    title: NotRequired[str | None]
    since: NotRequired[str]


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
