"""Prices told by the prices: the high is the highest of four columns, the low the lowest, and a bar opens where the
last one closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from services.candles.bars import Floats
from services.candles.grid import Grid
from services.candles.numerals import parse_numbers

_SURE_ROWS: Final = 20  # rows below which the heads of columns, or the usual order, say more than prices
_FEW_ROWS: Final = 8


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Columns of open, high, low, close, and of the volume where there is one."""

    prices: tuple[int, int, int, int]
    volume: int | None
    decided: tuple[str, ...]


def arrange(grid: Grid, places: Sequence[int], *, sure: bool, backwards: bool = False) -> Arrangement | None:
    """The roles of number columns by their values. `sure`: heads name other things, so only clear evidence counts.
    `backwards`: the newest row comes first."""
    if len(places) < 4:
        return None
    values = {i: _values(grid, i) for i in places}
    fits = []
    for offset in range(min(len(places) - 3, 3)):
        four = list(places[offset : offset + 4])
        found = _fit([values[i] for i in four], backwards)
        if found is not None and (not sure or (found.clear and len(grid.sample) >= _SURE_ROWS)):
            fits.append((found, four))
    if fits:  # a volume before the prices looks like a high; only the prices go on from bar to bar
        found, four = next((f for f in fits if f[0].clear), fits[0])
        o, h, low, c = (four[k] for k in found.order)
        return _with_volume(grid, places, values, (o, h, low, c), found)
    if sure:
        return None
    usual = (places[0], places[1], places[2], places[3])
    return Arrangement(usual, places[4] if len(places) > 4 else None, ())


def _values(grid: Grid, column: int) -> Floats:
    cells = pa.array([row[column].replace(",", ".") for row in grid.sample], type=pa.string())
    return parse_numbers(cells, ".")[0]


@dataclass(frozen=True, slots=True)
class _Fit:
    """`order` has the places of open, high, low, close among four columns."""

    order: tuple[int, int, int, int]
    clear: bool
    usual: bool


def _fit(four: Sequence[Floats], backwards: bool) -> _Fit | None:
    table = np.stack(four)
    table = table[:, ~np.isnan(table).any(axis=0)][:, :: -1 if backwards else 1]
    rows = table.shape[1]
    if not rows:
        return None
    slack = 1e-9 * np.abs(table).max(axis=0)
    tops = [k for k in range(4) if (table[k] + slack >= table.max(axis=0)).mean() >= 0.99]
    bottoms = [k for k in range(4) if (table[k] - slack <= table.min(axis=0)).mean() >= 0.99]
    if 1 in tops and 2 in bottoms:
        high, low = 1, 2
    elif tops and bottoms and (tops[0] != bottoms[0] or len(tops) > 1):
        high = tops[0]
        low = next((k for k in bottoms if k != high), -1)
        if low < 0:
            return None
    else:
        return None
    one, other = (k for k in range(4) if k not in (high, low))
    turned, certain = _turned(table[one], table[other], table[high] - table[low])
    order = (other, high, low, one) if turned else (one, high, low, other)
    return _Fit(order, certain and len(tops) == 1 and len(bottoms) == 1, order == (0, 1, 2, 3))


def _turned(one: Floats, other: Floats, size: Floats) -> tuple[bool, bool]:
    """Whether `other` is the open: bars, oldest first, open near the close before them. And whether the prices leave no
    doubt."""
    if len(one) < _FEW_ROWS:
        return False, False
    scale = float(np.mean(size)) or 1.0
    straight = np.median(np.abs(one[1:] - other[:-1])) / scale
    crossed = np.median(np.abs(other[1:] - one[:-1])) / scale
    if straight > 0.2 * crossed and crossed > 0.2 * straight:
        return False, False
    return bool(crossed < straight), True


def _with_volume(
    grid: Grid, places: Sequence[int], values: dict[int, Floats], prices: tuple[int, int, int, int], fit: _Fit
) -> Arrangement:
    rest = [i for i in places if i not in prices]
    after = [i for i in rest if i > max(prices)]
    low, high = values[prices[2]], values[prices[1]]
    inside = [i for i in after if len(low) >= 5 and bool(((values[i] >= low) & (values[i] <= high)).all())]
    candidates = [i for i in after if i not in inside] or [i for i in rest if i not in inside]
    decided = []
    if not fit.usual:
        said = ", ".join(grid.name(i) for i in prices)
        decided.append(f"Open, high, low and close were told by the prices themselves: {said}.")
    elif grid.has_header:
        decided.append("The heads of the columns are unknown; their roles were told by the prices.")
    return Arrangement(prices, candidates[0] if candidates else None, tuple(decided))
