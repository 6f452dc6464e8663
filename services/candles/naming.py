"""Symbol and timeframe by the names that exports give their files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

_SUFFIXES: Final = {".csv", ".txt", ".tsv", ".json", ".parquet", ".feather", ".xlsx", ".gz", ".zip", ".bz2", ".xz", ".prn",
                    ".dat", ".asc", ".ndjson", ".jsonl", ".pq"}  # fmt: skip
_UNITS: Final = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "m": "m", "min": "m", "mins": "m", "minute": "m",
    "minutes": "m", "t": "m", "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "hourly": "h", "d": "d",
    "day": "d", "days": "d", "w": "w", "wk": "w", "week": "w", "weeks": "w", "mn": "M", "mo": "M", "mon": "M",
    "month": "M", "months": "M",
}  # fmt: skip
_ALONE: Final = {"daily": "1d", "day": "1d", "d": "1d", "eod": "1d", "hourly": "1h", "hour": "1h", "h": "1h",
                 "minute": "1m", "minutely": "1m", "min": "1m", "weekly": "1w", "week": "1w", "w": "1w",
                 "monthly": "1M", "month": "1M", "mn": "1M"}  # fmt: skip
_METATRADER: Final = re.compile(r"(M|H|D|W|MN)(\d{1,3})", re.IGNORECASE)
_COUNTED: Final = re.compile(r"(\d{1,4})[ _-]?([A-Za-z]+)")
_TRADINGVIEW: Final = re.compile(r"(?:([A-Z0-9_]+?)_)?([A-Z0-9.!&^=/-]+), (\d+[SHDWM]?|[SHDWM])(?:[ _(\[-].*)?")
_JOINED: Final = re.compile(
    r"([A-Z]{4,10}?(?:[.#+-][a-z0-9]{1,4})?)(MN1|[MH](?:\d|1\d|20|30|45)|D1|W1|Daily|Weekly|Monthly|Hourly)"
)
# MetaTrader 4 names its files after the minutes: EURUSD240.csv; exchanges write them behind a line: XBTUSD_60.csv
_MINUTES: Final = re.compile(r"(?:1|2|3|5|10|15|20|30|45|60|120|180|240|360|480|720|1440|10080|43200)")
_GLUED: Final = re.compile(rf"([A-Z]{{6}}(?:[.#+-]?[a-z]{{1,4}})?)({_MINUTES.pattern})")
_SECONDS: Final = {"300": "5m", "900": "15m", "1800": "30m", "3600": "1h", "14400": "4h", "21600": "6h", "86400": "1d"}
_PAIR: Final = re.compile(r"([A-Za-z0-9^]{2,10})-([A-Za-z]{1,10})")
_PERPETUAL: Final = frozenset(["PERP", "PERPETUAL", "SWAP"])
_EXCHANGES: Final = frozenset(
    [
        "BINANCE",
        "BITSTAMP",
        "COINBASE",
        "KRAKEN",
        "BYBIT",
        "OKX",
        "OKEX",
        "KUCOIN",
        "BITFINEX",
        "GEMINI",
        "HUOBI",
        "GATEIO",
        "BITMEX",
        "DERIBIT",
        "NASDAQ",
        "NYSE",
        "AMEX",
        "ARCA",
        "BATS",
        "CBOE",
        "CME",
        "COMEX",
        "NYMEX",
        "CBOT",
        "ICE",
        "LSE",
        "XETR",
        "XETRA",
        "FWB",
        "EURONEXT",
        "TSE",
        "TSX",
        "ASX",
        "HKEX",
        "NSE",
        "BSE",
        "SIX",
        "MIL",
        "OANDA",
        "FXCM",
        "FX",
        "FOREXCOM",
        "PEPPERSTONE",
        "ICMARKETS",
        "SAXO",
        "CAPITALCOM",
        "TVC",
        "SP",
        "DJ",
        "INDEX",
        "CRYPTO",
        "FOREX",
        "STOCK",
        "STOCKS",
        "ETF",
        "FUTURES",
        "SPOT",
        "PERP",
        "UM",
        "CM",
        "YAHOO",
        "STOOQ",
        "FINAM",
        "IBKR",
        "TRADINGVIEW",
        "METATRADER",
        "MT",
        "MT4",
        "MT5",
        "NT",
        "NINJATRADER",
        "POLYGON",
        "ALPACA",
        "TIINGO",
        "DUKASCOPY",
        "HISTDATA",
        "KAGGLE",
        "CRYPTODATADOWNLOAD",
    ]
)
_WORDS: Final = frozenset(
    [
        "dat",
        "ascii",
        "ms",
        "xlsx",
        "csv",
        "candle",
        "candles",
        "candlestick",
        "candlesticks",
        "bar",
        "bars",
        "bid",
        "ask",
        "mid",
        "last",
        "ohlc",
        "ohlcv",
        "kline",
        "klines",
        "data",
        "historical",
        "history",
        "hist",
        "price",
        "prices",
        "export",
        "exported",
        "chart",
        "download",
        "intraday",
        "daily",
        "hourly",
        "weekly",
        "monthly",
        "minute",
        "minutes",
        "hour",
        "hours",
        "day",
        "days",
        "week",
        "month",
        "adjusted",
        "unadjusted",
        "raw",
        "clean",
        "sample",
        "test",
        "file",
        "quotes",
        "quote",
        "table",
        "sheet",
        "utc",
        "gmt",
        "est",
        "local",
        "time",
        "series",
        "full",
        "compact",
        "all",
        "max",
        "from",
        "to",
        "the",
        "of",
        "us",
        "usa",
        "new",
        "copy",
        "final",
        "eod",
        "no",
        "vol",
        "volume",
        "stock",
        "rates",
        "with",
        "and",
        "in",
        "dukascopy",
        "historicaldata",
        "nosession",
        "rth",
        "eth",
        "backtest",
        "xnas",
        "xnys",
        "xlon",
        "continuous",
        "download",
        "quote",
        "equity",
        "candlestick",
        "eq",
    ]
)
_CURRENCIES: Final = frozenset(
    [
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "CHF",
        "AUD",
        "NZD",
        "CAD",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
        "HUF",
        "TRY",
        "ZAR",
        "MXN",
        "SGD",
        "HKD",
        "CNH",
        "CNY",
        "INR",
        "BRL",
        "RUB",
        "USDT",
        "USDC",
        "BUSD",
        "BTC",
        "ETH",
        "XAU",
        "XAG",
        "XRP",
        "SOL",
        "ADA",
        "DOGE",
        "LTC",
        "BNB",
    ]
)


@dataclass(frozen=True, slots=True)
class Named:
    """What a name says; None where it says nothing."""

    symbol: str | None = None
    timeframe: str | None = None


def read_name(filename: str) -> Named:
    """`EURUSD_H1_2024…` → EURUSD, 1h; `BTCUSDT-15m-2024-03` → BTCUSDT, 15m; `NASDAQ_AAPL, 5` → AAPL, 5m."""
    stem = _stem(filename).removeprefix("#")
    view = _TRADINGVIEW.fullmatch(stem)
    if view:
        return Named(view[2].replace("/", "")[:32], minutes_or_unit(view[3]))
    joined = re.match(rf"{_JOINED.pattern}(?![A-Za-z0-9])", stem)
    if joined:
        return Named(joined[1].upper(), timeframe_named(joined[2]))
    glued = _GLUED.fullmatch(stem)
    if glued:
        return Named(glued[1].upper(), minutes_or_unit(glued[2]))
    stem = re.sub(r"(?i)candlestick_(\d+)_m(?=_)", r"candlestick_\1_min", stem)  # Dukascopy's M are minutes
    words = [w for w in re.split(r"[\s_,()\[\]+-]+|(?<![\d.])\.(?=[A-Za-z])|\.(?=\d)", stem) if w]
    timeframe, rest = _take_timeframe(words)
    return Named(_class_of(stem, rest) or _symbol(rest), timeframe)


def _class_of(stem: str, words: list[str]) -> str | None:
    """A symbol with a line in it, as Yahoo and Coinbase write them: `BTC-USD`, `BRK-B`, `ETH-PERP`."""
    for part in re.split(r"[\s_,()\[\]]+", stem):
        pair = _PAIR.match(part)
        if pair is None or pair[1] not in words or pair[2] not in words or (part[pair.end() :][:1] or "-") != "-":
            continue
        first, second = pair[1].upper(), pair[2].upper()
        currencies = first in _CURRENCIES and second in _CURRENCIES
        share = pair[0] == first + "-" + second and len(second) == 1 and len(first) <= 5
        if currencies or share or second in _PERPETUAL:
            return f"{first}-{second}"
    return None


def _stem(filename: str) -> str:
    path = PurePath(filename)
    while path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    return re.sub(r"\s*\(\d+\)$", "", path.name).strip()


def minutes_or_unit(text: str) -> str | None:
    """A resolution as charts name it: `5` and `60` are minutes, `D`, `1W`, `1M` days, weeks, months, `30S` seconds."""
    found = re.fullmatch(r"(\d*)([SHDWM]?)", text.strip().upper())
    if not found or not (found[1] or found[2]):
        return timeframe_named(text)
    count, unit = int(found[1] or 1), found[2]
    if unit:
        return f"{count}{unit if unit == 'M' else unit.lower()}"
    if count and count % 1440 == 0:
        return f"{count // 1440}d"
    return f"{count // 60}h" if count and count % 60 == 0 else f"{count}m" if count else None


def timeframe_named(text: str) -> str | None:
    """`H1`, `M15`, `MN1`, `15m`, `5 min`, `1Hour`, `daily` as a timeframe; None for what is none."""
    word = text.strip()
    meta = _METATRADER.fullmatch(word)
    if meta and int(meta[2]):
        unit = {"M": "m", "H": "h", "D": "d", "W": "w", "MN": "M"}[meta[1].upper()]
        return _shortest(int(meta[2]), unit)
    counted = _COUNTED.fullmatch(word)
    if counted and int(counted[1]):
        unit_ = "M" if counted[2] == "M" else _UNITS.get(counted[2].lower())
        return _shortest(int(counted[1]), unit_) if unit_ else None
    return _ALONE.get(word.lower())


def _shortest(count: int, unit: str) -> str:
    """`60 m` as `1h`, `24 h` as `1d`."""
    for smaller, size, larger in (("s", 60, "m"), ("m", 60, "h"), ("h", 24, "d")):
        if unit == smaller and count % size == 0:
            count, unit = count // size, larger
    return f"{count}{unit}"


def _take_timeframe(words: list[str]) -> tuple[str | None, list[str]]:
    for i, word in enumerate(words):
        if i + 1 < len(words) and re.fullmatch(r"\d{1,3}", word) and words[i + 1].lower() in _UNITS:
            found = timeframe_named(f"{word} {words[i + 1]}")
            if found:
                return found, [*words[:i], *words[i + 2 :]]
    counted = [i for i, word in enumerate(words) if re.fullmatch(r"\d+[A-Za-z]+", word)]
    for i in [*counted, *(i for i in range(len(words)) if i not in counted)]:
        word = words[i]
        if len(word) > 1 or i > 0:
            found = timeframe_named(word)
            if found and len(words) != 1:
                return found, [*words[:i], *words[i + 1 :]]
    if len(words) > 1 and (_MINUTES.fullmatch(words[-1]) or words[-1] in _SECONDS):
        return _SECONDS.get(words[-1]) or minutes_or_unit(words[-1]), words[:-1]
    return None, words


def _symbol(words: list[str]) -> str | None:
    kept = [w for w in words if not re.fullmatch(r"[\d.:T-]*\d[\d.:TZ-]*", w) and w.lower() not in _WORDS]
    named = [w for w in kept if re.search(r"[A-Za-z]", w) and w.upper() not in _EXCHANGES] or [
        w for w in kept if re.search(r"[A-Za-z]", w)
    ]
    if not named:
        named = [w for w in words if re.search(r"[A-Za-z]", w)][:1]  # a name of common words is still a name
    if not named:
        return None
    if len(named) > 1 and named[0].upper() in _CURRENCIES and named[1].upper() in _CURRENCIES:
        return named[0].upper() + named[1].upper()
    capitals = [w for w in named if w == w.upper()]
    best = capitals[0] if capitals else "_".join(named)
    return best.upper()[:32] if re.fullmatch(r"[A-Za-z0-9^][A-Za-z0-9._:/=^&!#-]*", best) else None
