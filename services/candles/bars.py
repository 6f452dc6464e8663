"""Candles as plain numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from services.detectors.types import CANDLE_DTYPE, Candles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

PRICES = ("open", "high", "low", "close")
COLUMNS = ("time", *PRICES, "volume")


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles as equally long arrays: `time` the bar's open in UTC seconds, `rows` the 1-based rows of the file."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    rows: Ints

    def __len__(self) -> int:
        return len(self.time)

    def take(self, where: Ints | Mask) -> Bars:
        return Bars(
            self.time[where],
            self.open[where],
            self.high[where],
            self.low[where],
            self.close[where],
            self.volume[where],
            self.rows[where],
        )

    def table(self) -> Candles:
        """The structured array that detectors receive (`CANDLE_DTYPE`)."""
        table = np.empty(len(self), dtype=CANDLE_DTYPE)
        for name in COLUMNS:
            table[name] = getattr(self, name)
        return table

    def frame(self) -> pd.DataFrame:
        """Columns `time` (datetime64[us, UTC]) and five float64."""
        times = pd.DatetimeIndex((self.time * 1_000_000).view("datetime64[us]")).tz_localize("UTC")
        return pd.DataFrame({"time": times, **{name: getattr(self, name) for name in COLUMNS[1:]}})

    def content_sha256(self) -> str:
        """A hash of the candles themselves, whatever file they came in."""
        table = self.table()
        for name in COLUMNS[1:]:
            table[name] += 0.0  # -0.0 and 0.0 are the same number
        return hashlib.sha256(b"candles/1\n" + table.tobytes()).hexdigest()


def frame_to_table(frame: pd.DataFrame) -> Candles:
    """A frame with the canonical columns as the structured array that detectors receive."""
    table = np.empty(len(frame), dtype=CANDLE_DTYPE)
    table["time"] = seconds_of(frame)
    for name in COLUMNS[1:]:
        table[name] = frame[name].to_numpy(dtype=np.float64)
    return table


def seconds_of(frame: pd.DataFrame) -> Ints:
    """The `time` column of a canonical frame in UTC seconds."""
    times = frame["time"].dt.as_unit("s").astype("int64").to_numpy()
    return cast(Ints, times)


def rows_text(rows: Ints) -> str:
    """`row 5`, `rows 5 and 9`, `rows 5, 9, 11 and 4 more`."""
    named = [str(int(row)) for row in rows[:3]]
    if len(rows) > 3:
        return f"rows {', '.join(named)} and {len(rows) - 3:,} more"
    if len(named) == 1:
        return f"row {named[0]}"
    return f"rows {', '.join(named[:-1])} and {named[-1]}"
