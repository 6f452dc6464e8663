"""Cells that other programs have wrapped, and times that stand in several columns: laid bare before roles are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from services.candles import names
from services.candles.grid import Columns, Grid
from services.candles.numerals import is_empty

_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.0+)?)?(?:\s*[AaPp][Mm])?"
_ZONE: Final = r"(?:\s*(?:Z|[+-][0-9]{2}:?[0-9]{2}))?"
_SPAN: Final = rf"^(.*?{_CLOCK}{_ZONE})\s*(?:-|–|—|/|to|bis|until)\s*(?:.*\d{{4}}.*[ T])?({_CLOCK}{_ZONE})$"
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class _Wrapper:
    """`pattern` keeps its first group. `holds` looks at all of the cells where one alone says too little."""

    pattern: str
    sentence: str = ""
    holds: Callable[[Sequence[re.Match[str]]], bool] = lambda _: True


def _are_spans(found: Sequence[re.Match[str]]) -> bool:
    """`09:30-09:35` is a span, and `09:30-05:00` a time with its offset: only the ends of spans go on with the begins."""
    dated = all(re.search(r"\d{4}", m[0][m.end(1) : m.start(2)]) for m in found)
    ends = {m[2] for m in found}
    return dated or (len(ends) > 2 and len(ends) * 2 > len({m[1] for m in found}))


_WRAPPERS: Final = (
    _Wrapper(r'^="?([^"]*)"?$'),
    _Wrapper(r'^"([^"]*)"$'),
    _Wrapper(r"^'([^']*)'?$"),
    _Wrapper(r"^\\?/Date\((-?[0-9]+)(?:[+-][0-9]{4})?\)\\?/$"),
    _Wrapper(_SPAN, "The cells of {head} hold the begin and the end of a bar; the begin was taken.", _are_spans),
)


def laid_bare(grid: Grid) -> Grid:
    """The grid without wrappers round its cells, and with one column where year, month and day had one each."""
    if grid.typed or not grid.sample:
        return grid
    return _joined(_unwrapped(grid))


def _unwrapped(grid: Grid) -> Grid:
    chosen = {i: w for i in range(grid.width) if (w := _wrapper([row[i] for row in grid.sample])) is not None}
    if not chosen:
        return grid
    sample = tuple(
        tuple(re.sub(chosen[i].pattern, r"\1", cell).strip() if i in chosen else cell for i, cell in enumerate(row))
        for row in grid.sample
    )

    def load(wanted: Sequence[int]) -> Columns:
        columns = grid.load(wanted)
        bare = {i: _bare(c, chosen[i]) if i in chosen else c for i, c in columns.cells.items()}
        return replace(columns, cells=bare)

    notes = [w.sentence.format(head=grid.name(i)) for i, w in chosen.items() if w.sentence]
    return replace(grid, sample=sample, load=load, decided=(*grid.decided, *notes))


def _wrapper(cells: Sequence[str]) -> _Wrapper | None:
    filled = [c for c in cells if not is_empty(c)]
    for wrapper in _WRAPPERS:
        found = [m for c in filled if (m := re.match(wrapper.pattern, c))]
        if found and len(found) >= 0.8 * len(filled) and wrapper.holds(found):
            return wrapper
    return None


def _bare(column: Any, wrapper: _Wrapper) -> Any:
    if not pa.types.is_string(column.type):
        return column
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(column, wrapper.pattern, r"\1"))


def _joined(grid: Grid) -> Grid:
    """A last column `2024-03-04 09:30:00` where heads name a year, a month and a day."""
    by_word = {names.cleaned(h): i for i, heads in enumerate(grid.names) for h in heads}
    places = [by_word[p] for p in _PARTS if p in by_word]
    if not {"year", "month", "day"} <= set(by_word) or not _are_parts(grid, by_word):
        return grid
    heads = [grid.name(i) for i in places]

    def whole(cells: Sequence[str]) -> str:
        padded = [re.sub(r"\.0+$", "", c).rjust(2, "0") for c in cells]
        clock = ":".join([*padded[3:], "00", "00"][:3])
        return "-".join(padded[:3]) + (f" {clock}" if len(padded) > 3 else "")

    def load(wanted: Sequence[int]) -> Columns:
        own = [i for i in wanted if i < grid.width]
        columns = grid.load(list(dict.fromkeys([*own, *places])))
        if grid.width not in wanted:
            return columns
        return replace(columns, cells={**columns.cells, grid.width: _stamps([columns.cells[i] for i in places])})

    silent = tuple(() if i in places else n for i, n in enumerate(grid.names))
    return replace(
        grid,
        names=(*silent, ("time",)),
        load=load,
        sample=tuple((*row, whole([row[i] for i in places])) for row in grid.sample),
        decided=(*grid.decided, f"The time is {', '.join(heads[:-1])} and {heads[-1]} together."),
    )


def _are_parts(grid: Grid, by_word: dict[str, int]) -> bool:
    first = grid.sample[0]
    year, month, day = (re.sub(r"\.0+$", "", first[by_word[p]]) for p in _PARTS[:3])
    return bool(re.fullmatch(r"\d{4}", year) and re.fullmatch(r"\d{1,2}", month) and re.fullmatch(r"\d{1,2}", day))


def _stamps(parts: Sequence[Any]) -> Any:
    padded = [
        pc.utf8_lpad(pc.replace_substring_regex(pc.fill_null(pc.cast(p, pa.string()), ""), r"\.0+$", ""), 2, "0")
        for p in parts
    ]
    date = pc.binary_join_element_wise(*padded[:3], "-")
    if len(padded) == 3:
        return date
    clock = [*padded[3:], *[pa.scalar("00")] * (6 - len(padded))]
    return pc.binary_join_element_wise(date, pc.binary_join_element_wise(*clock, ":"), " ")
