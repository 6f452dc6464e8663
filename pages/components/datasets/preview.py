"""What the import of a file would keep, read without keeping it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from pages.components import looks
from services.candles.importer import Glance, Reading, look_into, read_candles
from services.candles.questions import BadRows, Question
from services.errors import InvalidInput

SHOWN_ROWS = 3


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file holds, or the sentence that says why it can't be used.

    `asks` names what only a person can say (tz, date_order, decimal, columns), with `options` to choose from. `bad` are
    rows that can't be used, of which `bad_count` could be left out. `ends` are the first and last bars as they would be
    stored.
    """

    problem: str | None = None
    asks: str | None = None
    options: tuple[str, ...] = ()
    bad: tuple[tuple[int, str], ...] = ()
    bad_count: int = 0
    rows: int = 0
    first: str = ""
    last: str = ""
    source_format: str = ""
    symbol: str = ""
    timeframe: str = ""
    price_adjustment: str = "unknown"
    decided: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    gaps: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    ends: pd.DataFrame | None = None


@st.cache_data(max_entries=8, show_spinner="Reading the file")
def preview(
    data: bytes, filename: str, reading: dict[str, Any] | None = None, *, skip: bool = False,
    allow_nonpositive: bool = False,
) -> Preview:  # fmt: skip
    """Reads a file of candles. `reading` is `Reading.as_json()`."""
    try:
        found = read_candles(
            data, filename=filename, reading=Reading.from_json(reading or {}), skip_bad_rows=skip,
            allow_nonpositive=allow_nonpositive,
        )  # fmt: skip
    except Question as question:
        return Preview(question.sentence, question.asks, question.options)
    except BadRows as bad:
        return Preview(bad.sentence, bad=tuple(bad.listed), bad_count=bad.count)
    except InvalidInput as error:
        return Preview(error.sentence)
    first, last = (looks.candle_label(None, t.to_pydatetime()) for t in found.frame["time"].iloc[[0, -1]])
    return Preview(
        rows=len(found.frame), first=first, last=last, source_format=found.source_format, symbol=found.symbol or "",
        timeframe=found.timeframe or "", price_adjustment=found.price_adjustment, decided=found.decided,
        warnings=tuple(found.quality.warnings), gaps=len(found.quality.gaps), columns=dict(found.columns),
        ends=_ends(found.frame),
    )  # fmt: skip


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    few = frame if len(frame) <= 2 * SHOWN_ROWS else pd.concat([frame.head(SHOWN_ROWS), frame.tail(SHOWN_ROWS)])
    shown = few.copy()
    shown["time"] = shown["time"].dt.strftime("%Y-%m-%d %H:%M:%S")
    return shown.rename(columns={"time": "Time (UTC)", **{c: c.capitalize() for c in few.columns[1:]}})


@st.cache_data(max_entries=8, show_spinner=False)
def glance(data: bytes, filename: str) -> Glance | None:
    """The file's table before its columns are understood; None for a file that holds none."""
    try:
        return look_into(data, filename)
    except InvalidInput:
        return None
