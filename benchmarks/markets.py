"""Files of candles as the markets are that a chart has to draw well: five decimals and none, a quarter of a point as the
smallest step, weekends, sessions by day, a penny stock, and two million candles of a minute. Seeded, so always the same.

    python -m benchmarks.markets FOLDER [--large]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Market:
    """`step` is the distance of candles, `move` the usual change of one, `tick` the smallest step of a price."""

    file: str
    step: str
    rows: int
    price: float
    move: float
    tick: float
    decimals: int
    closes: str = "weekend"  # "never", or "weekend"


MARKETS: Final = (
    Market("EURUSD_1m.csv", "1min", 20_000, 1.0953, 0.00006, 1e-5, 5),
    Market("ES_5m.csv", "5min", 20_000, 4780.0, 0.00045, 0.25, 2),
    Market("BTCUSDT_15m.csv", "15min", 20_000, 42_250.0, 0.0022, 0.01, 2, "never"),
    Market("USDJPY_5m.csv", "5min", 20_000, 141.25, 0.00018, 0.001, 3),
    Market("PENNY_1d.csv", "1D", 4_000, 0.1834, 0.035, 0.0001, 4),
)
LARGE: Final = Market("BIG_1m.csv", "1min", 2_000_000, 1.2, 0.00005, 1e-5, 5, "never")


def candles(market: Market, seed: int) -> pd.DataFrame:
    """A walk with fat tails, livelier in the afternoon; every price is a whole number of ticks."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2010-01-04", periods=market.rows * 2, freq=market.step, tz="UTC")
    if market.closes == "weekend":
        times = times[times.day_of_week < 5]
    times = times[: market.rows]
    lively = 0.6 + 0.8 * np.exp(-((times.hour.to_numpy() - 14) ** 2) / 30.0)
    close = market.price * np.exp(np.cumsum(rng.standard_t(4, market.rows) * market.move * lively))
    start = np.concatenate([[market.price], close[:-1]])
    span = np.abs(rng.normal(0, 1, market.rows)) * market.move * lively * close
    high = np.maximum(start, close) + span * rng.random(market.rows)
    low = np.minimum(start, close) - span * rng.random(market.rows)
    prices = np.stack([start, high, low, close])
    prices = (np.maximum(np.round(prices / market.tick), 1) * market.tick).round(market.decimals)
    frame = pd.DataFrame(prices.T, columns=["open", "high", "low", "close"])
    frame.insert(0, "time", times.strftime("%Y-%m-%d %H:%M:%SZ"))
    frame["volume"] = np.round(rng.lognormal(0, 0.7, market.rows) * 200 * lively) + 1
    return frame


def main() -> None:
    parser = argparse.ArgumentParser(description="Write files of candles of several markets.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--large", action="store_true", help="also two million candles")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    for seed, market in enumerate([*MARKETS, *([LARGE] if asked.large else [])], start=1):
        candles(market, seed).to_csv(asked.folder / market.file, index=False)


if __name__ == "__main__":
    main()
