"""How a person says that a file is to be read, and what makes two files of one shape."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.candles.grid import Grid
from services.candles.orders import ORDERS
from services.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Reading:
    """A person's answers: `columns` from role to the head or 1-based place of a column, the order of day and month
    (dmy, mdy, ymd), the decimal sign, and the zone of times without one. None leaves it to the file."""

    columns: Mapping[str, str] = field(default_factory=dict)
    date_order: str | None = None
    decimal: str | None = None
    tz: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"columns": dict(self.columns), "date_order": self.date_order, "decimal": self.decimal, "tz": self.tz}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reading:
        """What `as_json` gave; unknown and wrong entries are passed over."""
        columns = value.get("columns")
        order, decimal, tz = value.get("date_order"), value.get("decimal"), value.get("tz")
        return cls(
            {str(k): str(v) for k, v in columns.items()} if isinstance(columns, dict) else {},
            order if order in ORDERS else None,
            decimal if decimal in (".", ",") else None,
            tz if isinstance(tz, str) else None,
        )


def column_pairs(pairs: list[str]) -> dict[str, str]:
    """`["open=First", "volume=7"]` as a mapping. Raises InvalidInput."""
    found: dict[str, str] = {}
    for pair in pairs:
        role, equals, column = pair.partition("=")
        if not equals or not column.strip():
            raise InvalidInput(f'"{pair[:60]}" is no mapping; write it as role=column, for example open=Price.')
        found[role.strip().lower()] = column.strip()
    return found


def shape_of(grid: Grid) -> str:
    """A hash of what files of one kind have in common: the kind of file, the delimiter and the heads of the columns."""
    heads = [[n.strip().lower() for n in names[:1]] for names in grid.names]
    text = json.dumps([grid.kind, grid.delimiter, heads])
    return hashlib.sha256(text.encode()).hexdigest()
