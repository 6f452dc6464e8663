from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from services.candles.demo import demo_files
from services.candles.importer import ImportedCandles, guess_timeframe, is_timeframe, read_candles, timeframe_seconds
from services.errors import InvalidInput
from tests.support.candle_files import NOW, Bar, canonical_csv


def bars(times: list[int]) -> list[Bar]:
    return [(t, 100.0, 102.0, 99.0, 101.0 + i % 2 / 2, 10.0) for i, t in enumerate(times)]


def imported(rows: list[Bar], now: datetime = NOW) -> ImportedCandles:
    return read_candles(canonical_csv(rows), filename="x", now=now)


def stamps(*ranges: pd.DatetimeIndex) -> list[int]:
    return [int(t.timestamp()) for index in ranges for t in index]


def test_repairs_are_noted() -> None:
    good = bars([60 * i for i in range(10)])
    clean = imported(good)
    assert clean.quality.warnings == []
    reversed_ = imported(good[::-1])
    assert reversed_.quality.warnings == ["The file has the newest bar first; it was turned round."]
    shuffled = imported([good[0], good[5], *good[1:5], *good[6:]])
    assert shuffled.quality.warnings == ["The bars were not in the order of time (row 4); they were sorted."]
    doubled = imported([*good, good[3]])
    assert "Exact repetitions of bars were dropped (row 12)." in doubled.quality.warnings
    assert {c.content_sha256 for c in (clean, reversed_, shuffled, doubled)} == {clean.content_sha256}


def test_conflicting_repetition_is_refused_even_after_sorting() -> None:
    good = bars([60 * i for i in range(5)])
    other = (good[2][0], 100.0, 103.0, 99.0, 101.0, 10.0)
    with pytest.raises(InvalidInput, match="repeated with other prices in row 7"):
        imported([*good, other])


def test_gaps_are_holes_and_not_the_markets_closing_hours() -> None:
    days = pd.bdate_range("2024-01-02", "2024-02-29", tz="UTC")
    sessions = [pd.date_range(day + pd.Timedelta("14:30:00"), periods=78, freq="5min") for day in days]
    whole = stamps(*sessions)
    assert imported(bars(whole)).quality.gaps == []
    hole = whole[:100] + whole[106:]
    report = imported(bars(hole)).quality
    assert [gap["missing_bars"] for gap in report.gaps] == [6]
    assert report.gaps[0]["row"] == 102
    assert report.gaps[0]["before"] == pd.Timestamp(whole[106], unit="s").isoformat() + "Z"
    assert any("A gap in time" in warning for warning in report.warnings)


@pytest.mark.parametrize(("calendar", "missing", "expected"), [("B", 1, 0), ("B", 6, 1), ("D", 1, 1), ("D", 0, 0)])
def test_gaps_of_daily_bars(calendar: str, missing: int, expected: int) -> None:
    """A holiday in a market with weekends is none; any missing day is one where every day trades."""
    days = stamps(pd.date_range("2024-01-01", periods=90, freq=calendar, tz="UTC"))
    report = imported(bars(days[:41] + days[41 + missing :])).quality
    assert len(report.gaps) == expected


def test_long_lists_of_gaps_are_cut_to_the_longest() -> None:
    times = [i * 60 for i in range(2000) if i % 10 != 5 and not 1000 < i < 1009]
    times = [t + (t // 7919) * 3600 for t in times]
    report = imported(bars(times)).quality
    assert len(report.gaps) <= 100
    assert json.loads(json.dumps(report.as_json()))["rows"] == len(times)


def test_zero_volume_and_no_volume() -> None:
    rows = bars([60 * i for i in range(6)])
    rows[2] = (*rows[2][:5], 0.0)
    assert imported(rows).quality.warnings == ["The volume is 0 or missing in row 4."]
    none = imported([(*row[:5], 0.0) for row in rows])
    assert none.quality.warnings == ["The file has no volume; it is taken as 0."]
    without = read_candles(b"time,open,high,low,close\n60,1,2,1,2\n120,1,2,1,2\n", filename="x", now=NOW)
    assert without.quality.warnings == none.quality.warnings
    assert without.frame["volume"].tolist() == [0.0, 0.0]


def test_mixed_spacing() -> None:
    minutes = [60 * i for i in range(50)]
    hours = [3600 * i for i in range(1, 10)]
    report = imported(bars(sorted({*minutes, *hours}))).quality
    assert any("spacing of the bars is mixed" in warning for warning in report.warnings)
    closer = imported(bars([*minutes, 50 * 60 - 30])).quality
    assert any("mixed: it changes in row 52" in warning for warning in closer.warnings)


def test_unfinished_last_bar() -> None:
    times = [int(datetime(2024, 5, day, tzinfo=UTC).timestamp()) for day in (1, 2, 3)]
    during, after = datetime(2024, 5, 3, 18, tzinfo=UTC), datetime(2024, 5, 4, tzinfo=UTC)
    assert any("was not finished" in warning for warning in imported(bars(times), during).quality.warnings)
    assert not any("was not finished" in warning for warning in imported(bars(times), after).quality.warnings)


@pytest.mark.parametrize("demo", demo_files(), ids=lambda demo: demo.symbol)
def test_demo_files_are_real_daily_candles(demo: object) -> None:
    file = next(d for d in demo_files() if d == demo)
    result = read_candles(file.path.read_bytes(), filename=file.path.name, price_adjustment=file.price_adjustment)
    assert guess_timeframe(result.frame) == file.timeframe == "1d"
    assert (result.price_adjustment, result.quality.errors) == ("raw", [])
    assert len(result.frame) == {"AAPL": 3270, "GOOG": 2148, "IBM": 3270}[file.symbol]
    assert "public domain" in file.licence_note
    assert (file.path.parent / "README.md").is_file()


def test_splits_in_the_demo_are_seen() -> None:
    aapl = demo_files()[0]
    warnings = read_candles(aapl.path.read_bytes(), filename="AAPL.csv").quality.warnings
    assert any("a split?" in w and "rows 80, " in w and "2000-06-21 from 101.25 to 50.5" in w for w in warnings)


@pytest.mark.parametrize(
    ("freq", "expected"),
    [("1min", "1m"), ("5min", "5m"), ("15min", "15m"), ("30min", "30m"), ("h", "1h"), ("4h", "4h"), ("D", "1d"),
     ("B", "1d"), ("W", "1w"), ("MS", "1M"), ("QS", "3M"), ("10s", "10s")],
)  # fmt: skip
def test_timeframe_is_told_from_the_spacing(freq: str, expected: str) -> None:
    index = pd.date_range("2024-01-01", periods=60, freq=freq, tz="UTC")
    assert guess_timeframe(pd.DataFrame({"time": index})) == expected
    assert is_timeframe(expected)


def test_timeframes() -> None:
    assert not any(is_timeframe(text) for text in ("", "0m", "1", "m", "1y", "1 d", "-1d", "1d\n", "12345m", "1D"))
    assert [timeframe_seconds(text) for text in ("1m", "4h", "1d", "1w")] == [60, 14_400, 86_400, 604_800]
    with pytest.raises(InvalidInput):
        timeframe_seconds("1y")
    with pytest.raises(InvalidInput, match="single candle"):
        guess_timeframe(imported(bars([0])).frame)
