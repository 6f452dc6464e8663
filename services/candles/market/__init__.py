"""Candles from exchanges (ccxt) and from Yahoo (yfinance), where the extra `market` is installed."""

from services.candles.market.fetching import extend, fetch
from services.candles.market.sources import Instrument, Market, market

__all__ = ["Instrument", "Market", "extend", "fetch", "market"]
