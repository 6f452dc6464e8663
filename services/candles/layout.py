"""Where the table lies in a text file: its delimiter, its head, and the lines before and after that are no candles."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.candles import names
from services.candles.numerals import is_empty, is_number

HEAD_LINES: Final = 400
TAIL_LINES: Final = 60
_DIGITS: Final = re.compile(r"\d.*\d.*\d.*\d")
_PLACEHOLDER: Final = re.compile(r"(?:column|col|field|feld|spalte|var|v|x|f|c)?[ _.-]?\d+|unnamed: \d+", re.IGNORECASE)
_SUMMARY: Final = re.compile(
    r"(total|sum|summe|average|mean|source|quelle|note|disclaimer|©|copyright|end of|generated|exported|rows|mittelwert|"
    r"data (?:provided|from|source)|powered)", re.IGNORECASE,
)  # fmt: skip

Split = Callable[[str], list[str]]


def _by(delimiter: str) -> Split:
    return lambda line: next(iter(csv.reader([line], delimiter=delimiter, skipinitialspace=True)), [])


# by their names; the runs of blanks become tabs before the table is read
SPLITS: Final[dict[str, Split]] = {
    "\t": _by("\t"),
    ";": _by(";"),
    "|": _by("|"),
    ",": _by(","),
    "^": _by("^"),
    "~": _by("~"),
    "  ": lambda line: re.split(r"\s{2,}|\t", line.strip()),
    " ": str.split,
}
CALLED: Final = {
    "\t": "tab",
    ";": "semicolon",
    "|": "bar",
    ",": "comma",
    "^": "caret",
    "~": "tilde",
    "  ": "blanks",
    " ": "blanks",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """`first` and `last` are the 0-based lines of the first candle and of the last one counted from the end (0 is the
    last line). `names` as in Grid; `before` are lines above the head, `after` those below the candles."""

    delimiter: str
    width: int
    first: int
    names: tuple[tuple[str, ...], ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    header: str | None


def split_cells(line: str, delimiter: str) -> list[str]:
    """A line's cells, trimmed. A line whose quotes do not match is one cell."""
    try:
        return [cell.strip() for cell in SPLITS[delimiter](line)]
    except csv.Error:
        return [line]


def find_layout(head: Sequence[str], tail: Sequence[str]) -> Layout | None:
    """The layout of a file by its first and its last lines; None when no line looks like a candle."""
    best: tuple[int, str, int] = (0, ",", 0)
    for delimiter in SPLITS:
        rows = [split_cells(line, delimiter) for line in head]
        widths = Counter(_width(row) for row in rows if _is_candle(row))
        if widths:
            width, count = max(widths.items(), key=lambda item: (item[1], item[0]))
            best = max(best, (count, delimiter, width), key=lambda found: found[0])
    count, delimiter, width = best
    return _found(head, tail, delimiter, width) if count else _by_heads(head, tail)


def _by_heads(head: Sequence[str], tail: Sequence[str]) -> Layout | None:
    """A layout whose rows look like no candles, below a head that names prices; what is wrong is for others to say."""
    for delimiter in list(SPLITS)[:4]:
        rows = [split_cells(line, delimiter) for line in head]
        for i, row in enumerate(rows[:40]):
            prices = {names.role(cell) for cell in row} & {"open", "high", "low", "close"}
            if len(row) < 2 or not prices or any(is_number(cell) for cell in row):
                continue
            below = [(k, r) for k, r in enumerate(rows[i + 1 :], start=i + 1) if any(r)]
            if not below:
                return None
            width = max(len(row), Counter(len(r) for _, r in below).most_common(1)[0][0])
            fitted = _fitted(row, width)
            named = tuple((cell,) if cell else () for cell in fitted)
            return Layout(delimiter, width, below[0][0], named, tuple(x for x in head[:i] if x.strip()), (), head[i])
    return None


def _width(row: Sequence[str]) -> int:
    """The number of cells without one empty cell behind a last delimiter."""
    return len(row) - 1 if row and row[-1] == "" else len(row)


def _is_candle(row: Sequence[str]) -> bool:
    """Whether a row has what a candle has: a time and four prices, each of which may be missing."""
    numbers = sum(is_number(cell) for cell in row)
    empty = sum(is_empty(cell) for cell in row)
    dated = any(_DIGITS.search(cell) for cell in row)
    return dated and (numbers >= 4 or (numbers + empty >= 4 and numbers + empty < len(row)))


def _found(head: Sequence[str], tail: Sequence[str], delimiter: str, width: int) -> Layout:
    rows = [split_cells(line, delimiter) for line in head]
    first = next(i for i, row in enumerate(rows) if _is_candle(row))
    # an empty cell behind a last delimiter is a column of its own for the reader that follows
    wide = Counter(len(row) for row in rows[first:] if _is_candle(row) and _width(row) == width)
    width = max(wide, key=lambda n: (wide[n], n)) if wide else width
    heads = _head_rows(rows, first, width)
    main = max(heads, key=lambda i: _known(rows[i]), default=None)
    start = _after_head(rows, main, heads, first) if main is not None else first
    columns = [_fitted(rows[i], width) for i in sorted(heads, key=lambda i: i != main)]
    named = tuple(tuple(row[c] for row in columns if row[c]) for c in range(width))
    named = tuple(() for _ in named) if _are_placeholders(named) else named
    top = min(heads, default=start)
    before = tuple(line for line in head[:top] if line.strip())
    header = head[main] if main is not None else None
    return Layout(
        delimiter, width, start, named, before, _after(tail, delimiter, len(head) == len(tail), start), header
    )


def _known(row: Sequence[str]) -> int:
    return len({names.role(cell) for cell in row} - {None})


def _are_placeholders(named: Sequence[tuple[str, ...]]) -> bool:
    """Heads that name nothing: a spreadsheet's letters, or numbered columns."""
    heads = [heads[0] for heads in named if heads]
    letters = [chr(ord("A") + i) for i in range(len(heads))]
    return len(heads) >= 5 and (
        [h.upper() for h in heads] == letters or all(_PLACEHOLDER.fullmatch(head) for head in heads)
    )


def _head_rows(rows: Sequence[list[str]], first: int, width: int) -> list[int]:
    """The rows right above the candles that have the table's width and words in it, top down."""
    found: list[int] = []
    for i in range(first - 1, max(first - 8, -1), -1):
        row = rows[i]
        filled = [cell for cell in row if cell]
        if not filled:
            continue
        index_name = len(filled) == 1 and i == first - 1 and names.role(filled[0]) == "time"
        plausible = abs(_width(row) - width) <= 1 or (len(row) <= width and _known(row) >= 3) or index_name
        names_only = not any(is_number(cell) for cell in filled)
        if not (plausible and names_only and len(row) <= width + 1):
            if found:
                break
            continue
        found.insert(0, i)
    if found and not any(_known(rows[i]) >= 2 for i in found):  # words that no role is known for
        return found[-1:] if len([c for c in rows[found[-1]] if c]) >= 4 else []
    return found


def _after_head(rows: Sequence[list[str]], main: int, heads: Sequence[int], first: int) -> int:
    """The first row below the head: one that is no candle is for the checks to name and not to be passed over."""
    last = max(heads)
    for i in range(last + 1, first):
        if any(digit.isdigit() for cell in rows[i] for digit in cell):
            return i
    return first


def _fitted(row: list[str], width: int) -> list[str]:
    """A head's cells at their columns: pandas leaves the index without a name, others end with a delimiter."""
    if (
        len(row) == width - 1
        and row
        and (names.role(row[0]) or "time") not in ("time", "close_time", "symbol", "other")
    ):
        row = ["", *row]
    return [*row[:width], *[""] * (width - len(row))]


def _after(tail: Sequence[str], delimiter: str, whole: bool, start: int) -> tuple[str, ...]:
    """The last lines that are notes and sums: they begin with words, and hold no time and prices."""
    notes: list[str] = []
    lines = tail[start:] if whole else tail
    for line in reversed(lines):
        row = split_cells(line, delimiter)
        filled = [cell for cell in row if cell]
        if not filled:
            notes.append(line)
            continue
        words = bool(_SUMMARY.match(filled[0])) or sum(is_number(cell) for cell in filled) < 2
        if (_is_candle(row) and not _SUMMARY.match(filled[0])) or not words:
            break
        notes.append(line)
    while notes and not notes[-1].strip():
        notes.pop()
    return tuple(reversed(notes))
