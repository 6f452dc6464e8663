"""What the import of a file would keep, read without keeping it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd
import streamlit as st

from pages.components import looks
from services.candles.importer import Glance, Progress, Reading, look_into, read_candles
from services.candles.questions import BadRows, Question
from services.errors import InvalidInput

SHOWN_ROWS: Final = 3
KEPT: Final = 6  # previews of one person


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


def preview(
    data: bytes, filename: str, reading: Reading, *, digest: str, skip: bool = False, allow_nonpositive: bool = False
) -> Preview:
    """Reads a file of candles, with a bar that says how far it is. The last few are kept by the file's `digest`."""
    key = (digest, filename, json.dumps(reading.as_json()), skip, allow_nonpositive)
    kept: dict[Any, Preview] = st.session_state.setdefault("import-previews", {})
    if key not in kept:
        while len(kept) >= KEPT:
            kept.pop(next(iter(kept)))
        with progress_bar() as tell:
            kept[key] = _read(data, filename, reading, tell, skip=skip, allow_nonpositive=allow_nonpositive)
    return kept[key]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar that goes away when the work is done; it takes the share and what is done now."""
    bar = st.progress(0.0, "Reading the file")

    def tell(share: float, doing: str) -> None:
        bar.progress(share, doing)

    try:
        yield tell
    finally:
        bar.empty()


def _read(
    data: bytes, filename: str, reading: Reading, tell: Progress, *, skip: bool, allow_nonpositive: bool
) -> Preview:
    try:
        found = read_candles(
            data,
            filename=filename,
            reading=reading,
            skip_bad_rows=skip,
            allow_nonpositive=allow_nonpositive,
            progress=tell,
        )
    except Question as question:
        return Preview(question.sentence, question.asks, question.options)
    except BadRows as bad:
        return Preview(bad.sentence, bad=tuple(bad.listed), bad_count=bad.count)
    except InvalidInput as error:
        return Preview(error.sentence)
    first, last = (looks.candle_label(None, t.to_pydatetime()) for t in found.frame["time"].iloc[[0, -1]])
    return Preview(
        rows=len(found.frame),
        first=first,
        last=last,
        source_format=found.source_format,
        symbol=found.symbol or "",
        timeframe=found.timeframe or "",
        price_adjustment=found.price_adjustment,
        decided=found.decided,
        warnings=tuple(found.quality.warnings),
        gaps=len(found.quality.gaps),
        columns=dict(found.columns),
        ends=_ends(found.frame),
    )


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
