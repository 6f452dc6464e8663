"""Fetching by the real libraries from stand-ins of Bitstamp and Yahoo on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.candles.bars import frame_to_table
from services.candles.market import extend, fetch, market
from services.candles.market.exchange import Exchange
from services.errors import InvalidInput, Unavailable
from tests.support.candle_shapes import walk

STEP = 300
BARS = walk(1_300, STEP, 1_709_544_600)
NOW = datetime.fromtimestamp(BARS[-1][0] + 10 * STEP, UTC)
START = datetime.fromtimestamp(BARS[0][0], UTC)
PAIR = {"name": "BTC/USD", "market_symbol": "btcusd", "base_currency": "BTC", "base_decimals": 8,
        "counter_currency": "USD", "counter_decimals": 0, "minimum_order_value": "10", "trading": "Enabled",
        "instant_order_counter_decimals": 2, "instant_and_market_orders": "Enabled",
        "description": "Bitcoin / U.S. dollar", "market_type": "SPOT"}  # fmt: skip


class StandIn:
    """Answers as both services do; `refusals` are statuses to answer with first, `asked` the paths asked for."""

    def __init__(self) -> None:
        self.refusals: list[int] = []
        self.asked: list[str] = []
        self.upto = len(BARS)
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                stand_in.asked.append(parts.path)
                candles = "/ohlc/" in parts.path or "/chart/" in parts.path
                status = stand_in.refusals.pop(0) if candles and stand_in.refusals else 200
                body = (
                    json.dumps(stand_in.answer(parts.path, query)).encode() if status == 200 else b"Too many requests"
                )
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path: str, query: dict[str, str]) -> Any:
        if "trading-pairs" in path or path.endswith("/markets/"):
            return [PAIR]
        if "currencies" in path:
            return []
        if "/ohlc/" in path:
            start, limit = int(query.get("start", 0)), int(query.get("limit", 1000))
            rows = [b for b in BARS[: self.upto] if b[0] >= start][:limit]
            names = ("timestamp", "open", "high", "low", "close", "volume")
            return {"data": {"pair": "BTC/USD", "ohlc": [dict(zip(names, map(str, b), strict=True)) for b in rows]}}
        if "/search" in path:
            return {"quotes": [{"symbol": "AAPL", "shortname": "Apple Inc.", "exchange": "NMS"}], "news": []}
        return self.chart(path)

    def chart(self, path: str) -> Any:
        days = [(b[0] // 86_400 * 86_400 + i * 86_400 + 52_200, *b[1:]) for i, b in enumerate(BARS[:20])]
        base = days[0][0]
        days = [(base + i * 86_400, *b[1:]) for i, b in enumerate(days)]
        if path.endswith("/NONE"):
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return {"chart": {"result": None, "error": error}}
        quote = {name: [b[i] for b in days] for i, name in enumerate(("open", "high", "low", "close", "volume"), 1)}
        meta = {"symbol": "AAPL", "currency": "USD", "exchangeTimezoneName": "America/New_York", "gmtoffset": -18_000,
                "instrumentType": "EQUITY", "priceHint": 2, "regularMarketTime": days[-1][0], "timezone": "EST",
                "dataGranularity": "1d", "range": "", "validRanges": ["1d", "max"],
                "currentTradingPeriod": {k: {"timezone": "EST", "start": base, "end": base + 1, "gmtoffset": -18_000}
                                         for k in ("pre", "regular", "post")}}  # fmt: skip
        adjusted = [{"adjclose": [b[4] for b in days]}]
        result = {
            "meta": meta,
            "timestamp": [b[0] for b in days],
            "indicators": {"quote": [quote], "adjclose": adjusted},
        }
        return {"chart": {"result": [result], "error": None}}


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    made = StandIn()
    yield made
    made.server.shutdown()
    made.server.server_close()


def exchange(stand_in: StandIn) -> Exchange:
    return Exchange(
        "bitstamp", urls=dict.fromkeys(("public", "private"), f"{stand_in.address}/api"), sleep=lambda _: None
    )


def test_an_exchange_is_searched_and_fetched_page_by_page(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    assert [i.symbol for i in source.search("btc-usd")] == ["BTC/USD"]
    shares: list[float] = []
    found = fetch(source, "BTC/USD", "5m", start=START, progress=lambda _, share: shares.append(share), now=NOW)
    assert [int(t.timestamp()) for t in found.frame["time"]] == [b[0] for b in BARS]
    assert found.frame["close"].tolist() == [b[4] for b in BARS]
    assert (found.source_format, found.symbol, found.timeframe) == ("bitstamp", "BTC/USD", "5m")
    assert sum("/ohlc/" in path for path in stand_in.asked) >= 3 and shares == sorted(shares) and len(shares) >= 3


def test_what_came_since_is_added_and_an_unfinished_bar_is_not(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    stand_in.upto = 700
    first = fetch(source, "BTC/USD", "5m", start=START, now=datetime.fromtimestamp(BARS[699][0] + 10, UTC))
    assert len(first.frame) == 699 and "was not finished" in " ".join(first.decided)
    stand_in.upto, stand_in.asked = 900, []
    longer = extend(source, "BTC/USD", "5m", frame_to_table(first.frame), now=NOW)
    assert len(longer.frame) == 900 and sum("/ohlc/" in path for path in stand_in.asked) <= 3
    other = frame_to_table(first.frame)
    other["close"][-1] += 1
    with pytest.raises(InvalidInput, match="now gives other prices"):
        extend(source, "BTC/USD", "5m", other, now=NOW)
    with pytest.raises(InvalidInput, match="no finished candles"):
        extend(source, "BTC/USD", "5m", frame_to_table(longer.frame), now=NOW)


def test_refusals_and_errors_of_an_exchange_are_sentences(stand_in: StandIn) -> None:
    source = exchange(stand_in)
    stand_in.refusals = [429, 429]
    assert len(fetch(source, "BTC/USD", "5m", start=START, now=NOW).frame) == len(BARS), "it waits two refusals out"
    stand_in.refusals = [429] * 3
    with pytest.raises(Unavailable, match="refuses more requests"):
        fetch(source, "BTC/USD", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="does not know this symbol"):
        fetch(source, "NO/PE", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="no candles of 7m; it has 1m"):
        fetch(source, "BTC/USD", "7m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="up to 2,000,000"):
        fetch(source, "BTC/USD", "1m", start=datetime(2000, 1, 1, tzinfo=UTC), now=NOW)
    stand_in.server.shutdown()
    stand_in.server.server_close()
    with pytest.raises(Unavailable, match="can't be reached"):
        fetch(source, "BTC/USD", "5m", start=START, now=NOW)
    with pytest.raises(InvalidInput, match="is no source"):
        market("nowhere")


@pytest.fixture
def yahoo(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """The real yfinance with the stand-in's address; its cookie is another site's and left out."""
    import yfinance
    from yfinance import base, data, search
    from yfinance.scrapers import history, quote

    yfinance.set_tz_cache_location(str(tmp_path))
    for module in (base, history, search):
        monkeypatch.setattr(module, "_BASE_URL_", stand_in.address)
    monkeypatch.setattr(quote.Quote, "info", property(lambda _: {}))  # asked of other hosts for unknown symbols
    monkeypatch.setattr(data.YfData, "_get_cookie_and_crumb", lambda *a, **k: ("crumb", "basic"))
    return market("yahoo")


def test_yahoo_is_searched_and_fetched(stand_in: StandIn, yahoo: Any) -> None:
    assert [i.symbol for i in yahoo.search("apple")] == ["AAPL"]
    found = fetch(yahoo, "AAPL", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
    assert len(found.frame) == 20 and found.frame["close"].tolist() == [b[4] for b in BARS[:20]]
    assert str(found.frame["time"].iloc[0]) == "2024-03-04 00:00:00+00:00", "days open at midnight UTC as in files"
    assert found.price_adjustment == "split"
    with pytest.raises(InvalidInput, match="Yahoo keeps candles of 1m for 30 days"):
        fetch(yahoo, "AAPL", "1m", start=datetime(2020, 1, 1, tzinfo=UTC), now=datetime(2020, 1, 2, tzinfo=UTC))
    with pytest.raises(InvalidInput, match=r"no (finished )?candles"):
        fetch(yahoo, "NONE", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
    stand_in.refusals = [429] * 8
    with pytest.raises(Unavailable, match="refuses more requests"):
        fetch(yahoo, "MSFT", "1d", start=datetime(2024, 3, 1, tzinfo=UTC), now=datetime(2024, 4, 30, tzinfo=UTC))
