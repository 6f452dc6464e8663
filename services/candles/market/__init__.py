"""Candles from exchanges (ccxt) and from Yahoo (yfinance), where the extra `market` is installed."""

from services.candles.market.fetching import extend, fetch
from services.candles.market.sources import MISSING, Instrument, Market, market, sources

__all__ = ["MISSING", "Instrument", "Market", "extend", "fetch", "market", "sources"]
