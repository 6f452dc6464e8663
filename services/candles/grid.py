"""A file as a grid of cells, whatever it was: what the reading of each kind of file hands to the finding of roles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from services.candles.bars import Ints


@dataclass(frozen=True, slots=True)
class Columns:
    """Chosen columns of a grid by position, as Arrow arrays of equal length (text is trimmed; empty cells are "" or
    null), each row's 1-based number in the file, the rows that did not have the grid's number of cells, and lines of
    words between the rows (dividends, splits), which are no rows."""

    cells: Mapping[int, Any]
    rows: Ints
    ragged: Ints = field(default_factory=lambda: np.array([], dtype=np.int64))
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says of its candles outside the table, each as it stands there; None where it says nothing."""

    symbol: str | None = None
    timeframe: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table as found in a file.

    `names` holds each column's header cells (none without a header; several for headers of several rows). `sample` are
    some of the rows as text, in the order of the file. `load` reads whole columns by position. `typed` says that the
    cells are numbers and times already, not text.
    """

    kind: str
    names: tuple[tuple[str, ...], ...]
    sample: tuple[tuple[str, ...], ...]
    load: Callable[[Sequence[int]], Columns]
    facts: Facts = Facts()
    decided: tuple[str, ...] = ()
    typed: bool = False
    delimiter: str = ""

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def has_header(self) -> bool:
        return any(self.names)

    def name(self, position: int) -> str:
        """How people call a column: its header, else its place."""
        return next((n for n in self.names[position] if n), f"column {position + 1}")


def grid_of_arrays(
    kind: str,
    names: Sequence[tuple[str, ...]],
    arrays: Sequence[Any],
    *,
    first_row: int = 1,
    facts: Facts | None = None,
    decided: Sequence[str] = (),
    typed: bool = False,
) -> Grid:
    """A grid of Arrow arrays that are in memory already."""
    count = len(arrays[0]) if arrays else 0
    rows = np.arange(first_row, first_row + count, dtype=np.int64)
    shown = [*range(min(count, 200)), *range(max(200, count - 50), count)]
    picked = pa.array(shown, type=pa.int64())
    texts = [[_text(v) for v in a.take(picked).to_pylist()] for a in arrays]

    def load(wanted: Sequence[int]) -> Columns:
        return Columns({i: arrays[i] for i in wanted}, rows)

    sample = tuple(zip(*texts, strict=True)) if texts else ()
    return Grid(kind, tuple(names), sample, load, facts or Facts(), tuple(decided), typed)


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
