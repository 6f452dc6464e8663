"""The columns of a list, each declared once: its cell in the table, its look, and what the CSV holds of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd
from streamlit.elements.lib.column_types import ColumnConfig

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """`shown` reads the table's cell, `raw` the CSV's; a column without one of them is left out there.

    `csv` is the heading in the CSV where that differs from the table's, `look` a configuration of `st.column_config`.
    """

    heading: str
    shown: Callable[[Row], Any] | None = None
    look: ColumnConfig | None = None
    raw: Callable[[Row], Any] | None = None
    csv: str | None = None


def table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    cells = {c.heading: [c.shown(row) for row in rows] for c in columns if c.shown is not None}
    return pd.DataFrame(cells, columns=list(cells))


def csv_frame(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as the CSV holds them: numbers as numbers, times as times."""
    cells = {c.csv or c.heading: [c.raw(row) for row in rows] for c in columns if c.raw is not None}
    return pd.DataFrame(cells, columns=list(cells))


def looks_of(columns: Sequence[Column[Any]]) -> dict[str, ColumnConfig | str | None]:
    """What `st.dataframe` takes as `column_config`."""
    return {c.heading: c.look for c in columns if c.shown is not None and c.look is not None}


def clicked_row(event: Any, count: int) -> int | None:
    """The row of the cell that was clicked in a table of `count` rows."""
    cells = event["selection"]["cells"]
    return int(cells[0][0]) if cells and cells[0][0] < count else None
