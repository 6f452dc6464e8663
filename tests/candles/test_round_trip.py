"""Candles written in a shape put together at random come back as they were."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from services.candles.importer import Reading, read_candles
from tests.support.candle_files import NOW
from tests.support.candle_shapes import walk

TIMES = {"iso": "%Y-%m-%d %H:%M:%S", "dots": "%d.%m.%Y %H:%M:%S", "us": "%m/%d/%Y %H:%M", "eu": "%d/%m/%Y %H:%M",
         "words": "%d %b %Y %H:%M", "compact": "%Y%m%d %H%M%S", "half": "%m/%d/%Y %I:%M %p"}  # fmt: skip
HEADS = {"time": ("time", "Date", "timestamp", "Datum"), "open": ("open", "O", "Open Price", "Eröffnung"),
         "high": ("high", "H", "Max", "Hoch"), "low": ("low", "L", "Min", "Tief"),
         "close": ("close", "C", "Last", "Schluss"), "volume": ("volume", "V", "Vol.", "Stück")}  # fmt: skip


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_what_was_written_is_read(data: st.DataObject) -> None:
    bars = walk(
        data.draw(st.integers(5, 60)),
        60 * data.draw(st.sampled_from([1, 5, 60, 240])),
        seed=data.draw(st.integers(0, 99)),
    )
    decimal = data.draw(st.sampled_from([".", ","]))
    by = data.draw(st.sampled_from([";", "\t", "|"] if decimal == "," else [",", ";", "\t", "|"]))
    form, newest = data.draw(st.sampled_from(list(TIMES))), data.draw(st.booleans())
    order = data.draw(st.permutations(list(HEADS)))
    language = data.draw(st.integers(0, 3))
    thousands = "." if decimal == "," else ","
    grouped = data.draw(st.booleans()) and thousands != by
    scale = 100 if grouped else 1

    def number(value: float) -> str:
        text = f"{value * scale:,.2f}" if grouped else f"{value:.2f}"
        return text.translate(str.maketrans({",": thousands, ".": decimal}))

    def cell(bar: tuple[float, ...], role: str) -> str:
        if role == "time":
            return datetime.fromtimestamp(bar[0], UTC).strftime(TIMES[form])
        return number(bar[list(HEADS).index(role)])

    rows = [by.join(cell(bar, role) for role in order) for bar in (bars[::-1] if newest else bars)]
    before = data.draw(st.sampled_from(["", "Exported by a terminal\n", "# a remark\n\n"]))
    text = (
        before
        + "\n".join([by.join(HEADS[role][language] for role in order), *rows])
        + data.draw(st.sampled_from(["", "\n"]))
    )
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    asked = {"us": "mdy", "half": "mdy", "eu": "dmy"}.get(form)
    found = read_candles(text.encode(encoding), filename="x", reading=Reading(date_order=asked, tz="UTC"), now=NOW)
    assert (found.frame["time"].astype("int64") // 1_000_000).tolist() == [bar[0] for bar in bars]
    for i, column in enumerate(("open", "high", "low", "close", "volume"), start=1):
        assert found.frame[column].round(6).tolist() == [round(bar[i] * scale, 2) for bar in bars], column
