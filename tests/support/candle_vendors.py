"""The same candles as more brokers, exchanges, charts and data sellers write them, with what is odd in each."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tests.support.candle_files import Bar
from tests.support.candle_shapes import (
    NAIVE,
    NEW_YORK,
    US,
    Shape,
    as_json,
    at,
    comma,
    csv,
    iso,
    lines,
    ms,
    num,
    prices,
    zipped,
)

Writer = Callable[[Sequence[Bar]], bytes]
KOLKATA = ZoneInfo("Asia/Kolkata")


def rows(head: str, row: Callable[[Bar], Sequence[object]], by: str = ",", *, back: bool = False) -> Writer:
    """A writer of one line a bar; `back` puts the newest first."""
    return lambda bars: lines([row(b) for b in (bars[::-1] if back else bars)], by, head)


def windows(write: Writer) -> Writer:
    """With a byte order mark and the line ends of Windows."""
    return lambda bars: b"\xef\xbb\xbf" + write(bars).replace(b"\n", b"\r\n")


def yahoo_page(bars: Sequence[Bar]) -> bytes:
    """A copy of Yahoo's page: dividends and splits stand between the candles, the newest first."""

    def day(b: Bar) -> str:
        return at(b, "%b %d, %Y").replace(" 0", " ")

    table: list[list[object]] = [[day(b), *map(num, prices(b)), num(b[4]), f"{b[5]:,.0f}"] for b in bars[::-1]]
    table.insert(4, [day(bars[-4]), "0.24 Dividend"])
    table.insert(9, [day(bars[-8]), "4:1 Stock Splits"])
    return lines(table, "\t", "Date\tOpen\tHigh\tLow\tClose Close price adjusted for splits.\tAdj Close\tVolume")


def nse(bars: Sequence[Bar]) -> bytes:
    def lakh(value: float) -> str:
        whole, rest = f"{value:.2f}".split(".")
        head, tail = whole[:-3], whole[-3:]
        parts: list[str] = []
        while len(head) > 2:
            head, part = head[:-2], head[-2:]
            parts.insert(0, part)
        return ",".join([p for p in (head, *parts, tail) if p]) + "." + rest

    head = '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","52W H","52W L","VOLUME ","VALUE "'
    table = [[f'"{at(b, "%d-%b-%Y")}"', '"EQ"', *(f'"{lakh(v)}"' for v in (b[1], b[2], b[3], b[1], b[4], b[4], b[1], 250, 50)),
              f'"{lakh(b[5])[:-3]}"', f'"{lakh(b[5] * 100000)}"'] for b in bars[::-1]]  # fmt: skip
    return b"\xef\xbb\xbf" + lines(table, ",", head)


def boerse(bars: Sequence[Bar]) -> bytes:
    head = "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz (Stück);Umsatz (€)"
    table = [[at(b, "%d.%m.%Y"), *(comma(v) for v in (b[1], b[4], b[2], b[3])), f"{b[5]:,.0f}".replace(",", "."),
              comma(b[5] * 100)] for b in bars[::-1]]  # fmt: skip
    return lines(table, ";", head)


def euronext(bars: Sequence[Bar]) -> bytes:
    head = '"Historical Data"\n"From 2024-01-01 to 2024-04-29"\nFR0000120271\nDate;Open;High;Low;Last;Close;"Number of Shares"'
    return lines([[at(b, "%d/%m/%Y"), *prices(b), b[4], int(b[5])] for b in bars[::-1]], ";", head)


def barchart(bars: Sequence[Bar]) -> bytes:
    head = 'Time,Open,High,Low,Last,Change,%Chg,Volume,"Open Int"'
    table = [[at(b, "%Y-%m-%d"), *map(num, prices(b)), "-0.25", '"-0.25%"', int(b[5]), 99] for b in bars[::-1]]
    return lines(table, ",", head) + b'"Downloaded from Barchart.com as of 05-01-2024 10:20am CDT"\n'


def bloomberg(bars: Sequence[Bar]) -> bytes:
    head = "Security,AAPL US Equity\nStart Date,1/1/2024\nEnd Date,4/29/2024\nPeriod,D\nCurrency,USD\n\n"
    return lines([[at(b, "%Y-%m-%d"), *prices(b), int(b[5])] for b in bars], ",",
                 head + "Date,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME")  # fmt: skip


def eikon(bars: Sequence[Bar]) -> bytes:
    head = "Exchange Date,Close,Net,%Chg,Open,Low,High,Volume,Turnover - USD,Flow"
    return lines([[at(b, "%d-%b-%Y"), b[4], "+0.12", "+0.10%", b[1], b[3], b[2], f'"{b[5]:,.0f}"', f'"{b[5] * 100:,.0f}"',
                   '"-1,234"'] for b in bars[::-1]], ",", head)  # fmt: skip


def markdown(bars: Sequence[Bar]) -> bytes:
    text = ["| Date | Open | High | Low | Close | Volume |", "|------|------|------|-----|-------|--------|"]
    text += [f"| {at(b, '%Y-%m-%d')} | " + " | ".join(map(num, prices(b))) + f" | {b[5]:.0f} |" for b in bars]
    return ("\n".join(text) + "\n").encode()


def ig(bars: Sequence[Bar]) -> object:
    def price(value: float) -> dict[str, float | None]:
        return {"bid": value, "ask": value + 1, "lastTraded": None}

    found = [{"snapshotTime": at(b, "%Y/%m/%d %H:%M:%S", ZoneInfo("Europe/Berlin")), "snapshotTimeUTC": at(b, "%Y-%m-%dT%H:%M:%S"),
              "openPrice": price(b[1]), "closePrice": price(b[4]), "highPrice": price(b[2]), "lowPrice": price(b[3]),
              "lastTradedVolume": b[5]} for b in bars]  # fmt: skip
    return {"prices": found, "instrumentType": "CURRENCIES", "metadata": {"allowance": {"remainingAllowance": 9990}}}


def saxo(bars: Sequence[Bar]) -> object:
    return {"Data": [{"Time": iso(b).replace("Z", ".000000Z"), **{f"{n}Ask": v + 0.5 for n, v in named(b)},
                      **{f"{n}Bid": v for n, v in named(b)}, "Volume": b[5]} for b in bars]}  # fmt: skip


def named(bar: Bar) -> list[tuple[str, float]]:
    return list(zip(("Open", "High", "Low", "Close"), prices(bar), strict=True))


def hyperliquid(bars: Sequence[Bar]) -> object:
    return [{"T": ms(b) + 299_999, "c": num(b[4]), "h": num(b[2]), "i": "5m", "l": num(b[3]), "n": 12, "o": num(b[1]),
             "s": "BTC", "t": ms(b), "v": str(b[5])} for b in bars]  # fmt: skip


def dydx(bars: Sequence[Bar]) -> object:
    return {"candles": [{"startedAt": at(b, "%Y-%m-%dT%H:%M:%S.000Z"), "ticker": "BTC-USD", "resolution": "5MINS",
                         "low": num(b[3]), "high": num(b[2]), "open": num(b[1]), "close": num(b[4]),
                         "baseTokenVolume": str(b[5]), "usdVolume": str(b[5] * 100), "trades": 3,
                         "startingOpenInterest": "1"} for b in bars[::-1]]}  # fmt: skip


def upbit(bars: Sequence[Bar]) -> object:
    seoul = ZoneInfo("Asia/Seoul")
    return [{"market": "KRW-BTC", "candle_date_time_utc": at(b, "%Y-%m-%dT%H:%M:%S"),
             "candle_date_time_kst": at(b, "%Y-%m-%dT%H:%M:%S", seoul), "opening_price": b[1], "high_price": b[2],
             "low_price": b[3], "trade_price": b[4], "timestamp": ms(b) + 298_417, "candle_acc_trade_price": b[5] * 100,
             "candle_acc_trade_volume": b[5], "unit": 5} for b in bars[::-1]]  # fmt: skip


def moex(bars: Sequence[Bar]) -> object:
    moscow = ZoneInfo("Europe/Moscow")
    return {"candles": {"metadata": {"open": {"type": "double"}}, "columns": ["open", "close", "high", "low", "value",
            "volume", "begin", "end"], "data": [[b[1], b[4], b[2], b[3], b[5] * 100, b[5], at(b, "%Y-%m-%d %H:%M:%S", moscow),
            at((b[0] + 299, *b[1:]), "%Y-%m-%d %H:%M:%S", moscow)] for b in bars]}}  # fmt: skip


def tradier(bars: Sequence[Bar]) -> object:
    return {"series": {"data": [{"time": at(b, "%Y-%m-%dT%H:%M:%S", NEW_YORK), "timestamp": b[0], "price": (b[2] + b[3]) / 2,
            "open": b[1], "high": b[2], "low": b[3], "close": b[4], "volume": b[5], "vwap": b[1]} for b in bars]}}  # fmt: skip


def coinmarketcap(bars: Sequence[Bar]) -> bytes:
    head = "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp"

    def stamp(b: Bar, shift: int = 0) -> str:
        return f'"{datetime.fromtimestamp(b[0] + shift, UTC):%Y-%m-%dT%H:%M:%S.000Z}"'

    return lines([[stamp(b), stamp(b, 86_399).replace(".000", ".999"), stamp(b, 3660), stamp(b, 7320), '"2781"', *prices(b),
                   b[5], b[5] * 1e6, stamp(b, 86_399).replace(".000", ".999")] for b in bars[::-1]], ";", head)  # fmt: skip


def candle_zip(bars: Sequence[Bar]) -> bytes:
    rows_ = [[b[0] * 1_000_000, *b[1:], b[0] * 1_000_000 + 299_999_999, 1, 1, 1, 1, 0] for b in bars]
    return zipped(
        {"BTCUSDT-5m-2025-03.csv": lines(rows_), "BTCUSDT-5m-2025-03.zip.CHECKSUM": b"ab12  BTCUSDT-5m.zip\n"}
    )


VENDORS: dict[str, Shape] = {
    "metatrader 4, daily": Shape(csv("", "%Y.%m.%d,00:00"), daily=True, filename="EURUSD1440.csv", symbol="EURUSD"),
    "metatrader 5, windows": Shape(
        windows(rows("<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
                     lambda b: [at(b, "%Y.%m.%d"), at(b, "%H:%M:%S"), *prices(b), int(b[5]), 0, 2], "\t")),
        given=NAIVE, filename="EURUSD_M5_202403040930_202403041925.csv", symbol="EURUSD"),
    "tradingview with indicators": Shape(
        rows("time,open,high,low,close,Volume,Basis,Upper,Lower,Shapes,Plot", lambda b: [
            iso(b), *prices(b), b[5], "", b[2] + 1, b[3] - 1, "NaN", 0]),
        filename="BINANCE_BTCUSDT.P, 5_ab12c.csv", symbol="BTCUSDT.P"),
    "yahoo's page": Shape(yahoo_page, daily=True),
    "yfinance grouped by ticker": Shape(
        rows("Ticker,AAPL,AAPL,AAPL,AAPL,AAPL\nPrice,Open,High,Low,Close,Volume\nDate,,,,,",
             lambda b: [at(b, "%Y-%m-%d"), *prices(b), int(b[5])]), daily=True, symbol="AAPL"),
    "stooq in bulk": Shape(
        rows("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", lambda b: [
            "AAPL.US", "D", at(b, "%Y%m%d"), "000000", *prices(b), int(b[5]), 0]), daily=True, symbol="AAPL.US"),
    "stooq in bulk, intraday": Shape(
        rows("<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", lambda b: [
            "AAPL.US", "5", at(b, "%Y%m%d"), at(b, "%H%M%S"), *prices(b), int(b[5]), 0]), given=NAIVE, symbol="AAPL.US"),
    "metastock": Shape(
        rows("<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>", lambda b: [
            "IBM", at(b, "%Y%m%d"), *prices(b), int(b[5])]), daily=True, symbol="IBM"),
    "metastock, headless": Shape(
        rows("", lambda b: ["IBM", "5", at(b, "%Y%m%d"), at(b, "%H%M%S"), *prices(b), int(b[5]), 0]), given=NAIVE, symbol="IBM"),
    "dukascopy, its zone in the head": Shape(
        rows("Time (EET),Open,High,Low,Close,Volume ", lambda b: [
            at(b, "%Y.%m.%d %H:%M:%S", ZoneInfo("Europe/Athens")), *prices(b), b[5]]),
        filename="EURUSD_Candlestick_5_M_BID_04.03.2024-05.03.2024.csv", symbol="EURUSD"),
    "dukascopy-node": Shape(rows("timestamp,open,high,low,close,volume", lambda b: [ms(b), *b[1:]]),
                            filename="eurusd-m5-bid-2024-03-04-2024-03-05.csv", symbol="EURUSD"),
    "histdata, ninjatrader": Shape(
        lambda bars: lines([[at((b[0] - 18_000, *b[1:]), "%Y%m%d %H%M%S"), *b[1:]] for b in bars], ";"),
        filename="DAT_NT_EURUSD_M1_202403.csv", symbol="EURUSD"),
    "binance, zip with checksum": Shape(candle_zip, filename="BTCUSDT-5m-2025-03.zip", symbol="BTCUSDT"),
    "kraken's files": Shape(rows("", lambda b: [*b, 12]), filename="XBTUSD_5.csv", symbol="XBTUSD"),
    "coinbase, headless": Shape(rows("", lambda b: [b[0], b[3], b[2], b[1], b[4], b[5]], back=True),
                                filename="coinbase_BTC-USD_300.csv"),
    "cryptodatadownload, am and pm": Shape(
        rows("https://www.CryptoDataDownload.com\nDate,Symbol,Open,High,Low,Close,Volume BTC,Volume USD", lambda b: [
            at(b, "%Y-%m-%d %I-%p"), "BTCUSD", *prices(b), b[5], b[5] * 100], back=True),
        given={"tz": "UTC", "step": 3600}, symbol="BTCUSD"),
    "gemini": Shape(
        rows("https://www.CryptoDataDownload.com\nUnix Timestamp,Date,Symbol,Open,High,Low,Close,Volume", lambda b: [
            ms(b), at(b, "%Y-%m-%d %H:%M:%S"), "BTCUSD", *b[1:]], back=True), symbol="BTCUSD"),
    "alpaca, csv": Shape(
        rows("symbol,timestamp,open,high,low,close,volume,trade_count,vwap", lambda b: [
            "AAPL", at(b, "%Y-%m-%d %H:%M:%S+00:00"), *prices(b), b[5], 21.0, b[1]]), symbol="AAPL"),
    "alpaca, json": Shape(as_json(lambda bars: {"bars": {"AAPL": [
        {"c": b[4], "h": b[2], "l": b[3], "n": 3, "o": b[1], "t": iso(b), "v": b[5], "vw": b[1]} for b in bars]},
        "next_page_token": None}), symbol="AAPL"),
    "polygon, flat file": Shape(
        lambda bars: gzip.compress(rows("ticker,volume,open,close,high,low,window_start,transactions", lambda b: [
            "AAPL", int(b[5]), b[1], b[4], b[2], b[3], b[0] * 10**9, 7])(bars)), filename="2024-03-04.csv.gz", symbol="AAPL"),
    "alpha vantage, adjusted": Shape(
        rows("timestamp,open,high,low,close,adjusted_close,volume,dividend_amount,split_coefficient", lambda b: [
            at(b, "%Y-%m-%d"), *prices(b), b[4] / 2, int(b[5]), "0.0000", "1.0"], back=True), daily=True,
        filename="daily_adjusted_IBM.csv", symbol="IBM"),
    "nasdaq.com, an index without volume": Shape(
        rows("Date,Close/Last,Volume,Open,High,Low", lambda b: [
            at(b, "%m/%d/%Y"), num(b[4]), "--", num(b[1]), num(b[2]), num(b[3])], back=True), daily=True, volume=False),
    "investing.com, thousands and no volume": Shape(
        rows('"Date","Price","Open","High","Low","Vol.","Change %"', lambda b: [
            f'"{at(b, "%b %d, %Y")}"', *(f'"{v * 100:,.2f}"' for v in (b[4], b[1], b[2], b[3])), '""', '"-0.10%"'], back=True),
        daily=True, volume=False, given={"times": 100}),
    "sierra chart": Shape(
        rows("Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume", lambda b: [
            at(b, "%Y/%-m/%-d"), at(b, " %H:%M:%S.0"), *(f" {num(v)}" for v in prices(b)), f" {int(b[5])}", " 1", " 100", " 200"]),
        given=NAIVE),
    "quandl, shares": Shape(
        rows("Date,Open,High,Low,Close,Volume,Ex-Dividend,Split Ratio,Adj. Open,Adj. High,Adj. Low,Adj. Close,Adj. Volume",
             lambda b: [at(b, "%Y-%m-%d"), *prices(b), b[5], 0.0, 1.0, *(v / 7 for v in prices(b)), b[5] * 7], back=True),
        daily=True),
    "quandl, futures": Shape(
        rows("Date,Open,High,Low,Last,Change,Settle,Volume,Previous Day Open Interest", lambda b: [
            at(b, "%Y-%m-%d"), *prices(b), 0.25, b[4], b[5], 1000.0], back=True), daily=True),
    "firstratedata": Shape(csv("", "%Y-%m-%d %H:%M:%S", zone=NEW_YORK), given=US, filename="ES_full_5min_continuous_UNadjusted.txt",
                           symbol="ES"),
    "interactive brokers": Shape(
        rows(",date,open,high,low,close,volume,average,barCount", lambda b: [
            0, at(b, "%Y%m%d  %H:%M:%S", NEW_YORK), *prices(b), b[5], b[1], 5]), given=US),
    "ctrader": Shape(rows("Date;Open;High;Low;Close;Tick volume", lambda b: [at(b, "%d/%m/%Y %H:%M:%S.000"), *prices(b), int(b[5])],
                          ";"), given={"tz": "UTC", "date_order": "dmy"}),
    "national stock exchange of india": Shape(nse, daily=True),
    "bombay stock exchange": Shape(
        rows("Date,Open Price,High Price,Low Price,Close Price,WAP,No.of Shares,No. of Trades,Total Turnover (Rs.)", lambda b: [
            at(b, "%d-%B-%Y"), *prices(b), b[1], int(b[5]), 12, int(b[5] * 100)], back=True), daily=True),
    "boerse frankfurt": Shape(boerse, daily=True),
    "euronext": Shape(euronext, daily=True),
    "ariva": Shape(
        rows("Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen", lambda b: [
            at(b, "%Y-%m-%d"), *map(comma, prices(b)), f"{b[5]:,.0f}".replace(",", "."), f"{b[5] * 100:,.0f}".replace(",", ".")],
            ";", back=True), daily=True),
    "marketwatch": Shape(
        rows("Date,Open,High,Low,Close,Volume", lambda b: [
            f'"{at(b, "%m/%d/%Y")}"', *(f'"{v:,.2f}"' for v in prices(b)), f'"{b[5]:,.0f}"'], back=True), daily=True),
    "wall street journal": Shape(rows("Date, Open, High, Low, Close, Volume", lambda b: [
        at(b, "%m/%d/%y"), *(f" {num(v)}" for v in prices(b)), f" {b[5]:.0f}"], back=True), daily=True),
    "barchart": Shape(barchart, daily=True),
    "bloomberg": Shape(bloomberg, daily=True),
    "eikon": Shape(eikon, daily=True),
    "refinitiv tick history": Shape(
        rows("#RIC,Domain,Date-Time,GMT Offset,Type,Open,High,Low,Last,Volume,No. Trades", lambda b: [
            "AAPL.OQ", "Market Price", at(b, "%Y-%m-%dT%H:%M:%S.000000000Z"), -5, "Intraday 5Min", *prices(b), int(b[5]), 9]),
        symbol="AAPL.OQ"),
    "tiingo": Shape(
        rows("date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor", lambda b: [
            at(b, "%Y-%m-%dT00:00:00.000Z"), b[4], b[2], b[3], b[1], int(b[5]), *(v / 3 for v in prices(b)), b[5], 0.0, 1.0]),
        daily=True),
    "eodhd": Shape(rows("Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume", lambda b: [
        b[0], 0, f'"{at(b, "%Y-%m-%d %H:%M:%S")}"', *b[1:]])),
    "coinmarketcap": Shape(coinmarketcap, daily=True),
    "okx": Shape(rows("instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm", lambda b: [
        "BTC-USDT", *prices(b), b[5], b[5], b[5] * 100, ms(b), 1]), symbol="BTC-USDT"),
    "bybit's files": Shape(rows("start_at,open,high,low,close,volume,turnover", lambda b: [*b, b[5] * 100])),
    "bitmex": Shape(
        rows("timestamp,symbol,open,high,low,close,trades,volume,vwap,lastSize,turnover,homeNotional,foreignNotional", lambda b: [
            at(b, "%Y-%m-%dT%H:%M:%S.000Z"), "XBTUSD", *prices(b), 20, b[5], b[1], 100, 12345, 0.5, b[5]]), symbol="XBTUSD"),
    "hyperliquid": Shape(as_json(hyperliquid), symbol="BTC"),
    "dydx": Shape(as_json(dydx), symbol="BTC-USD"),
    "upbit": Shape(as_json(upbit), symbol="KRW-BTC"),
    "bithumb": Shape(as_json(lambda bars: {"status": "0000", "data": [
        [ms(b), num(b[1]), num(b[4]), num(b[2]), num(b[3]), str(b[5])] for b in bars]})),
    "coinbase advanced": Shape(as_json(lambda bars: {"candles": [
        {"start": str(b[0]), "low": num(b[3]), "high": num(b[2]), "open": num(b[1]), "close": num(b[4]), "volume": str(b[5])}
        for b in bars[::-1]]})),
    "deribit": Shape(as_json(lambda bars: {"jsonrpc": "2.0", "result": {
        "volume": [b[5] for b in bars], "ticks": [ms(b) for b in bars], "status": "ok", "open": [b[1] for b in bars],
        "low": [b[3] for b in bars], "high": [b[2] for b in bars], "cost": [b[5] * 100 for b in bars],
        "close": [b[4] for b in bars]}, "usIn": 1709544600000000, "testnet": False})),
    "ig": Shape(as_json(ig)),
    "saxo": Shape(as_json(saxo)),
    "schwab": Shape(as_json(lambda bars: {"candles": [dict(zip(
        ("open", "high", "low", "close", "volume", "datetime"), (*b[1:], ms(b)), strict=True)) for b in bars],
        "symbol": "AAPL", "empty": False}), symbol="AAPL"),
    "tradier": Shape(as_json(tradier)),
    "zerodha": Shape(as_json(lambda bars: {"status": "success", "data": {"candles": [
        [at(b, "%Y-%m-%dT%H:%M:%S%z", KOLKATA), *prices(b), int(b[5]), 0] for b in bars]}})),
    "moex": Shape(as_json(moex), given={"tz": "Europe/Moscow"}),
    "moex, csv": Shape(
        rows("candles\n\nopen;close;high;low;value;volume;begin;end", lambda b: [
            b[1], b[4], b[2], b[3], b[5] * 100, b[5], at(b, "%Y-%m-%d %H:%M:%S"),
            at((b[0] + 299, *b[1:]), "%Y-%m-%d %H:%M:%S")], ";"), given=NAIVE),
    "amibroker": Shape(rows("Ticker,Date/Time,Open,High,Low,Close,Volume", lambda b: [
        "ES", at(b, "%Y-%m-%d %H:%M:%S"), *b[1:]]), given=NAIVE, symbol="ES"),
    "thinkorswim": Shape(rows("Price history for AAPL\n\nTime,Open,High,Low,Close,Volume", lambda b: [
        at(b, "%-m/%-d/%y %-I:%M %p"), *b[1:]]), given={"tz": "UTC", "date_order": "mdy"}),
    "multicharts": Shape(rows('"<Date>","<Time>","<Open>","<High>","<Low>","<Close>","<Volume>"', lambda b: [
        at(b, "%-m/%-d/%Y"), at(b, "%H:%M:%S"), *b[1:]]), given={"tz": "UTC", "date_order": "mdy"}),
    "freqtrade": Shape(as_json(lambda bars: [[ms(b), *b[1:]] for b in bars]), filename="BTC_USDT-5m.json", symbol="BTCUSDT"),
    "fxcm": Shape(rows("DateTime,BidOpen,BidHigh,BidLow,BidClose,AskOpen,AskHigh,AskLow,AskClose,Volume", lambda b: [
        at(b, "%m/%d/%Y %H:%M:%S.000"), *prices(b), *(v + 0.5 for v in prices(b)), int(b[5])]),
        given={"tz": "UTC", "date_order": "mdy"}),
    "binance, json of text": Shape(as_json(lambda bars: [
        [ms(b), *(f"{v:.8f}" for v in b[1:]), ms(b) + 299_999, "1.0", 12, "1.0", "1.0", "0"] for b in bars])),
    "markdown": Shape(markdown, daily=True),
    "json by date": Shape(lambda bars: json.dumps({at(b, "%Y-%m-%d"): dict(named(b)) | {"Volume": b[5]} for b in bars}).encode(),
                          daily=True),
}  # fmt: skip
