"""The real candles that the app shows on its first start. Their source stands in README.md beside the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_LICENCE = (
    "Quandl WIKI Prices, declared public domain by its publisher; taken from the Python package bokeh_sampledata "
    "2026.1; daily, unadjusted."
)


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A CSV file for `read_candles`, with what the file itself cannot say."""

    symbol: str
    path: Path
    timeframe: str = "1d"
    licence_note: str = _LICENCE
    price_adjustment: str = "raw"


def demo_files() -> list[DemoFile]:
    """The demo's datasets, 2000 (GOOG: 2004) to March 2013."""
    return [DemoFile(symbol, _HERE / f"{symbol}.csv") for symbol in ("AAPL", "GOOG", "IBM")]
