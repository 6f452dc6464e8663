"""Candles in tiles and levels, as the board's chart asks for them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services import storage
from services.candles import tiles
from services.errors import NotFound
from services.settings import get_settings

ROWS = 10_000
START = 1_704_326_400  # Thursday, 4 January 2024


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("STORAGE_URL", raising=False)
    get_settings.cache_clear()
    rng = np.random.default_rng(1)
    close = np.round(1.1 + np.cumsum(rng.normal(0, 1e-4, ROWS)), 5)
    time = pa.array((START + np.arange(ROWS) * 3600) * 1_000_000, pa.timestamp("us", "UTC"))
    table = pa.table(
        {
            "time": time,
            "open": close,
            "high": close + 0.001,
            "low": close - 0.001,
            "close": close,
            "volume": np.ones(ROWS),
        }
    )
    target = io.BytesIO()
    pq.write_table(table, target)
    key = storage.put(get_settings().storage_root, target.getvalue(), suffix=".parquet")
    yield "a" * 64, key
    get_settings.cache_clear()


def columns(data: bytes) -> dict[str, np.ndarray]:
    return dict(zip(tiles.COLUMNS, np.frombuffer(data, "<f8").reshape(len(tiles.COLUMNS), -1), strict=True))


def test_tiles_hold_every_candle_once(stored: tuple[str, str]) -> None:
    parts = [columns(tiles.tile(*stored, "1", number)) for number in range(3)]
    assert [len(part["time"]) for part in parts] == [4096, 4096, ROWS - 8192]
    assert parts[2]["time"][-1] == START + (ROWS - 1) * 3600 and parts[2]["first"][0] == 8192
    at = tiles.candle_at(*stored, 5000)
    assert at is not None and at["close"] == parts[1]["close"][5000 - 4096]
    assert tiles.candle_at(*stored, ROWS) is None
    assert tiles.decimals(*stored) == 5


@pytest.mark.parametrize(("level", "bars"), [("4", 2500), ("12", 834), ("1024", 10), ("d", 417), ("w", 60)])
def test_levels_join_candles_without_losing_an_extreme(stored: tuple[str, str], level: str, bars: int) -> None:
    whole = [columns(tiles.tile(*stored, "1", number)) for number in range(3)]
    high = np.concatenate([part["high"] for part in whole])
    found = columns(tiles.tile(*stored, level, 0))
    assert tiles.bars_of(*stored, level) == len(found["time"]) == bars
    assert found["volume"].sum() == ROWS and found["high"].max() == high.max()
    first = found["first"].astype(int)
    assert found["high"][0] == high[: first[1]].max()
    if level == "w":
        assert set((found["time"][1:] // 86400 + 3) % 7) == {0}, "weeks begin on Monday"


def test_what_there_is_not_is_refused(stored: tuple[str, str]) -> None:
    for level, number in (("1", 3), ("1", -1), ("5", 0), ("../1", 0)):
        with pytest.raises(NotFound):
            tiles.tile(*stored, level, number)


def test_a_time_leads_to_its_candle(stored: tuple[str, str]) -> None:
    for index in (0, 1, 4095, 4096, 9_999):
        assert tiles.index_at(*stored, START + index * 3600) == index
        assert tiles.index_at(*stored, START + index * 3600 - 1) == index
    assert tiles.index_at(*stored, START - 10**6) == 0
    assert tiles.index_at(*stored, START + 10**9) == ROWS - 1
