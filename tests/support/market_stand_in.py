"""Stand-ins of Bitstamp and Yahoo on loopback, which the real libraries ask for candles."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

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

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
