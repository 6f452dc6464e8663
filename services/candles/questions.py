"""What a file leaves open: a refusal that an answer can lift, and rows that a person may leave out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from services.candles.bars import Ints, Mask, rows_text
from services.errors import InvalidInput


class Question(InvalidInput):
    """A file that could be read if one thing were known. `asks` is tz, date_order, decimal, columns, symbol or
    timeframe; `options` are answers to choose from, the likelier ones first."""

    def __init__(self, sentence: str, *, asks: str, options: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.asks = asks
        self.options = options


class BadRows(InvalidInput):
    """Rows that can't be used, among others that can: `listed` are (row, reason), `count` is that of all of them."""

    def __init__(self, sentence: str, *, listed: list[tuple[int, str]], count: int) -> None:
        super().__init__(sentence)
        self.listed = listed
        self.count = count


MAX_LISTED = 200


@dataclass
class Faults:
    """What is wrong with rows, by reason. `rows` are the 1-based rows of the file; the masks have their length."""

    rows: Ints
    found: list[tuple[str, Mask]] = field(default_factory=list)

    def add(self, reason: str, where: Mask) -> None:
        if where.any():
            self.found.append((reason, where))

    @property
    def mask(self) -> Mask:
        everywhere = np.zeros(len(self.rows), dtype=np.bool_)
        for _, where in self.found:
            everywhere |= where
        return everywhere

    def listed(self) -> list[tuple[int, str]]:
        """(row, reason), by row; at most MAX_LISTED."""
        pairs = [
            (int(row), reason)
            for reason, where in self.found
            for row in np.sort(self.rows[where])[:MAX_LISTED].tolist()
        ]
        return sorted(pairs)[:MAX_LISTED]

    def sentence(self) -> str:
        return "; ".join(f"{reason} in {rows_text(np.sort(self.rows[where]))}" for reason, where in self.found)


def refuse(faults: Faults) -> BadRows:
    """The refusal of rows, as one sentence that names the first of each kind."""
    return BadRows(
        f"These candles cannot be used: {faults.sentence()}.", listed=faults.listed(), count=int(faults.mask.sum())
    )
