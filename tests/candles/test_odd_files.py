"""More of what brokers, exchanges, sellers of data and spreadsheets write, each read as the same candles."""

from __future__ import annotations

import pytest

from services.candles.importer import Reading, read_candles
from services.candles.naming import read_name
from services.errors import InvalidInput
from tests.support.candle_cells import CELLS, INVESTING
from tests.support.candle_files import NOW
from tests.support.candle_names import NAMES
from tests.support.candle_shapes import Shape, walk
from tests.support.candle_vendors import VENDORS

FRAMES = {300: "5m", 3600: "1h", 86_400: "1d"}
EVERY = {f"vendor: {name}": shape for name, shape in VENDORS.items()} | {f"cells: {n}": s for n, s in CELLS.items()}
EVERY |= {f"investing.com, {language}": shape for language, shape in INVESTING.items()}


@pytest.mark.parametrize("shape", EVERY.values(), ids=EVERY.keys())
def test_an_odd_file(shape: Shape) -> None:
    given = dict(shape.given)
    step, times, tz = given.pop("step", 86_400 if shape.daily else 300), given.pop("times", 1), given.pop("tz", None)
    bars = walk(120, step, 1_704_067_200 if shape.daily else 1_709_544_600 // step * step)
    found = read_candles(shape.write(bars), filename=shape.filename, tz=tz, reading=Reading(**given), now=NOW)
    frame = found.frame
    assert (frame["time"].astype("int64") // 1_000_000).tolist() == [b[0] for b in bars]
    for i, column in enumerate(("open", "high", "low", "close"), start=1):
        assert frame[column].tolist() == pytest.approx([b[i] * times for b in bars], rel=1e-9), column
    volumes = [b[5] if shape.volume else 0.0 for b in bars]
    assert frame["volume"].tolist() == pytest.approx(volumes, rel=1e-9)
    assert found.timeframe == FRAMES[step]
    if shape.symbol:
        assert found.symbol == shape.symbol


@pytest.mark.parametrize(("filename", "symbol", "timeframe"), NAMES)
def test_a_name(filename: str, symbol: str, timeframe: str | None) -> None:
    named = read_name(filename)
    assert (named.symbol, named.timeframe) == (symbol, timeframe)


def test_an_offset_behind_the_clock_is_no_end_of_a_span() -> None:
    text = "time,open,high,low,close\n" + "".join(f"2024-03-04 0{h}:00-05:00,10,12,9,11\n" for h in range(9))
    assert str(read_candles(text.encode(), filename="x", now=NOW).frame["time"][0]) == "2024-03-04 05:00:00+00:00"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Price,Close,Close,High,High,Low,Low,Open,Open\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\nDate,,,,,,,,\n"
         + "".join(f"2024-01-0{d},11,21,12,22,9,19,10,20\n" for d in range(1, 6)), "2 instruments side by side (AAPL, MSFT)"),
        ("Time (CST),Open,High,Low,Close\n2024-01-02 09:30,10,12,9,11\n2024-01-02 09:31,10,12,9,11\n", "carry no time zone"),
        ("Date,Open,High,Low,Close\n2024-01-01,10,12,9,11\n2024-01-02,10\n2024-01-03,10,12,9,11\n", "has not the 5 columns"),
    ],
)  # fmt: skip
def test_what_stays_open_is_said(text: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_candles(text.encode(), filename="x", now=NOW)
    assert says in caught.value.sentence
