"""Candles in tiles, as a chart in the browser asks for them: a file for each level of detail, read by memory map.

A tile is 4,096 bars in seven columns of 8-byte floats, one after the other: time (UTC seconds), open, high, low, close,
volume, and the dataset index of the bar's first candle. A level joins several candles to one bar: 4, 12, 64 or 1,024 of
them, or those of a UTC day ("d") or of a week from Monday on ("w"). The last tile is filled up with NaN.
"""

from __future__ import annotations

import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.candles.store import read_array
from services.errors import NotFound
from services.settings import get_settings

TILE: Final = 4096
COLUMNS: Final = ("time", "open", "high", "low", "close", "volume", "first")
TILE_BYTES: Final = TILE * len(COLUMNS) * 8
LEVELS: Final = ("1", "4", "12", "64", "1024", "d", "w")
MAX_DECIMALS: Final = 8
_DAY: Final = 86_400
_MONDAY: Final = 4 * _DAY  # 1970-01-05, the first Monday
Array = npt.NDArray[Any]


def tile(sha: str, key: str, level: str, number: int) -> bytes:
    """One tile; the last one is cut after its last bar. Raises NotFound for a level or tile that there is not."""
    if level not in LEVELS:
        raise NotFound("There is no such level of detail.")
    path, bars = _at(sha, key, level)
    if not 0 <= number * TILE < bars:
        raise NotFound("There is no such part of these candles.")
    held = min(TILE, bars - number * TILE)
    return np.ascontiguousarray(_mapped(path, number)[:, :held]).tobytes()


def bars_of(sha: str, key: str, level: str) -> int:
    """How many bars a level has."""
    return _at(sha, key, level)[1]


def candle_at(sha: str, key: str, index: int) -> dict[str, float] | None:
    """One candle by its dataset index, as the COLUMNS; None outside the dataset."""
    path, bars = _at(sha, key, "1")
    if not 0 <= index < bars:
        return None
    column = _mapped(path, index // TILE)[:, index % TILE]
    return dict(zip(COLUMNS, (float(value) for value in column), strict=True))


def index_at(sha: str, key: str, seconds: float) -> int:
    """The index of the first candle that opens at a time or later; the last one where none does."""
    path, bars = _at(sha, key, "1")
    low, high = 0, (bars - 1) // TILE
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _mapped(path, middle)[0, 0] <= seconds else (low, middle - 1)
    held = min(TILE, bars - low * TILE)
    return min(bars - 1, low * TILE + int(np.searchsorted(_mapped(path, low)[0, :held], seconds)))


def close_or_extreme(candle: dict[str, float], kind: str, direction: int) -> float:
    """The price of a mark on a candle: a swing's is its high or low, any other's the close."""
    return candle[{1: "high", -1: "low"}.get(direction, "close") if kind.startswith("swing") else "close"]


@lru_cache(maxsize=64)
def decimals(sha: str, key: str) -> int:
    """With how many decimals the prices are written, up to 8: the fewest that lose none of them."""
    path, bars = _at(sha, key, "1")
    number = bars // TILE // 2
    prices = _mapped(path, number)[1:5, : min(TILE, bars - number * TILE)]
    tolerance = np.abs(prices) * 1e-12 + 1e-12
    return next(
        (n for n in range(MAX_DECIMALS) if bool(np.all(np.abs(np.round(prices, n) - prices) <= tolerance))),
        MAX_DECIMALS,
    )


def _mapped(path: Path, number: int) -> Array:
    return np.memmap(path, "<f8", "r", offset=number * TILE_BYTES, shape=(len(COLUMNS), TILE))


def _at(sha: str, key: str, level: str) -> tuple[Path, int]:
    return _file(get_settings().storage_root, str(get_settings().data_dir), sha, key, level)


@lru_cache(maxsize=256)
def _file(root: str, data_dir: str, sha: str, key: str, level: str) -> tuple[Path, int]:
    path = Path(data_dir) / "cache" / "tiles" / sha / f"{level}.f8"
    if not path.exists():
        _write(path, joined(read_array(root, key), level))
    count = int(np.fromfile(path.with_suffix(".n"), "<i8", 1)[0])
    return path, count


def joined(candles: Array, level: str) -> Array:
    """The bars of a level as one row a column of COLUMNS."""
    starts = _starts(candles["time"], level)
    ends = np.append(starts[1:], len(candles)) - 1
    return np.stack(
        [
            candles["time"][starts].astype("<f8"),
            candles["open"][starts],
            np.maximum.reduceat(candles["high"], starts),
            np.minimum.reduceat(candles["low"], starts),
            candles["close"][ends],
            np.add.reduceat(np.nan_to_num(candles["volume"]), starts),
            starts.astype("<f8"),
        ]
    )


def _starts(times: Array, level: str) -> Array:
    """The index of the first candle of each bar."""
    if level.isdigit():
        return np.arange(0, len(times), int(level))
    period = times // _DAY if level == "d" else (times - _MONDAY) // (7 * _DAY)
    return np.concatenate([[0], np.flatnonzero(np.diff(period)) + 1])


def _write(path: Path, bars: Array) -> None:
    """Writes beside the target and renames, so that nobody meets half a file; the count comes first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = bars.shape[1]
    tiles = -(-count // TILE)
    padded = np.full((len(COLUMNS), tiles * TILE), np.nan)
    padded[:, :count] = bars
    data = padded.reshape(len(COLUMNS), tiles, TILE).transpose(1, 0, 2)
    for target, content in ((path.with_suffix(".n"), np.array([count], "<i8")), (path, data)):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tiles-")
        with os.fdopen(handle, "wb") as file:
            np.ascontiguousarray(content).tofile(file)
        os.replace(name, target)
