"""The rows of a list: a table where there is room, and cards on a phone, from the same columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypedDict, TypeVar

import streamlit as st

from pages.components import looks
from pages.components.assets import Component, asset, component
from pages.components.columns import Column, clicked_row, looks_of, table
from pages.components.looks import Look

Row = TypeVar("Row")
_NARROW: Final = "narrow"
_HERE: Final = Path(__file__).parent
# The states that columns show as badges, by what people read.
_BADGES: Final[dict[str, Look]] = {
    look.label: look
    for known in (looks.FEEDBACK_STATES, looks.VERDICTS, looks.SESSIONS, looks.EXECUTIONS, looks.STATUSES)
    for look in known.values()
}


class RowBadge(TypedDict):
    color: str
    label: str


class RowCard(TypedDict):
    """A row as a card: its title, its states, and what else it holds by the columns' headings."""

    title: str
    badges: list[RowBadge]
    facts: list[tuple[str, str]]


class RowsData(TypedDict):
    cards: list[RowCard]
    label: str
    ticked: list[int] | None  # None where rows can't be ticked


_ROWS: Component[RowsData] = component(
    "rows",
    RowsData,
    css=asset("shared.css", _HERE / "component.css"),
    js=asset("shared.js", _HERE / "component.js"),
    triggers=("open", "tick"),
)


def is_narrow() -> bool:
    """Whether the reader's window is as narrow as a phone; the commands' component says so."""
    return bool(st.session_state.get(_NARROW, False))


def set_narrow(narrow: bool) -> None:
    st.session_state[_NARROW] = narrow


def rows_table(
    columns: Sequence[Column[Row]],
    rows: Sequence[Row],
    *,
    key: str,
    label: str,
    titles: int = 1,
    row_height: int = 32,
    most: int = 680,
    selection: Literal["single-cell", "multi-row"] = "single-cell",
) -> tuple[int | None, list[int]]:
    """Draws the rows; returns the one that was opened by a click, and those that are ticked.

    On a phone they are cards, `titles` columns of which make the title, with a box to tick where rows can be ticked.
    """
    if is_narrow():
        cards = [card(columns, row, titles) for row in rows]
        return _cards(cards, rows, key=key, label=label, tickable=selection == "multi-row")
    event: Any = st.dataframe(
        table(columns, rows),
        column_config=looks_of(columns),
        hide_index=True,
        row_height=row_height,
        on_select="rerun",
        selection_mode="single-cell" if selection == "single-cell" else ["multi-row", "single-cell"],
        key=key,
        alt=label,
        height=min(row_height * (len(rows) + 1) + 5, most),
    )
    ticked = [at for at in event["selection"].get("rows", ()) if at < len(rows)]
    return clicked_row(event, len(rows)), ticked


def _cards(
    cards: list[RowCard], rows: Sequence[Any], *, key: str, label: str, tickable: bool
) -> tuple[int | None, list[int]]:
    """Ticks are kept by the rows' ids, so that they stay with their rows when the list moves under them."""
    held = f"{key}-ticked"
    ids = [getattr(row, "id", None) for row in rows]

    def tick() -> None:
        sent = getattr(st.session_state.get(key), "tick", None)
        if isinstance(sent, list):
            st.session_state[held] = [ids[at] for at in sent if isinstance(at, int) and 0 <= at < len(ids)]

    kept = st.session_state.get(held, ()) if tickable else ()
    ticked = [at for at, one in enumerate(ids) if one in kept]
    data: RowsData = {"cards": cards, "label": label, "ticked": ticked if tickable else None}
    opened = getattr(_ROWS(data, key=key, on={"tick": tick}), "open", None)
    return (opened if isinstance(opened, int) and 0 <= opened < len(rows) else None), ticked


def card(columns: Sequence[Column[Row]], row: Row, titles: int) -> RowCard:
    """One row as a card; what is missing is left out."""
    shown = [(column, column.shown(row)) for column in columns if column.shown is not None]
    made: RowCard = {"title": " · ".join(str(value) for _, value in shown[:titles]), "badges": [], "facts": []}
    for column, value in shown[titles:]:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            made["badges"] += [badge(each) for each in value]
        elif not isinstance(value, list) and value not in (None, "", looks.MISSING):
            made["facts"].append((column.heading, text(column, value)))
    return made


def badge(label: str) -> RowBadge:
    return {"color": _BADGES[label].color if label in _BADGES else "gray", "label": label}


def text(column: Column[Any], value: Any) -> str:
    """A cell as text: numbers with their thousands, shares of a progress column in percent."""
    if isinstance(value, float):
        look: Any = column.look or {}
        progress = (look.get("type_config") or {}).get("type") == "progress"
        return f"{value:.0f}%" if progress else f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
