"""Cells of a CSV: text that a spreadsheet would run as a formula gets a leading apostrophe, and can lose it again.

The files are UTF-8 without a byte order mark, comma separated, quoted by doubling (RFC 4180), with a header row and
`\\n` at the end of each line; pandas, Excel's import and LibreOffice take them as they are.
"""

from __future__ import annotations

import csv
import json
import re
from numbers import Number
from typing import Any, Final

import numpy as np
import pandas as pd
from psycopg import sql

# The same characters stand in Python's pattern and in PostgreSQL's: literal, without escapes, ranges or classes.
_QUOTES: Final = "\"'＂＇"
_BLANKS: Final = " \u00a0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_UNSEEN: Final = (
    "\u00ad\u034f\u061c\u180e\ufeff"
    + "".join(map(chr, range(0x200B, 0x2010)))
    + "".join(map(chr, range(0x202A, 0x202F)))
    + "".join(map(chr, range(0x2060, 0x2070)))
)
_CONTROLS: Final = "".join(map(chr, [*range(0x01, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)]))
_STARTERS: Final = "=+@|＝＋－＠｜\t\r\n-"  # the hyphen last, where it can't make a range
# A leading NUL only Python can meet: PostgreSQL's text holds none.
PATTERN: Final = f"^[{_QUOTES}{_BLANKS}{_UNSEEN}{_CONTROLS}]*[{_STARTERS}]"
_RISKY = re.compile(PATTERN.replace("^[", "^[\x00", 1))


def defuse(text: str) -> str:
    """The text with a leading `'` when, after quotes, blanks and unseen characters, it begins with `= + - @ |`, one of
    their full-width forms, a tab or a line break; else the text itself. `restore` takes it back exactly."""
    return "'" + text if _RISKY.match(text) else text


def restore(text: str) -> str:
    """What `defuse` was given: an apostrophe counts as a quote, so only a cell that was defused begins like this."""
    return text[1:] if text.startswith("'") and _RISKY.match(text[1:]) else text


def defused_column(name: str) -> sql.Composable:
    """The same as `defuse` in SQL, for a column of any type as its text; NULL stays NULL."""
    text = sql.SQL("({}::text)").format(sql.Identifier(name))
    return sql.SQL("CASE WHEN {text} ~ {pattern} THEN '''' || {text} ELSE {text} END AS {name}").format(
        text=text, pattern=sql.Literal(PATTERN), name=sql.Identifier(name)
    )


def to_csv(frame: pd.DataFrame, *, separator: str = ",", decimal: str = ".") -> bytes:
    """A frame exactly as it is shown, without its index: text defused (headers too), numbers and times as they are.

    Lists and dictionaries become JSON. Text is quoted always, numbers never.
    """
    shown = frame.copy(deep=False)
    for position, (_, column) in enumerate(frame.items()):
        if column.dtype.kind not in "biufcM" or isinstance(column.dtype, pd.CategoricalDtype):
            cells = np.empty(len(column), dtype=object)
            cells[:] = [_cell(value) for value in column.astype(object)]
            shown.isetitem(position, cells)
    shown.columns = pd.Index([defuse(str(name)) for name in frame.columns])
    text = shown.to_csv(index=False, sep=separator, decimal=decimal, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if isinstance(value, (list, tuple, dict)):
        return defuse(json.dumps(value, ensure_ascii=False, default=str))
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return value if isinstance(value, Number) else defuse(str(value))
