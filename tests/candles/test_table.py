"""Every shape of file is read correctly: the corpus as it is, and the same candles in some ninety shapes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.candles.importer import Reading, read_candles
from tests.support.candle_files import NOW
from tests.support.candle_shapes import SHAPES, walk

CORPUS = Path(__file__).parent / "corpus"
EXPECTED = json.loads((CORPUS / "expected.json").read_text())


def test_the_table_has_the_files_it_promises() -> None:
    assert len(SHAPES) + len(EXPECTED) >= 110


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda e: e["file"])
def test_a_file_of_the_corpus(expected: dict[str, object]) -> None:
    path = CORPUS / str(expected["file"])
    tz = expected["tz"]
    found = read_candles(path.read_bytes(), filename=path.name, tz=str(tz) if tz else None, now=NOW)
    frame = found.frame
    assert {
        "rows": len(frame), "first": f"{frame['time'].iloc[0]:%Y-%m-%dT%H:%M:%SZ}",
        "last": f"{frame['time'].iloc[-1]:%Y-%m-%dT%H:%M:%SZ}", "open": frame["open"].iloc[0],
        "close": frame["close"].iloc[-1], "volume": pytest.approx(frame["volume"].sum(), abs=1e-6),
    } == {k: v for k, v in expected.items() if k not in ("file", "tz")}  # fmt: skip
    assert found.decided


@pytest.mark.parametrize("name", list(SHAPES))
def test_a_shape(name: str) -> None:
    shape = SHAPES[name]
    bars = walk(120, 86_400, 1_704_067_200) if shape.daily else walk(120, 300)
    answers = {k: v for k, v in shape.given.items() if k != "tz"}
    found = read_candles(
        shape.write(bars), filename=shape.filename, tz=shape.given.get("tz"), reading=Reading(**answers), now=NOW
    )
    frame = found.frame
    assert (frame["time"].astype("int64") // 1_000_000).tolist() == [b[0] for b in bars]
    for i, column in enumerate(("open", "high", "low", "close", "volume"), start=1):
        if not (name == "rounded highs" and column == "high"):
            assert frame[column].tolist() == pytest.approx([b[i] for b in bars], rel=1e-9), column
    assert found.timeframe == ("1d" if shape.daily else "5m")
    if shape.symbol:
        assert found.symbol == shape.symbol
