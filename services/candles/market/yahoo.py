"""Yahoo by yfinance: prices adjusted for splits and not for dividends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import yfinance
from yfinance import exceptions

from services.candles.market.sources import Instrument, Row
from services.errors import InvalidInput, Unavailable

# our timeframes as Yahoo names them, and how many days back Yahoo keeps them (0: all)
INTERVALS: Final = {
    "1m": ("1m", 30), "2m": ("2m", 60), "5m": ("5m", 60), "15m": ("15m", 60), "30m": ("30m", 60), "1h": ("60m", 730),
    "1d": ("1d", 0), "1w": ("1wk", 0), "1M": ("1mo", 0), "3M": ("3mo", 0),
}  # fmt: skip


class Yahoo:
    """Yahoo Finance as one more source."""

    name = "yahoo"
    price_adjustment = "split"

    def search(self, text: str) -> list[Instrument]:
        found: Any = self._call(lambda: yfinance.Search(text, max_results=20, news_count=0, raise_errors=True).quotes)
        return [
            Instrument(str(q["symbol"]), f"{q.get('shortname') or q.get('longname') or ''} ({q.get('exchange', '')})")
            for q in found
            if q.get("symbol")
        ]

    def pages(self, symbol: str, timeframe: str, start: int, end: int) -> Iterator[list[Row]]:
        if timeframe not in INTERVALS:
            raise InvalidInput(f"Yahoo has no candles of {timeframe}; it has {', '.join(INTERVALS)}.")
        interval, days = INTERVALS[timeframe]
        if days and start < datetime.now(UTC).timestamp() - days * 86_400:
            raise InvalidInput(f"Yahoo keeps candles of {timeframe} for {days} days only; begin later.")
        frame: Any = self._call(
            lambda: yfinance.Ticker(symbol).history(
                interval=interval,
                start=datetime.fromtimestamp(start, UTC),
                end=datetime.fromtimestamp(end + 1, UTC),
                auto_adjust=False,
                actions=False,
                raise_errors=True,
                timeout=20,
            )
        )
        rows: list[Row] = []
        daily = timeframe[-1] in "dwM"
        for at, bar in zip(frame.index, frame.to_dict("records"), strict=True):
            if not math.isnan(bar["Close"]):
                moment = at.tz_localize(None).tz_localize("UTC") if daily else at
                prices = (float(bar["Open"]), float(bar["High"]), float(bar["Low"]), float(bar["Close"]))
                rows.append((int(moment.timestamp()), *prices, float(bar["Volume"] or 0)))
        if rows:
            yield rows

    def _call(self, what: Any) -> Any:
        try:
            return what()
        except exceptions.YFRateLimitError as error:
            raise Unavailable(
                "Yahoo refuses more requests for now; try again in some minutes.", retry_after_s=300
            ) from error
        except exceptions.YFTickerMissingError as error:
            raise InvalidInput(
                "Yahoo has no candles for this symbol and range; search for the symbol first."
            ) from error
        except exceptions.YFException as error:
            raise InvalidInput(f"Yahoo refuses the request: {' '.join(str(error).split())[:160]}") from error
        except Exception as error:
            raise Unavailable(f"Yahoo can't be reached: {' '.join(str(error).split())[:160]}") from error
