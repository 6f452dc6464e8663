"""Exchanges by ccxt, page by page within their limits."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import ccxt

from services.candles.market.sources import Instrument, Row
from services.candles.times import timeframe_seconds
from services.errors import InvalidInput, Unavailable

PAGE: Final = 500  # candles asked for at once
TRIES: Final = 3
FOUND: Final = 50  # instruments that a search answers with


def known() -> list[str]:
    """The ids of the exchanges that ccxt knows."""
    return list(ccxt.exchanges)


class Exchange:
    """One exchange. Its limits are kept by ccxt; a refusal for too many requests is waited out `TRIES` times."""

    price_adjustment = "raw"

    def __init__(
        self,
        name: str,
        *,
        urls: Mapping[str, str] | None = None,
        address: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._sleep = sleep
        self._api: Any = getattr(ccxt, name)({"enableRateLimit": True, "timeout": 20_000})
        if urls:
            self._api.urls["api"] = {**self._api.urls["api"], **urls}
        if address:
            self._api.urls["api"] = _elsewhere(self._api.urls["api"], address.rstrip("/"))

    def search(self, text: str) -> list[Instrument]:
        wanted = text.strip().upper().replace("-", "/")
        markets = self._call(self._api.load_markets).values()
        hits = [m for m in markets if wanted.replace("/", "") in str(m["symbol"]).replace("/", "").upper()]
        hits.sort(key=lambda m: (not m.get("spot"), len(m["symbol"]), m["symbol"]))
        return [Instrument(m["symbol"], f"{m['base']} in {m['quote']}, {m.get('type', 'spot')}") for m in hits[:FOUND]]

    def pages(self, symbol: str, timeframe: str, start: int, end: int) -> Iterator[list[Row]]:
        if not self._api.has.get("fetchOHLCV"):
            raise InvalidInput(f"{self.name} gives no candles.")
        if self._api.timeframes and timeframe not in self._api.timeframes:
            known_ = ", ".join(self._api.timeframes)
            raise InvalidInput(f"{self.name} has no candles of {timeframe}; it has {known_}.")
        self._call(self._api.load_markets)
        at, step = start, timeframe_seconds(timeframe)
        while at <= end:
            found = self._call(self._api.fetch_ohlcv, symbol, timeframe, at * 1000, PAGE)
            rows = [_row(candle) for candle in found if at * 1000 <= candle[0] <= end * 1000]
            if rows:
                yield rows
                at = rows[-1][0] + step
            elif found and found[0][0] > at * 1000 and found[0][0] <= end * 1000:
                at = found[0][0] // 1000
            else:
                return

    def _call(self, what: Callable[..., Any], *arguments: Any) -> Any:
        for left in reversed(range(TRIES)):
            try:
                return what(*arguments)
            except ccxt.BadSymbol as error:
                raise InvalidInput(f"{self.name} does not know this symbol; search for it first.") from error
            except ccxt.RateLimitExceeded as error:
                if not left:
                    raise Unavailable(
                        f"{self.name} refuses more requests for now; try again in some minutes.", retry_after_s=120
                    ) from error
                self._sleep(2.0 * (TRIES - left))
            except ccxt.NetworkError as error:
                raise Unavailable(f"{self.name} can't be reached: {_short(error)}") from error
            except ccxt.BaseError as error:
                raise InvalidInput(f"{self.name} refuses the request: {_short(error)}") from error
        raise AssertionError("the last try either returns or raises")


def _elsewhere(urls: Any, address: str) -> Any:
    """The addresses of an API with the same paths on another host."""
    if isinstance(urls, dict):
        return {key: _elsewhere(value, address) for key, value in urls.items()}
    return re.sub(r"^https?://[^/]+", address, urls) if isinstance(urls, str) else urls


def _row(candle: list[Any]) -> Row:
    at, first, high, low, last, volume = candle[:6]
    return int(at) // 1000, float(first), float(high), float(low), float(last), float(volume or 0)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())[:160]
    return text if text.endswith(".") else f"{text}."
