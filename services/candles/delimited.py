"""Text with delimiters, or columns of fixed width, as a grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from services.candles import notes
from services.candles.bars import Ints
from services.candles.grid import Columns, Grid
from services.candles.layout import CALLED, HEAD_LINES, TAIL_LINES, Layout, find_layout, split_cells
from services.candles.numerals import is_number
from services.candles.opening import MAX_ROWS, too_many_rows
from services.errors import InvalidInput

NO_TABLE: Final = (
    "The file is not a table of candles: no row in it has a time and four prices. Give a file with the columns time, "
    "open, high, low and close."
)
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_BLANK: Final = re.compile(rb"\n[ \t]*(?=\n)")
_REMARK: Final = re.compile(rb"(?:\A|\n)[ \t]*(?:#|//)")


def read_delimited(data: bytes) -> Grid:
    """A grid of UTF-8 text. Raises InvalidInput when no line looks like a candle, or when there are too many."""
    count = data.count(b"\n")
    if count > MAX_ROWS + HEAD_LINES:
        raise too_many_rows(count)
    head = _lines(data[: _upto(data, HEAD_LINES)])
    tail = _lines(data[_last(data, TAIL_LINES) :]) if count > HEAD_LINES else head
    remarks = [line for line in head if _is_remark(line)]
    layout = find_layout([_unremarked(line) for line in head], ["" if _is_remark(line) else line for line in tail])
    if layout is None:
        raise InvalidInput("The file has a header but no candles." if _only_head(head) else NO_TABLE)
    candles = count - layout.first - len(layout.after)
    if candles > MAX_ROWS:
        raise too_many_rows(candles)
    facts = notes.facts_in([*layout.before, *remarks])
    reader = _Reader(data, layout, count)
    sample = reader.sample(head, tail)
    return Grid(
        "text",
        layout.names,
        sample,
        reader.load,
        notes.with_heads(facts, layout.names),
        tuple(_decided(layout)),
        delimiter=layout.delimiter,
    )


def _decided(layout: Layout) -> list[str]:
    decided = [
        f"The columns are divided by {CALLED[layout.delimiter]}s."
        if layout.delimiter.strip() or layout.delimiter == "\t"
        else "The columns are divided by blanks."
    ]
    if layout.before:
        decided.append(f"{_some(layout.before, 'first')} {'is' if len(layout.before) == 1 else 'are'} left out.")
    if layout.after:
        decided.append(f"{_some(layout.after, 'last')} {'is' if len(layout.after) == 1 else 'are'} left out.")
    if not any(layout.names):
        decided.append("The file has no header; its columns were told by their content.")
    return decided


def _some(lines: Sequence[str], which: str) -> str:
    filled = [line.strip() for line in lines if line.strip()]
    what = f"The {which} line" if len(filled) == 1 else f"The {which} {len(filled)} lines"
    return f"{what}, which {'is' if len(filled) == 1 else 'are'} no candles (“{filled[0][:60]}”),"


def _only_head(head: Sequence[str]) -> bool:
    from services.candles import names

    return any(
        len({names.role(c) for c in split_cells(line, d)} & {"open", "high", "low", "close"}) >= 3
        for line in head
        for d in (",", ";", "\t", "|")
    )


def _is_remark(line: str) -> bool:
    return line.lstrip().startswith(("#", "//"))


def _unremarked(line: str) -> str:
    """Heads are remarks in some files (`# time, open, …`); other remarks are no rows."""
    return line.lstrip().lstrip("#/").strip() if _is_remark(line) else line


def _upto(data: bytes, lines: int) -> int:
    at = -1
    for _ in range(lines):
        found = data.find(b"\n", at + 1)
        if found < 0 or found > 1 << 22:
            return len(data) if found < 0 else found
        at = found
    return at


def _last(data: bytes, lines: int) -> int:
    at = len(data)
    for _ in range(lines + 1):
        at = data.rfind(b"\n", 0, at)
        if at < 0:
            return 0
    return at + 1


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8", errors="replace")
    return text.removesuffix("\n").split("\n")


def _trimmed(column: Any, quoted: bool) -> Any:
    """Text without blanks around it, and without quotes behind blanks, which the reader takes for text."""
    column = pc.utf8_trim_whitespace(column)
    if not quoted or not pc.any(pc.starts_with(column, '"')).as_py():
        return column
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(column, r'^"(.*)"$', r"\1"))


@dataclass(frozen=True)
class _Reader:
    """Reads chosen columns of the table in a text."""

    data: bytes
    layout: Layout
    lines: int

    def sample(self, head: Sequence[str], tail: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        width, after = self.layout.width, len(self.layout.after)
        whole = head[self.layout.first :]
        lines = [*whole, *tail] if tail is not head else whole
        lines = lines[: len(lines) - after]
        rows = [split_cells(line, self.layout.delimiter) for line in lines if line != self.layout.header]
        return tuple(tuple(row) for row in rows if len(row) == width)

    def load(self, wanted: Sequence[int]) -> Columns:
        body, kept = self._body()
        ragged: list[int] = []
        remarks: dict[int, str] = {}

        def note(row: Any) -> str:
            if row.text and self._is_remark_between(row.text):
                remarks[row.number] = row.text
            else:
                ragged.append(row.number)
            return "skip"

        keys = [f"c{i}" for i in range(self.layout.width)]
        chosen = [keys[i] for i in wanted]
        try:
            table = pcsv.read_csv(
                pa.BufferReader(body),
                # one thread: only then does Arrow know the number of a ragged row
                read_options=pcsv.ReadOptions(column_names=keys, use_threads=False, block_size=1 << 22),
                parse_options=pcsv.ParseOptions(delimiter=self._delimiter, invalid_row_handler=note),
                convert_options=pcsv.ConvertOptions(
                    column_types=dict.fromkeys(chosen, pa.string()), include_columns=list(dict.fromkeys(chosen))
                ),
            )
        except pa.ArrowException as error:
            raise InvalidInput("The file cannot be read as a table: its rows or quotes are broken.") from error
        uneven = kept[np.array(ragged, dtype=np.int64) - 1] if ragged else np.array([], dtype=np.int64)
        quoted = self.data.find(b' "') >= 0
        gone = [*ragged, *remarks]
        rows = np.delete(kept, np.array(gone, dtype=np.int64) - 1) if gone else kept
        if table.num_rows != len(rows):
            raise InvalidInput("The file's quotes do not match up, so its rows cannot be told apart.")
        cells = {i: _trimmed(table.column(key), quoted) for i, key in zip(wanted, chosen, strict=True)}
        return Columns(cells, rows, uneven, tuple(remarks.values()))

    def _is_remark_between(self, text: str) -> bool:
        """A short line of words: `Nov 10, 2023  0.24 Dividend`. A row of numbers that is cut off is none."""
        filled = [cell for cell in split_cells(text, self.layout.delimiter) if cell]
        return len(filled) <= 3 and bool(_WORD.search(filled[-1] if filled else "")) and not is_number(filled[-1])

    @property
    def _delimiter(self) -> str:
        return self.layout.delimiter if self.layout.delimiter.strip() else "\t"

    def _body(self) -> tuple[Any, Ints]:
        """The lines of candles as a buffer, and the 1-based number of each."""
        start = _upto(self.data, self.layout.first) + 1 if self.layout.first else 0
        end = _last(self.data, len(self.layout.after)) if self.layout.after else len(self.data)
        body = memoryview(self.data)[start:end]
        first = self.layout.first + 1
        if not self._has_odd_lines(start, end) and self.layout.delimiter.strip() + "\t" * (
            self.layout.delimiter == "\t"
        ):
            lines = self.data.count(b"\n", start, end)
            return pa.py_buffer(body), np.arange(first, first + lines, dtype=np.int64)
        lines_ = bytes(body).removesuffix(b"\n").split(b"\n")
        header = (self.layout.header or "").encode()
        kept = [
            i
            for i, line in enumerate(lines_)
            if line.strip()
            and not (line.lstrip().startswith((b"#", b"//")) or (header and line.strip() == header.strip()))
        ]
        text = [lines_[i] for i in kept]
        if not self.layout.delimiter.strip() and self.layout.delimiter != "\t":
            run = re.compile(rb"[ \t]{2,}|\t" if self.layout.delimiter == "  " else rb"[ \t]+")
            text = [run.sub(b"\t", line.strip()) for line in text]
        return pa.py_buffer(b"\n".join(text) + b"\n"), np.array(kept, dtype=np.int64) + first

    def _has_odd_lines(self, start: int, end: int) -> bool:
        header = (self.layout.header or "").encode()
        hints = (b"\n\n", b"\n ", b"\n\t", b"\n#", b"\n//", header)
        begin = max(start - 1, 0)
        if not any(hint and self.data.find(hint, begin, end) >= 0 for hint in hints):
            return False  # much quicker than to look for patterns
        return (
            _BLANK.search(self.data, max(start - 1, 0), end) is not None
            or _REMARK.search(self.data, start, end) is not None
            or bool(header and self.data.find(header, start, end) >= 0)
        )
