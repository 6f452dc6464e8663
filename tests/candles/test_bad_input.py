from __future__ import annotations

import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.candles import opening
from services.candles.importer import read_candles
from services.errors import InvalidInput
from tests.support.candle_files import NOW

HEAD = "time,open,high,low,close,volume\n"
GOOD = "2024-01-01,10,12,9,11,5\n"


def refusal(content: bytes | str, **options: object) -> str:
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(InvalidInput) as caught:
        read_candles(data, filename="x.csv", now=NOW, **options)  # type: ignore[arg-type]
    return caught.value.sentence


def _parquet(**columns: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b" \r\n\t\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "PNG picture"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF document"),
        (b"PK\x03\x04" + bytes(99), "zip archive is damaged"),
        (b"\x1f\x8b\x08" + bytes(99), "gzip"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"\n <html>time,open,high,low,close</html>", "web page"),
        (HEAD.encode() + b"2024-01-01,1\x00,2,1,2,3\n", "binary"),
        (bytes(500), "binary"),
        (b"\xff\xfe" + b"a\x00b", "not valid UTF-16-LE"),
        (HEAD.encode() + GOOD.encode() + b"2024-01-02,\xff\xfe,2,1,2,3\n", '"open" must hold numbers and holds "ÿþ" in row 3'),
        ("caf\u00e9,".encode("latin-1") + HEAD.encode(), "a header but no candles"),
        ("close\n1\n2\n", "not a table of candles"),
        ("hello world", "not a table of candles"),
        ("a,b,c,d,e\n1,2,3,4,5\n", "No column of times can be found"),
        (HEAD, "no candles"),
        ("time,open,high,close,volume\n1,2,3,4,5\n", 'column "low" cannot be found'),
        ("open,volume\n1,2\n", "time"),
        ("time,open,high,low,close,Close\n1,2,3,4,5,6\n", '"close" is there twice'),
        (HEAD + GOOD + "2024-01-02,10,12,9,11\n", "a row has not the 6 columns that the others have in row 3"),
        (HEAD + GOOD + "\n2024-01-02,1,5,1,7,0,9,1,1,5\n", "row 4"),
        (HEAD + '2024-01-01,"10,12,9,11,5\n' + GOOD, "row"),
        (HEAD + GOOD + "2024-01-02,ten,12,9,11,5\n", '"open" must hold numbers and holds "ten" in row 3'),
        (HEAD + GOOD + '2024-01-02,"1,000",12,9,11,5\n', "whether the comma in the prices is the decimal sign"),
        (HEAD + GOOD + "2024-01-02,inf,inf,9,11,5\n", "infinite in row 3"),
        (HEAD + GOOD + "2024-01-02,10,1e400,9,11,5\n", "infinite in row 3"),
        (HEAD + GOOD + "2024-01-02,10,12,9,11,1e400\n", "volume is negative or infinite in row 3"),
        (HEAD + GOOD + "2024-01-02,10,12,9,11,-1\n", "volume is negative or infinite in row 3"),
        (HEAD + GOOD + "2024-01-02,null,12,9,11,5\n", "a price is missing in row 3"),
        (HEAD + GOOD + "2024-01-02,10,12,9,,5\n", "a price is missing in row 3"),
        (HEAD + GOOD + "2024-01-02,0,12,0,11,5\n", "zero or negative in row 3"),
        (HEAD + GOOD + "2024-01-01,10,12,9,11.5,5\n", "repeated with other prices in row 3"),
        (HEAD + GOOD + ",10,12,9,11,5\n", "the time is empty in row 3"),
        (HEAD + "01/02/2024,10,12,9,11,5\n", "order of day and month cannot be told from the dates (such as 01/02/2024)"),
        (HEAD + GOOD + "2024-02-30,10,12,9,11,5\n", '(such as "2024-02-30") is not understood in row 3'),
        (HEAD + "1704067200.5,10,12,9,11,5\n", "not on a whole second in row 2"),
        (HEAD + "2024-01-01T00:00:00.250Z,10,12,9,11,5\n", "whole second"),
        (HEAD + "99999999999999999999999999,10,12,9,11,5\n", "outside the years 1900 to 2099 in row 2"),
        (HEAD + "0001-01-01,10,12,9,11,5\n", "outside the years"),
        (HEAD + "2024-01-01T10:00Z,10,12,9,11,5\n2024-01-01T11:00,10,12,9,11,5\n", "no time zone while others do in row 3"),
        ("[[1,2,3]]", "holds no list of candles"),
        ("[]", "no candles"),
        ("{}", "no candles in it"),
        ("[[1,2", "not valid JSON"),
        ("[" * 200_000, "not valid JSON"),
        ('[[1704067200000,1,2,1,2,3],[1704067260000,1,"x",1,2,3]]', 'must hold numbers and holds "x" in row 2'),
        ("[[1704067200000,1,2,NaN,2,3]]", "a price is missing in row 1"),
        ("[[null,1,2,1,2,3]]", "No column of times can be found"),
        (b"PAR1", "damaged"),
        (b"PAR1" + bytes(200) + b"PAR1", "damaged"),
        (_parquet(time=[1704067200], open=[1.0]), "columns high, low, close cannot be found"),
        (_parquet(time=[1704067200], open=[True], high=[1.0], low=[1.0], close=[1.0]), "must hold numbers; one of their columns holds bool"),
        (_parquet(time=[None, 1704067200], open=[1, 1], high=[1, 1], low=[1, 1], close=[1, 1]), "empty in row 1"),
        (_parquet(time=[[1]], open=[1.0], high=[1.0], low=[1.0], close=[1.0]), "no times"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_with_a_clear_sentence(content: bytes | str, says: str) -> None:
    sentence = refusal(content)
    assert says in sentence
    assert sentence.endswith((".", ")."))
    assert len(sentence) < 400


def test_too_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "2,000,002 rows; up to 2,000,000" in refusal(HEAD + GOOD * 2_000_002)
    monkeypatch.setattr("services.candles.opening.MAX_BYTES", 2 * 1024 * 1024)
    assert "3 MB; up to 2 MB" in refusal(b"1" * (3 * 1024 * 1024))
    monkeypatch.setattr("services.candles.columnar.MAX_ROWS", 1)
    assert "2 rows" in refusal(_parquet(time=[1, 2], open=[1, 1], high=[1, 1], low=[1, 1], close=[1, 1]))
    assert opening.MAX_ROWS == 2_000_000


def test_naive_times_need_a_zone() -> None:
    text = HEAD + "2024-01-02 09:30,10,12,9,11,5\n2024-01-02 09:35,10,12,9,11,5\n"
    assert refusal(text) == "The times in this file carry no time zone; say which one they are in."
    assert '"Mars/Base" is no time zone' in refusal(text, tz="Mars/Base")
    for zone, opened in (("America/New_York", "14:30"), ("-05:00", "14:30"), ("UTC+2", "07:30"), ("UTC", "09:30")):
        frame = read_candles(text.encode(), filename="x", tz=zone, now=NOW).frame
        assert frame["time"].dt.strftime("%H:%M").tolist()[0] == opened
    days = (HEAD + "2024-01-02,10,12,9,11,5\n").encode()
    for options in ({}, {"tz": "America/New_York"}):
        assert str(read_candles(days, filename="x", now=NOW, **options).frame["time"][0]) == "2024-01-02 00:00:00+00:00"


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_hours_around_a_change_of_clocks(newest_first: bool) -> None:
    """The hour that comes twice in autumn is told apart by order; one that does not exist in spring is refused."""
    hours = ["00:00", "01:00", "01:00", "02:00"]
    rows = [f"2024-11-03 {hour},10,{12 + i},9,11,5\n" for i, hour in enumerate(hours)]
    text = HEAD + "".join(rows[::-1] if newest_first else rows)
    frame = read_candles(text.encode(), filename="x", tz="America/New_York", now=NOW).frame
    assert frame["time"].dt.strftime("%H").tolist() == ["04", "05", "06", "07"]
    assert frame["high"].tolist() == [12, 13, 14, 15]
    spring = HEAD + "2024-03-10 01:00,10,12,9,11,5\n2024-03-10 02:30,10,12,9,11,5\n"
    assert "does not exist in the zone America/New_York (change of the clocks) in row 3" in refusal(
        spring, tz="America/New_York"
    )


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_violations_are_found_in_their_rows(data: st.DataObject) -> None:
    """Every bar whose high or low does not hold is named by its row in the file, blank lines counted."""
    count = data.draw(st.integers(1, 25))
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    side = data.draw(st.sampled_from(["high", "low"]))
    lines, expected, row = [HEAD], [], 1
    for i in range(count):
        if data.draw(st.booleans()):
            lines.append("\n")
            row += 1
        row += 1
        top = 10.0 + data.draw(st.integers(0, 5))
        high = top - 0.5 if i in bad and side == "high" else top + 1
        low = 9.75 if i in bad and side == "low" else 8.0
        lines.append(f"{1_704_067_200 + 60 * i},9.5,{high},{low},{top},1\n")
        if i in bad:
            expected.append(row)
    sentence = refusal("".join(lines))
    what = re.search(rf"{side} is (?:above|below) open or close in rows? ([\d, and]+)", sentence)
    assert what is not None, sentence
    assert [int(n) for n in re.findall(r"\d+", what[1])] == expected


def test_many_bad_rows_are_counted_and_reasons_joined() -> None:
    bars = "".join(f"{1_704_067_200 + 60 * i},10,9,8,11,1\n" for i in range(9)) + "1800000000,nan,12,9,11,1\n"
    sentence = refusal(HEAD + bars)
    assert "high is below open or close in rows 2, 3, 4 and 6 more" in sentence
    assert "a price is missing in row 11" in sentence


def test_nonpositive_prices_only_when_allowed() -> None:
    text = HEAD + "2020-04-20,17.73,17.85,-40.32,-37.63,5\n"
    assert "zero or negative in row 2" in refusal(text)
    frame = read_candles(text.encode(), filename="x", allow_nonpositive=True, now=NOW).frame
    assert np.asarray(frame["close"]).tolist() == [-37.63]
