"""The candles that every detector is run on before it may be deployed.

Real daily candles and seeded synthetic ones of other timeframes, price levels and years; they are rounded to ticks, so
that equal highs and exact touches occur. They are the same for every detector, but for the short ones: these follow from a
salt that the code under test doesn't have, so that it can't know them by heart.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from services.detectors.types import CANDLE_DTYPE, Candles

_AAPL = Path(__file__).parents[2] / "candles" / "demo" / "AAPL.csv"
WEEK_S = 7 * 86_400
_COLUMNS = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class Series:
    """Candles with a name for sentences ("the 5-minute candles")."""

    name: str
    candles: Candles

    def first(self, bars: int) -> Series:
        return replace(self, candles=self.candles[:bars])

    def scaled(self, power: int) -> Series:
        """All prices times 2 to the `power`, which changes no digit of them."""
        out = self.candles.copy()
        for name in ("open", "high", "low", "close"):
            out[name] *= 2.0**power
        return Series(f"{self.name} with prices times {2.0**power:g}", out)

    def moved(self, weeks: int) -> Series:
        """All times moved by whole weeks, so that weekdays and hours stay."""
        out = self.candles.copy()
        out["time"] += weeks * WEEK_S
        return Series(f"{self.name} moved by {weeks:+,} weeks", out)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A market to make up: seconds of a bar, first day, first price, tick, spread of one bar's return, weekends or not."""

    name: str
    seconds: int
    day: str
    price: float
    tick: float
    sigma: float
    weekends: bool = False


_DENSE = (
    _Recipe("the 5-minute candles", 300, "2021-03-01", 1.1204, 0.00005, 0.0006),
    _Recipe("the hourly candles", 3600, "2024-11-04", 64_020.0, 0.5, 0.006, weekends=True),
)
_SESSION = _Recipe("the long 15-minute candles", 900, "2018-06-04", 4302.25, 0.25, 0.0012)
_FIRST = _Recipe("the first look", 7200, "2012-02-06", 88.5, 0.01, 0.004, weekends=True)
_SHORT = (
    _Recipe("the short 1-minute candles", 60, "2016-01-11", 31.0, 0.01, 0.0011),
    _Recipe("the short 30-minute candles", 1800, "2009-05-04", 0.0731, 0.0001, 0.009, weekends=True),
    _Recipe("the short 4-hour candles", 14_400, "2027-02-01", 912.0, 0.1, 0.008),
    _Recipe("the short weekly candles", WEEK_S, "1996-01-01", 210_400.0, 5.0, 0.03),
)


@lru_cache(maxsize=2)
def dense(bars: int) -> tuple[Series, ...]:
    """Three series, `bars` long, that are run at every bar: 5 minutes, 1 hour, and real days of Apple."""
    made = [Series(r.name, synthetic(r, bars, seed=7)) for r in _DENSE]
    return (*made, Series("the daily candles of Apple", _apple(bars)))


@lru_cache(maxsize=2)
def first_look(bars: int) -> Series:
    """Candles for the rules that a few runs show; nothing else of the gate uses them."""
    return Series("the first look", synthetic(_FIRST, bars, seed=3))


@lru_cache(maxsize=2)
def long(bars: int) -> Series:
    """One series as long as a large session."""
    return Series(_SESSION.name, synthetic(_SESSION, bars, seed=11))


def short(bars: int, salt: str) -> tuple[Series, ...]:
    """Short series of four more timeframes; their candles, prices and first days follow from `salt`."""
    made = []
    for number, recipe in enumerate(_SHORT):
        seed = int.from_bytes(hashlib.sha256(f"{number}|{salt}".encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        price = round(recipe.price * rng.uniform(0.7, 1.4) / recipe.tick) * recipe.tick
        start = _epoch(recipe.day) + int(rng.integers(0, 150)) * WEEK_S
        made.append(Series(recipe.name, synthetic(replace(recipe, price=price), bars, seed=seed, start=start)))
    return tuple(made)


def synthetic(recipe: _Recipe, bars: int, *, seed: int, start: int | None = None) -> Candles:
    """Seeded candles with trends, ranges, quiet and wild times, opening gaps and wicks, rounded to the tick."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_t(5, bars) * recipe.sigma * _moods(rng, bars) + _drifts(rng, bars) * recipe.sigma
    close = recipe.price * np.exp(np.cumsum(steps - steps.mean()))
    gaps = np.where(rng.random(bars) < 0.04, rng.normal(0, 1.2, bars), rng.normal(0, 0.05, bars)) * recipe.sigma
    opened = np.concatenate([[recipe.price], close[:-1]]) * np.exp(gaps)
    wicks = np.abs(rng.normal(0, 0.6, (2, bars))) * recipe.sigma * close
    out = np.zeros(bars, dtype=CANDLE_DTYPE)
    out["time"] = _times(recipe, bars, _epoch(recipe.day) if start is None else start)
    for name, values in (
        ("open", opened),
        ("close", close),
        ("high", np.maximum(opened, close) + wicks[0]),
        ("low", np.minimum(opened, close) - wicks[1]),
    ):
        out[name] = np.maximum(np.round(values / recipe.tick), 1) * recipe.tick
    out["volume"] = rng.integers(100, 90_000, bars)
    return out


def _moods(rng: np.random.Generator, bars: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How wild each bar is: a slow walk between half and twice."""
    walk = np.cumsum(rng.normal(0, 0.08, bars))
    return np.asarray(np.exp(0.6 * np.sin(walk)))


def _drifts(rng: np.random.Generator, bars: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A trend for each bar, in spreads: up, down or none for 15 to 60 bars at a time."""
    out: list[float] = []
    while len(out) < bars:
        out += [float(rng.choice([-0.25, 0.0, 0.25]))] * int(rng.integers(15, 60))
    return np.array(out[:bars])


def _times(recipe: _Recipe, bars: int, start: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    if recipe.weekends or recipe.seconds > 86_400:
        return start + recipe.seconds * np.arange(bars, dtype=np.int64)
    weeks = bars * recipe.seconds // (5 * 86_400) + 2
    times = start + recipe.seconds * np.arange(weeks * WEEK_S // recipe.seconds, dtype=np.int64)
    # 1970-01-01 was a Thursday, so weekday 0 is Monday after adding three days.
    return times[(times // 86_400 + 3) % 7 < 5][:bars]


def _epoch(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def _apple(bars: int) -> Candles:
    with _AAPL.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:bars]
    out = np.zeros(len(rows), dtype=CANDLE_DTYPE)
    for i, row in enumerate(rows):
        out[i] = (_epoch(row["time"]), *(float(row[name]) for name in _COLUMNS))
    return out
