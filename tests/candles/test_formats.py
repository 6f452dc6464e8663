from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.candles.importer import read_candles
from services.errors import InvalidInput
from tests.support import candle_files
from tests.support.candle_files import NOW, WRITERS, Bar

PRICE = st.floats(min_value=1e-6, max_value=1e7, allow_nan=False, allow_infinity=False)
VOLUME = st.floats(min_value=0, max_value=1e12, allow_nan=False, allow_infinity=False)


@st.composite
def series(draw: st.DrawFn, step: int, start: int) -> list[Bar]:
    """Valid bars, `step` seconds apart with some missing."""
    slots = draw(st.lists(st.integers(0, 400), min_size=1, max_size=20, unique=True))
    bars: list[Bar] = []
    for slot in sorted(slots):
        low, a, b, high = sorted(draw(st.tuples(PRICE, PRICE, PRICE, PRICE)))
        first, last = draw(st.permutations((a, b)))
        bars.append((start + slot * step, first, high, low, last, draw(VOLUME)))
    return bars


@given(bars=series(300, 1_704_067_200))
@settings(max_examples=15, deadline=None)
def test_every_format_gives_the_same_candles(bars: list[Bar]) -> None:
    """Each format is recognised, and the same candles have the same content hash, whatever file they came in."""
    hashes = {}
    for name, (write, expected) in WRITERS.items():
        tz = "UTC" if "metatrader" in name else "-05:00" if name == "histdata" else None
        imported = read_candles(write(bars), filename="x", tz=tz, now=NOW)
        assert imported.source_format == expected, name
        hashes[name] = imported.content_sha256
    assert len(set(hashes.values())) == 1, hashes
    for column, values in zip(
        ("open", "high", "low", "close", "volume"), list(zip(*bars, strict=True))[1:], strict=True
    ):
        assert imported.frame[column].tolist() == list(values)
    assert (imported.frame["time"].astype("int64") // 1_000_000).tolist() == [bar[0] for bar in bars]


@given(bars=series(86_400, 1_704_067_200))
@settings(max_examples=30, deadline=None)
def test_daily_yahoo_is_the_same_as_canonical(bars: list[Bar]) -> None:
    imported = read_candles(candle_files.yahoo(bars), filename="x", now=NOW)
    assert (imported.source_format, imported.price_adjustment) == ("yahoo", "split")
    assert (
        imported.content_sha256 == read_candles(candle_files.canonical_csv(bars), filename="y", now=NOW).content_sha256
    )


@given(bars=series(3600, 1_704_067_200), data=st.data())
@settings(max_examples=25, deadline=None)
def test_another_price_is_another_content(bars: list[Bar], data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(bars) - 1))
    time, first, high, low, last, volume = bars[where]
    changed = [*bars[:where], (time, first, float(np.nextafter(high, np.inf)), low, last, volume), *bars[where + 1 :]]
    one, other = (read_candles(candle_files.parquet(b), filename="x", now=NOW).content_sha256 for b in (bars, changed))
    assert one != other


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_corrupted_bytes_are_refused_or_read_never_more(data: st.DataObject) -> None:
    """Whatever happens to a file on its way, the answer is a sentence or candles that hold."""
    bars: list[Bar] = [(1_704_067_200 + i * 300, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 5.0) for i in range(30)]
    write = data.draw(st.sampled_from(list(WRITERS)))
    content = bytearray(WRITERS[write][0](bars))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        what = data.draw(st.sampled_from(["change", "cut", "insert", "end"]))
        if what == "change":
            content[at] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del content[at : at + data.draw(st.integers(1, 9))]
        elif what == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=6))
        else:
            del content[max(1, at) :]
        if not content:
            break
    try:
        frame = read_candles(bytes(content), filename="x", tz="UTC", now=NOW).frame
    except InvalidInput as error:
        assert 10 < len(error.sentence) < 600
        return
    assert frame["time"].is_monotonic_increasing and frame["time"].is_unique
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()
    assert np.isfinite(frame[["open", "high", "low", "close", "volume"]].to_numpy()).all()


@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_candles(content, filename="x", now=NOW)


@pytest.mark.parametrize(
    ("header", "first", "expected"),
    [
        ("time,open,high,low,close", "1704067200,1,2,1,2", "tradingview"),
        ("time,open,high,low,close,volume,Volume MA", "1704067200,1,2,1,2,3,4", "tradingview"),
        ("Date;Open;High;Low;Close;Volume", "2024-01-01;1;2;1;2;5", "yahoo"),
        ("Datetime,Open,High,Low,Close,Volume", "2024-01-01 09:30:00-05:00,1,2,1,2,5", "yahoo"),
        ("timestamp,volume,close,low,high,open", "1704067200000,5,2,1,2,1", "csv"),
        ('"time","open","high","low","close","volume"', '"2024-01-01","1","2","1","2","5"', "csv"),
        ("open_time,open,high,low,close,volume,a,b,c,d,e,f", "1704067200000,1,2,1,2,5,0,0,0,0,0,0", "binance"),
        ("<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>", "2024.01.01\t1\t2\t1\t2\t5\t0\t0",
         "metatrader5"),
    ],
)  # fmt: skip
def test_variants_of_headers(header: str, first: str, expected: str) -> None:
    imported = read_candles(f"\ufeff\r\n{header}\r\n\r\n{first}\r\n".encode(), filename="x", now=NOW)
    assert imported.source_format == expected
    assert imported.frame[["open", "high", "low", "close"]].to_numpy().tolist() == [[1.0, 2.0, 1.0, 2.0]]
