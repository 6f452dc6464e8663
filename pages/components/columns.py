"""The columns of a list as a table shows them: heading, cell and look. A list's CSV is `services/exports/sheets.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pandas as pd
from streamlit.elements.lib.column_types import ColumnConfig

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """`shown` reads the cell out of a row, `look` is a configuration of `st.column_config`."""

    heading: str
    shown: Callable[[Row], Any]
    look: ColumnConfig | None = None


def table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> pd.DataFrame:
    """The rows as the table shows them, in the same order."""
    cells = {c.heading: [c.shown(row) for row in rows] for c in columns}
    return pd.DataFrame(cells, columns=list(cells))


def looks_of(columns: Sequence[Column[Any]]) -> dict[str, ColumnConfig | str | None]:
    """What `st.dataframe` takes as `column_config`."""
    return {c.heading: c.look for c in columns if c.look is not None}


def clicked_row(event: Any, count: int) -> int | None:
    """The row of the cell that was clicked in a table of `count` rows."""
    cells = event["selection"]["cells"]
    return int(cells[0][0]) if cells and cells[0][0] < count else None
