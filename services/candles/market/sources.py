"""What a source of candles can do, and the sources by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from services.errors import InvalidInput, Unavailable

Row = tuple[int, float, float, float, float, float]  # the open in UTC seconds, open, high, low, close, volume
MISSING: Final = "Fetching candles needs the extra “market”; install it (pip install 'patterndesk[market]')."


@dataclass(frozen=True, slots=True)
class Instrument:
    """What can be fetched: the symbol to ask for and what it is."""

    symbol: str
    name: str


class Market(Protocol):
    """A source of candles. Raises InvalidInput for what it does not know, Unavailable when it can't be reached."""

    @property
    def name(self) -> str: ...

    @property
    def price_adjustment(self) -> str: ...

    def search(self, text: str) -> list[Instrument]: ...

    def pages(self, symbol: str, timeframe: str, start: int, end: int) -> Iterator[list[Row]]:
        """Bars that open from `start` to `end` (UTC seconds, both inclusive), page by page, oldest first."""
        ...


def sources() -> list[str]:
    """The names of all sources; none when the libraries are not installed."""
    try:
        from services.candles.market.exchange import known
    except ImportError:
        return []
    return ["yahoo", *known()]


def _addresses(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): address.strip() for name, _, address in pairs}


def market(name: str, *, urls: Mapping[str, str] | None = None, addresses: str = "") -> Market:
    """The source `yahoo`, or an exchange by its ccxt id. `urls` are other addresses of an exchange's API by their kind;
    `addresses` are other hosts of exchanges, such as `kraken=http://proxy:8080, …`.

    Raises InvalidInput for an unknown one, Unavailable when the libraries are not installed.
    """
    wanted = name.strip().lower()
    try:
        if wanted == "yahoo":
            from services.candles.market.yahoo import Yahoo

            return Yahoo()
        from services.candles.market.exchange import Exchange, known

        if wanted not in known():
            raise InvalidInput(f"“{name[:40]}” is no source; give yahoo or an exchange such as binance or kraken.")
        return Exchange(wanted, urls=urls, address=_addresses(addresses).get(wanted))
    except ImportError as error:
        raise Unavailable(MISSING) from error
