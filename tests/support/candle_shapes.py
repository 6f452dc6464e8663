"""The same candles in the shapes that exchanges, brokers, charts, libraries and spreadsheets write.

Each shape says whether it is for daily bars, the zone to give for times without one, and other answers it needs.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as pf

from tests.support.candle_files import Bar

Made = bytes
NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class Shape:
    write: Callable[[Sequence[Bar]], bytes]
    daily: bool = False
    filename: str = "file.csv"
    given: dict[str, Any] = field(default_factory=dict)
    volume: bool = True
    symbol: str | None = None


def walk(rows: int, step: int, start: int = 1_709_544_600, seed: int = 7) -> list[Bar]:
    """Bars that open where the last one closed, with prices of two decimals."""
    rng = np.random.default_rng(seed)
    closes = np.round(100 + np.cumsum(rng.normal(0, 0.6, rows + 1)), 2)
    bars: list[Bar] = []
    for i in range(rows):
        o, c = float(closes[i]), float(closes[i + 1])
        high = round(max(o, c) + float(rng.integers(1, 40)) / 100, 2)
        low = round(min(o, c) - float(rng.integers(1, 40)) / 100, 2)
        bars.append((start + i * step, o, high, low, c, float(rng.integers(300, 9_999))))
    return bars


def at(bar: Bar, shape: str, zone: Any = UTC) -> str:
    return datetime.fromtimestamp(bar[0], zone).strftime(shape)


def num(value: float, form: str = "{:.2f}") -> str:
    return form.format(value)


def lines(rows: Sequence[Sequence[object]], by: str = ",", head: str = "") -> bytes:
    text = [head] if head else []
    return ("\n".join([*text, *(by.join(map(str, row)) for row in rows)]) + "\n").encode()


def prices(bar: Bar) -> list[float]:
    return [bar[1], bar[2], bar[3], bar[4]]


def comma(value: float, places: int = 2) -> str:
    return f"{value:.{places}f}".replace(".", ",")


def csv(head: str, time: str, by: str = ",", zone: Any = UTC, tail: str = "") -> Callable[[Sequence[Bar]], bytes]:
    return lambda bars: lines([[at(b, time, zone), *prices(b), b[5]] for b in bars], by, head) + tail.encode()


def frame(bars: Sequence[Bar]) -> pd.DataFrame:
    table = pd.DataFrame(bars, columns=["time", "open", "high", "low", "close", "volume"])
    table["time"] = pd.to_datetime(table["time"], unit="s", utc=True)
    return table


def _to_bytes(write: Callable[[io.BytesIO], object]) -> bytes:
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def as_json(make: Callable[[Sequence[Bar]], object]) -> Callable[[Sequence[Bar]], bytes]:
    return lambda bars: json.dumps(make(bars)).encode()


def ms(bar: Bar) -> int:
    return bar[0] * 1000


def iso(bar: Bar) -> str:
    return at(bar, "%Y-%m-%dT%H:%M:%SZ")


def yfinance_three_rows(bars: Sequence[Bar]) -> bytes:
    head = "Price,Close,High,Low,Open,Volume\nTicker,AAPL,AAPL,AAPL,AAPL,AAPL\nDate,,,,,"
    return lines([[at(b, "%Y-%m-%d"), b[4], b[2], b[3], b[1], int(b[5])] for b in bars], ",", head)


def investing(bars: Sequence[Bar]) -> bytes:
    def short(volume: float) -> str:
        return f"{volume / 1000:.3f}K"

    rows = [[f'"{at(b, "%m/%d/%Y")}"', *(f'"{num(v)}"' for v in (b[4], b[1], b[2], b[3])), f'"{short(b[5])}"', '"0.1%"']
            for b in bars[::-1]]  # fmt: skip
    return b"\xef\xbb\xbf" + lines(rows, ",", '"Date","Price","Open","High","Low","Vol.","Change %"')


def investing_german(bars: Sequence[Bar]) -> bytes:
    rows = [[f'"{at(b, "%d.%m.%Y")}"', *(f'"{comma(v)}"' for v in (b[4], b[1], b[2], b[3])), f'"{comma(b[5] / 1000, 3)}K"',
             '"0,1%"'] for b in bars[::-1]]  # fmt: skip
    return lines(rows, ",", '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"')


def nasdaq(bars: Sequence[Bar]) -> bytes:
    rows = [[at(b, "%m/%d/%Y"), *(f"${num(v)}" for v in (b[4],)), f'"{b[5]:,.0f}"', *(f"${num(v)}" for v in b[1:4])]
            for b in bars[::-1]]  # fmt: skip
    return lines(rows, ",", "Date,Close/Last,Volume,Open,High,Low")


def swiss(bars: Sequence[Bar]) -> bytes:
    def big(v: float) -> str:
        return f"{v * 100:,.2f}".replace(",", "'")

    rows = [[at(b, "%d.%m.%Y"), *(big(v / 100) for v in prices(b)), f"{b[5]:,.0f}".replace(",", "'")] for b in bars]
    return lines(rows, ";", "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen")


def french(bars: Sequence[Bar]) -> bytes:
    rows = [[at(b, "%d/%m/%Y"), *(comma(v) for v in prices(b)), f"{b[5]:,.0f}".replace(",", "\u202f")] for b in bars]
    return (
        lines(rows, ";", "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume").decode().replace("Date;", "Jour;").encode()
    )


def with_rounding(bars: Sequence[Bar]) -> bytes:
    """Highs that miss the close by the last digit of a double."""
    rows = [[b[0], b[1], float(np.nextafter(max(b[1], b[4]), 0)) if i == 0 else b[2], b[3], b[4], b[5]]
            for i, b in enumerate(bars)]  # fmt: skip
    return lines(rows, ",", "time,open,high,low,close,volume")


def workbook(bars: Sequence[Bar], *, text_dates: bool = False, local: bool = False) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Exported candles"])
    sheet.append([])
    sheet.append(["Date", "Open", "High", "Low", "Close", "Volume"])
    for b in bars:
        moment = datetime.fromtimestamp(b[0], UTC).replace(tzinfo=None)
        sheet.append([moment.strftime("%d.%m.%Y") if text_dates else moment, *b[1:6]])
    return _to_bytes(book.save)


def two_sheets(bars: Sequence[Bar]) -> bytes:
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(workbook(bars)))
    book.create_sheet("Notes", 0)["A1"] = "Nothing here"
    return _to_bytes(book.save)


def oanda(bars: Sequence[Bar]) -> object:
    def price(b: Bar) -> dict[str, str]:
        return {"o": num(b[1]), "h": num(b[2]), "l": num(b[3]), "c": num(b[4])}

    candles = [{"complete": True, "volume": int(b[5]), "time": at(b, "%Y-%m-%dT%H:%M:%S.000000000Z"), "mid": price(b)}
               for b in bars]  # fmt: skip
    return {"instrument": "EUR_USD", "granularity": "M5", "candles": candles}


def yahoo_chart(bars: Sequence[Bar]) -> object:
    quote = {"open": [b[1] for b in bars], "close": [b[4] for b in bars], "low": [b[3] for b in bars],
             "high": [b[2] for b in bars], "volume": [b[5] for b in bars]}  # fmt: skip
    meta = {"symbol": "AAPL", "exchangeTimezoneName": "America/New_York", "validRanges": ["1d", "5d"]}
    result = {"meta": meta, "timestamp": [b[0] for b in bars], "indicators": {"quote": [quote]}}
    return {"chart": {"result": [result], "error": None}}


def alpha_vantage_json(bars: Sequence[Bar]) -> object:
    heads = ("1. open", "2. high", "3. low", "4. close", "5. volume")
    meta = {"1. Information": "Intraday", "2. Symbol": "IBM", "4. Interval": "5min", "6. Time Zone": "US/Eastern"}
    series = {at(b, "%Y-%m-%d %H:%M:%S", NEW_YORK): dict(zip(heads, map(str, b[1:]), strict=True)) for b in bars[::-1]}
    return {"Meta Data": meta, "Time Series (5min)": series}


def kraken(bars: Sequence[Bar]) -> object:
    rows = [[b[0], *(num(v) for v in prices(b)), num((b[2] + b[3]) / 2), str(b[5]), 12] for b in bars]
    return {"error": [], "result": {"XXBTZUSD": rows, "last": bars[-1][0]}}


def twelve_data(bars: Sequence[Bar]) -> object:
    meta = {"symbol": "AAPL", "interval": "5min", "exchange_timezone": "America/New_York"}
    values = [{"datetime": at(b, "%Y-%m-%d %H:%M:%S", NEW_YORK), **dict(zip(("open", "high", "low", "close", "volume"),
               map(str, b[1:]), strict=True))} for b in bars[::-1]]  # fmt: skip
    return {"meta": meta, "values": values, "status": "ok"}


def fixed_width(bars: Sequence[Bar]) -> bytes:
    table = frame(bars)
    table["time"] = table["time"].dt.tz_localize(None)
    return table.set_index("time").to_string().encode()


def excel_days(bars: Sequence[Bar]) -> bytes:
    rows = [[f"{b[0] / 86400 + 25569:.8f}", *prices(b), b[5]] for b in bars]
    return lines(rows, ",", "Date,Open,High,Low,Close,Volume")


def holidays(bars: Sequence[Bar]) -> bytes:
    rows: list[list[object]] = [[at(b, "%Y-%m-%d"), *prices(b), b[4], b[5]] for b in bars]
    last = datetime.fromtimestamp(bars[-1][0], UTC) + timedelta(days=1)
    rows.insert(3, ["2023-12-25", *["null"] * 6])
    rows.append([last.strftime("%Y-%m-%d"), *["null"] * 6])
    return lines(rows, ",", "Date,Open,High,Low,Close,Adj Close,Volume")


def millions(bars: Sequence[Bar]) -> bytes:
    rows = [[at(b, "%Y-%m-%d"), *prices(b), f"{b[5] / 1e6:.6f}M"] for b in bars]
    return lines(rows, ",", "Date,Open,High,Low,Close,Volume")


HEAD = "time,open,high,low,close,volume"
UP = "Date,Open,High,Low,Close,Volume"
NAIVE = {"tz": "UTC"}
US = {"tz": "America/New_York"}
_NY = "%Y-%m-%d %H:%M:%S"

SHAPES: dict[str, Shape] = {
    "tabs": Shape(csv(HEAD.replace(",", "\t"), "%Y-%m-%dT%H:%M:%SZ", "\t")),
    "pipes": Shape(csv(HEAD.replace(",", "|"), "%Y-%m-%dT%H:%M:%SZ", "|")),
    "semicolons": Shape(csv(HEAD.replace(",", ";"), "%Y-%m-%dT%H:%M:%SZ", ";")),
    "single blanks, unix time": Shape(lambda bars: lines([[*b] for b in bars], " ", HEAD.replace(",", " "))),
    "pandas to_string": Shape(fixed_width, given=NAIVE),
    "date and time divided by blanks": Shape(
        csv("date time open high low close volume", "%Y-%m-%d %H:%M:%S", " "), given=NAIVE),
    "iso with offset and T": Shape(csv(HEAD, "%Y-%m-%dT%H:%M:%S%z", zone=NEW_YORK)),
    "iso with GMT offset": Shape(csv("Local time,Open,High,Low,Close,Volume", "%d.%m.%Y %H:%M:%S.000 GMT%z", zone=NEW_YORK)),
    "zone abbreviations in the cells": Shape(csv(HEAD, "%Y-%m-%d %H:%M:%S %Z", zone=NEW_YORK)),
    "zone names in the cells": Shape(csv("date,open,high,low,close,volume", "%Y%m%d %H:%M:%S US/Eastern", zone=NEW_YORK)),
    "go's times": Shape(csv(HEAD, "%Y-%m-%d %H:%M:%S +0000 UTC")),
    "java's times": Shape(csv(HEAD, "%Y-%m-%dT%H:%M:%SZ[UTC]")),
    "zone in the head": Shape(csv("Date (UTC),Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M")),
    "zone in the head, with underscore": Shape(csv("timestamp_utc,open,high,low,close,volume", "%Y-%m-%d %H:%M:%S")),
    "offset in the head": Shape(
        lambda bars: csv("Time (UTC-5),Open,High,Low,Close,Volume", "%Y-%m-%d %H:%M")(
            [(b[0] - 18_000, *b[1:]) for b in bars])),
    "zone in a preamble": Shape(csv("# Symbol: ESH4\n# Timezone: America/New_York\n" + HEAD, _NY, zone=NEW_YORK),
                                symbol="ESH4"),
    "month name and clock": Shape(csv("Date;Open;High;Low;Close;Volume", "%d-%b-%Y %H:%M", ";"), given=NAIVE),
    "RFC 2822": Shape(csv("time;open;high;low;close;volume", "%a, %d %b %Y %H:%M:%S GMT", ";")),
    "long month names": Shape(csv("Date;Open;High;Low;Close;Volume", "%B %d, %Y", ";"), daily=True),
    "german month names": Shape(
        lambda bars: csv("Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", "%d. %B %Y", ";")(bars).replace(
            b"January", b"Januar").replace(b"March", "März".encode()).replace(b"May", b"Mai")
        .replace(b"February", b"Februar"), daily=True),
    "american clock": Shape(csv("Date;Open;High;Low;Close;Volume", "%m/%d/%Y %I:%M:%S %p", ";"),
                            given={"tz": "UTC", "date_order": "mdy"}),
    "two-digit years": Shape(csv(UP, "%m/%d/%y"), daily=True),
    "european dates with slashes": Shape(csv(UP, "%d/%m/%Y"), daily=True),
    "european dates with dashes": Shape(csv(UP, "%d-%m-%Y"), daily=True),
    "date and clock of digits": Shape(
        lambda bars: lines([[at(b, "%Y%m%d"), int(at(b, "%H%M%S")), *prices(b), b[5]] for b in bars], ",",
                           "Date,Time,Open,High,Low,Close,Volume"), given=NAIVE),
    "date and clock under other names": Shape(
        csv("Tag;Uhrzeit;Erster;Hoch;Tief;Letzter;Stück", "%d.%m.%Y;%H:%M", ";"), given=NAIVE),
    "date and am/pm clock": Shape(csv("Date,Time,Open,High,Low,Close,Volume", "%Y/%m/%d,%I:%M %p"), given=NAIVE),
    "compact date and time": Shape(csv("stamp,open,high,low,close,volume", "%Y%m%d%H%M%S"), given=NAIVE),
    "compact without seconds": Shape(csv("dt,open,high,low,close,volume", "%Y%m%d%H%M"), given=NAIVE),
    "nanoseconds": Shape(lambda bars: lines([[b[0] * 10**9, *b[1:]] for b in bars], ",", "ts," + HEAD[5:])),
    "microseconds": Shape(lambda bars: lines([[b[0] * 10**6, *b[1:]] for b in bars], ",", "ts," + HEAD[5:])),
    "quoted milliseconds": Shape(
        lambda bars: lines([[f'"{v}"' for v in (ms(b), *b[1:])] for b in bars], ",",
                           '"time","open","high","low","close","volume"')),
    "excel day numbers": Shape(excel_days),
    "newest first": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars[::-1])),
    "index column": Shape(lambda bars: frame(bars).to_csv().encode()),
    "unnamed index of times": Shape(lambda bars: frame(bars).set_index("time").rename_axis(None).to_csv().encode()),
    "yfinance, three rows of heads": Shape(yfinance_three_rows, daily=True, symbol="AAPL"),
    "investing.com": Shape(investing, daily=True),
    "investing.com, german": Shape(investing_german, daily=True),
    "nasdaq.com with dollars": Shape(nasdaq, daily=True),
    "swiss thousands": Shape(swiss, daily=True),
    "french, narrow blanks": Shape(french, daily=True),
    "volume in millions": Shape(millions, daily=True),
    "null rows of holidays": Shape(holidays, daily=True),
    "stooq, polish": Shape(csv("Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", "%Y-%m-%d"), daily=True),
    "chinese": Shape(csv("日期,开盘,最高,最低,收盘,成交量", "%Y-%m-%d"), daily=True),
    "russian in cp1252's place": Shape(csv("Дата;Открытие;Максимум;Минимум;Закрытие;Объём", "%d.%m.%Y", ";"), daily=True),
    "cp1252": Shape(
        lambda bars: csv("Datum;Eröffnung;Hoch;Tief;Schluss;Stück", "%d.%m.%Y", ";")(bars).decode().encode("cp1252"),
        daily=True),
    "utf-16 with line ends of windows": Shape(
        lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).decode().replace("\n", "\r\n").encode("utf-16")),
    "utf-16 without mark": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).decode().encode("utf-16-le")),
    "old mac line ends": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).replace(b"\n", b"\r")),
    "sep line of excel": Shape(csv("sep=;\n" + HEAD.replace(",", ";"), "%Y-%m-%dT%H:%M:%SZ", ";")),
    "preamble and footer": Shape(csv("Data from a broker\nSymbol: EURUSD\n\n" + HEAD, "%Y-%m-%dT%H:%M:%SZ",
                                     tail="\nTotal,,,,,123\nNot advice.\n"), symbol="EURUSD"),
    "blank lines between": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).replace(b"\n", b"\n\n")),
    "commas at the ends": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).replace(b"\n", b",\n")),
    "no line end at the end": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars).rstrip()),
    "head repeated": Shape(lambda bars: csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars[:50]) + csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars[50:])),
    "scientific prices": Shape(
        lambda bars: lines([[b[0], *(f"{v:.8E}" for v in prices(b)), f"{b[5]:.4E}"] for b in bars], ",", HEAD)),
    "rounded highs": Shape(with_rounding),
    "up and down volume": Shape(
        lambda bars: lines([[at(b, "%m/%d/%Y,%H:%M"), *prices(b), b[5] - 100, 100] for b in bars], ",",
                           '"Date","Time","Open","High","Low","Close","Up","Down"'), given=NAIVE),
    "base and quote volume": Shape(
        lambda bars: lines([[ms(b), *prices(b), b[5] * b[4], b[5]] for b in bars], ",",
                           "open_time,open,high,low,close,quote_volume,volume")),
    "open and close times": Shape(
        lambda bars: lines([[ms(b) + 299_999, ms(b), *prices(b), b[5]] for b in bars], ",", "close_time,open_time," + HEAD[5:])),
    "headless, close before high": Shape(lambda bars: lines([[b[0], b[1], b[4], b[2], b[3], b[5]] for b in bars])),
    "fxcm bid and ask": Shape(
        lambda bars: lines([[iso(b), b[1], b[4], b[2], b[3], b[1] + 1, b[4] + 1, b[2] + 1, b[3] + 1, b[5]] for b in bars], ",",
                           "date,bidopen,bidclose,bidhigh,bidlow,askopen,askclose,askhigh,asklow,tickqty")),
    "gzip": Shape(lambda bars: gzip.compress(csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars)), filename="file.csv.gz"),
    "bzip2": Shape(lambda bars: bz2.compress(csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars))),
    "xz": Shape(lambda bars: lzma.compress(csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars))),
    "zip": Shape(lambda bars: zipped({"BTCUSDT-5m-2024-03.csv": csv(HEAD, "%Y-%m-%dT%H:%M:%SZ")(bars)}),
                 filename="archive.zip", symbol="BTCUSDT"),
    "zip with a status report beside": Shape(
        lambda bars: zipped({"a/DAT_ASCII_EURUSD_M1_2023.csv": lines(
            [[datetime.fromtimestamp(b[0] - 18_000, UTC).strftime("%Y%m%d %H%M%S"), *b[1:]] for b in bars], ";"),
            "a/DAT_ASCII_EURUSD_M1_2023.txt": b"Gap of 120s found between 20230101 and 20230102.\n"}),
        filename="HISTDATA_COM_ASCII_EURUSD_M12023.zip", symbol="EURUSD"),
    "feather": Shape(lambda bars: _to_bytes(lambda sink: pf.write_feather(frame(bars), sink)), filename="file.feather"),
    "feather of pandas, dictionary symbol": Shape(
        lambda bars: _to_bytes(lambda sink: pf.write_feather(
            frame(bars).assign(symbol=pd.Categorical(["ES"] * len(bars))), sink)), symbol="ES"),
    "parquet with capitals": Shape(
        lambda bars: _to_bytes(frame(bars).rename(columns=str.capitalize).set_index("Time").to_parquet)),
    "parquet of text": Shape(lambda bars: _to_bytes(frame(bars).astype(str).to_parquet)),
    "parquet of decimals": Shape(lambda bars: _to_bytes(pa_decimals(bars))),
    "workbook": Shape(workbook, daily=True, filename="file.xlsx"),
    "workbook with times": Shape(workbook, given=NAIVE, filename="file.xlsx"),
    "workbook with dates as text": Shape(lambda bars: workbook(bars, text_dates=True), daily=True),
    "workbook of two sheets": Shape(two_sheets, daily=True),
    "json, ccxt": Shape(as_json(lambda bars: [[ms(b), *b[1:]] for b in bars])),
    "json, objects": Shape(as_json(lambda bars: [dict(zip(("t", "o", "h", "l", "c", "v"), b, strict=True)) for b in bars])),
    "json, columns": Shape(as_json(lambda bars: {k: list(v) for k, v in zip("tohlcv", zip(*bars, strict=True), strict=True)} | {"s": "ok"})),
    "json, oanda": Shape(as_json(oanda), symbol="EUR_USD"),
    "json, yahoo chart": Shape(as_json(yahoo_chart), symbol="AAPL"),
    "json, alpha vantage": Shape(as_json(alpha_vantage_json), symbol="IBM"),
    "json, kraken": Shape(as_json(kraken), symbol="XXBTZUSD"),
    "json, bybit": Shape(as_json(lambda bars: {"result": {"symbol": "BTCUSDT", "list": [
        [str(ms(b)), *map(str, b[1:]), "1"] for b in bars[::-1]]}}), symbol="BTCUSDT"),
    "json, kucoin order": Shape(as_json(lambda bars: {"data": [
        [str(b[0]), *map(str, (b[1], b[4], b[2], b[3], b[5], 1))] for b in bars[::-1]]})),
    "json, bitfinex order": Shape(as_json(lambda bars: [[ms(b), b[1], b[4], b[2], b[3], b[5]] for b in bars])),
    "json, gate order": Shape(as_json(lambda bars: [
        [str(b[0]), str(b[5] * 100), *map(str, (b[4], b[2], b[3], b[1], b[5]))] for b in bars])),
    "json, twelve data": Shape(as_json(twelve_data), symbol="AAPL"),
    "json, polygon": Shape(as_json(lambda bars: {"ticker": "AAPL", "results": [
        {"v": b[5], "vw": b[1], "o": b[1], "c": b[4], "h": b[2], "l": b[3], "t": ms(b), "n": 5} for b in bars]}), symbol="AAPL"),
    "json, pandas columns": Shape(lambda bars: frame(bars).assign(time=[ms(b) for b in bars]).to_json().encode()),
    "json, pandas split": Shape(lambda bars: frame(bars).assign(time=[ms(b) for b in bars]).to_json(orient="split").encode()),
    "json, pandas by index": Shape(lambda bars: frame(bars).set_index("time").to_json(orient="index", date_unit="ms").encode()),
    "json lines": Shape(lambda bars: b"\n".join(json.dumps(dict(zip(HEAD.split(","), b, strict=True))).encode() for b in bars)),
}  # fmt: skip


def pa_decimals(bars: Sequence[Bar]) -> Callable[[io.BytesIO], object]:
    from decimal import Decimal

    import pyarrow.parquet as pq

    columns = {name: pa.array([Decimal(f"{b[i + 1]:.2f}") for b in bars])
               for i, name in enumerate(("open", "high", "low", "close", "volume"))}  # fmt: skip
    table = pa.table({"date": pa.array([b[0] * 10**6 for b in bars], type=pa.timestamp("us", tz="UTC")), **columns})
    return lambda sink: pq.write_table(table, sink)
